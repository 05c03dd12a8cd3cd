"""Memory of a machine: the largest need of any step, since steps are counted one after another."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from cloudify_scipion.catalogue import needs_numbers as n
from cloudify_scipion.catalogue.needs_steps import Step, is_true, real, whole
from cloudify_scipion.project.model import Acquisition

_VOLUMES = ("classify3d", "refine", "initial")
_PARTICLES = ("classify2d", *_VOLUMES)


def ram(steps: Sequence[Step], acquisition: Acquisition) -> tuple[float, str]:
    """RAM in whole GB, rounded up, and why."""
    if not steps:
        return n.TYPICAL_RAM_GB.value, f"there is no workflow: {n.TYPICAL_RAM_GB.source}"
    found = [(gb, why) for step in steps for gb, why in _of_step(step, acquisition)]
    small = n.SMALL_STEP_RAM_GB
    found.append((small.value, f"a small step: {small.value:g} GB ({small.source})"))
    gb, why = max(found, key=lambda item: item[0])
    total = gb + n.SYSTEM_RAM_GB.value
    system = f"{n.SYSTEM_RAM_GB.value:g} GB for the system ({n.SYSTEM_RAM_GB.source})"
    return math.ceil(round(total, 6)), f"{why}; with {system} {total:.1f} GB, rounded up"


def _of_step(step: Step, acquisition: Acquisition) -> Iterator[tuple[float, str]]:
    """What a step holds in memory, in GB, and how that was worked out."""
    per_process = step.facts.ram_gb_per_process
    if per_process is not None:
        yield per_process * step.mpi, f"{step.name}: {step.mpi} x {per_process:g} GB a process (the catalogue's figure)"
    if step.facts.phase == "movies":
        yield _movies(step, acquisition)
    if step.facts.phase in _VOLUMES:
        yield _volumes(step)
    if step.facts.phase in _PARTICLES and is_true(step.parameters.get("allParticlesRam")):
        yield from _particles(step, acquisition)


def _movies(step: Step, acquisition: Acquisition) -> tuple[float, str]:
    if acquisition.detector is None or acquisition.frames is None:
        unknown = "detector" if acquisition.detector is None else "frames"
        return _typical(f"{step.name}: acquisition.{unknown} is not known")
    width, height = acquisition.detector
    binning = max(1.0, real(step.parameters.get("binFactor"), acquisition.bin_factor))
    movie = width * height * acquisition.frames * n.BYTES_PER_PIXEL.value / binning**2 / 1e9
    binned = f" / {binning:g}^2 ({n.BINNED_EARLY})" if binning > 1 else ""
    size = f"{width} x {height} pixels x {acquisition.frames} frames x {n.BYTES_PER_PIXEL.value:g} bytes{binned}"
    at_once = max(step.mpi, step.cards)
    copies, source = n.MOVIE_COPIES.value, n.MOVIE_COPIES.source
    if at_once * n.MOVIE_COPIES_PER_PROCESS.value > copies:
        copies = at_once * n.MOVIE_COPIES_PER_PROCESS.value
        source = f"{at_once} movies at once, {n.MOVIE_COPIES_PER_PROCESS}"
    return movie * copies, f"{step.name}: {size} = {movie:.2f} GB a movie, x {copies:g} copies ({source})"


def _volumes(step: Step) -> tuple[float, str]:
    if not step.box:
        return _typical(f"{step.name}: the box size is not known")
    classes = 1 if step.facts.phase == "refine" else max(1, whole(step.parameters.get("numberOfClasses"), 1))
    # Classification stays below half of the box's resolution, so its volumes have an eighth of the voxels.
    side = step.box if step.facts.phase == "refine" else step.box / 2
    gb = n.VOLUME_BYTES_PER_VOXEL.value * side**3 * classes * step.followers / 1e9
    half = "" if step.facts.phase == "refine" else " (half the box: estimate, classes stay at low resolution)"
    size = f"{n.VOLUME_BYTES_PER_VOXEL.value:g} bytes x {side:g}^3{half}"
    counts = f"{_times(classes, 'class', 'classes')}{_times(step.followers, 'process', 'processes')}"
    return gb, f"{step.name}: {size}{counts} = {gb:.1f} GB ({n.VOLUME_BYTES_PER_VOXEL.source})"


def _particles(step: Step, acquisition: Acquisition) -> Iterator[tuple[float, str]]:
    if not step.box or not acquisition.particles:
        yield _typical(f"{step.name}: it reads all particles into memory, and their number or box is not known")
    else:
        gb = acquisition.particles * step.box**2 * 4 / 1e9
        size = f"{acquisition.particles} particles x {step.box}^2 x 4 bytes = {gb:.1f} GB"
        yield gb, f"{step.name}: all particles in memory, {size} ({n.PARTICLES_IN_RAM})"


def _typical(why: str) -> tuple[float, str]:
    gb = n.TYPICAL_RAM_GB.value - n.SYSTEM_RAM_GB.value
    return gb, f"{why}; a typical project's {n.TYPICAL_RAM_GB.value:g} GB in all ({n.TYPICAL_RAM_GB.source})"


def _times(number: int, one: str, many: str) -> str:
    return f" x {number} {one if number == 1 else many}"
