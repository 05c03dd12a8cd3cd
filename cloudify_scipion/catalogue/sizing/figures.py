"""The constants of needs and hours, each with its source. A number nobody has measured says `estimate` and why.

To calibrate one, change it here and say in its source what it was calibrated to. GB are 10^9 bytes.
"""

from __future__ import annotations

from cloudify_scipion.catalogue.sizing.terms import Figure

TALK = "IBERGRID 2018 talk"
RELION_SOURCE = "RELION's source code (3dem/relion)"

# Memory of a machine.

SYSTEM_RAM_GB = Figure(2, "estimate: system, desktop and Scipion's own windows")
SMALL_STEP_RAM_GB = Figure(2, "estimate: a step that holds neither movies nor volumes")
TYPICAL_RAM_GB = Figure(20, f"{TALK}: 20 to 60 GB, by software package; the lower end")
BYTES_PER_PIXEL = Figure(4, f"{RELION_SOURCE}, motioncorr_runner.cpp: frames are held as float")
MOVIE_COPIES = Figure(6.6, f"calibrated: {TALK}, IFCA tests")
"""Copies of a movie that the whole machine has room for while it aligns one.

What the talk says of EMPIAR-10061 at IFCA, in this model (movie x copies + system): at full resolution 22 GB were too
little and 60 GB are necessary, so 2.3 < copies <= 6.7; for a map at low resolution (here: binned by 2) 15 GB were too
little and 22 GB enough, so 6.0 < copies <= 9.2. Both hold above 6.0 and up to 6.7.
"""
MOVIE_COPIES_PER_PROCESS = Figure(
    2,
    "RELION's author: over 100 GB a process for 200 frames of 8K x 8K, bitbucket.org/scheres/relion-3.0_beta/issues/37",
)
"""With more processes than the tests had, each holds its frames and their Fourier transforms."""
BINNED_EARLY = f"{RELION_SOURCE}: --early_binning, on by default since 3.1, bins frames as they are read"
MAX_BINNING = 16
"""Movies are binned by no more (the project file's limit, too); a larger number in a workflow is a mistake."""
VOLUME_BYTES_PER_VOXEL = Figure(
    160, f"{RELION_SOURCE}: half of a Fourier volume padded 2x, 16 + 16 + 8 bytes for reference, sum and weight"
)
"""Per voxel of a box, class and process, in double precision (DoublePrec_CPU, on by default): 1/2 x 2^3 x 40."""
HALF_BOX = "half the box: an estimate, classes stay below half of its resolution"
PARTICLES_IN_RAM = "scipion-em-relion 4.0.20, help of allParticlesRam: N x box^2 x 4 bytes"

# Other needs.

TYPICAL_CPUS = Figure(12, f"{TALK}: 12 to 32 cores; the lower end")
DISK_GB = Figure(20, "estimate: system, Scipion, EM packages and room for logs; the data are on the volume")
GPU_MEMORY_GB = Figure(8, f"{TALK}: at least 8 GB")
COMPUTE_CAPABILITY = Figure(3.7, f"{TALK}: higher than 3.5, and 3.7 is the next that NVIDIA made")
GPU_BYTES_PER_VOXEL = Figure(80, "estimate: RELION's volumes as in main memory, in single precision")
ONE_PROCESS_PER_CARD = "one process a card, as RELION advises for refinement (github.com/3dem/relion/issues/1075)"

# How long a project takes.

WITH_GPU = Figure(14, f"{TALK}: 2 weeks with 1 GPU")
WITHOUT_GPU = Figure(60, f"{TALK}: 2 months without a GPU")
CPU_FACTOR = Figure(WITHOUT_GPU.value / WITH_GPU.value, f"{TALK}: 2 months in place of 2 weeks")
"""How much longer classification and refinement take without a GPU."""
BENCHMARK = "clusterra.cloud/blogs/relion-cryoem-3dclass-case-study.html"
CLASSIFY_3D_SECONDS = Figure(
    198 * 60 / (105_247 * 6 * 25), f"105,247 particles x 6 classes x 25 iterations in 198 min on one A10G, {BENCHMARK}"
)
"""GPU seconds per particle, class and iteration, with particles of 360 pixels (RELION's own benchmark data)."""
CLASSIFY_2D_SECONDS = Figure(0.004, "estimate: about an hour for 100,000 particles and 10 iterations")
"""GPU seconds per particle and iteration."""
REFINE_CLASSES_X_ITERATIONS = Figure(
    150, "estimate: a refinement costs as much as the benchmark's 6 classes x 25 iterations"
)
BENCHMARK_BOX = Figure(360, "estimate: time grows with the pixels of a particle; the benchmark's box is 360")
GPU_SCALING = Figure(0.525, f"4 cards were 2.07 times as fast as one, {BENCHMARK}")
"""n cards are n^0.525 times as fast as one."""
MOVIE_CORE_SECONDS_PER_GB = Figure(240, "estimate: alignment on the CPU, core seconds per GB of frames")
MOVIE_GPU_SECONDS_PER_GB = Figure(10, "estimate: alignment on a GPU, seconds per GB of frames")
CTF_CORE_SECONDS = Figure(60, "estimate: core seconds per micrograph")
PICK_CORE_SECONDS = Figure(60, "estimate: core seconds per micrograph")
GPU_MICROGRAPH_SECONDS = Figure(5, "estimate: seconds per micrograph on a GPU")
EXTRACT_CORE_SECONDS = Figure(0.05, "estimate: core seconds per particle")
POLISH_CORE_SECONDS = Figure(600, "estimate: core seconds per movie")
INITIAL_HOURS = Figure(1, "estimate: gradient descent on subsets, whatever the number of particles")
SMALL_STEP_HOURS = Figure(0.1, "estimate: minutes")
