"""Memory of a machine: the largest need of any step, since steps are counted one after another."""

from __future__ import annotations

from collections.abc import Iterator

from cloudify_scipion.catalogue.entries.model import Number
from cloudify_scipion.catalogue.sizing import figures as n
from cloudify_scipion.catalogue.sizing.steps import Step, real, whole
from cloudify_scipion.catalogue.sizing.terms import Factor, Figure, Term, counted, product
from cloudify_scipion.project.model import Acquisition
from cloudify_scipion.project.workflow import is_true

_GB = 1e-9
_VOLUMES = ("classify3d", "refine", "initial")
_PARTICLES = ("classify2d", *_VOLUMES)


def memory_of(step: Step, acquisition: Acquisition) -> tuple[Term, ...]:
    """What a step holds in memory, in GB: from the data, or else the catalogue's figure, or a typical one."""
    if parts := tuple(_from_data(step, acquisition)):
        return parts
    if number := step.facts.ram_gb_per_process:
        return (product(Factor(step.mpi), Factor(number.value, "GB a process", source_of(number))),)
    if step.facts.phase not in ("movies", *_VOLUMES):
        return (product(Factor(n.SMALL_STEP_RAM_GB.value, "GB", n.SMALL_STEP_RAM_GB.source, "a small step,")),)
    missing = "the box size is" if step.facts.phase in _VOLUMES else "detector or frames are"
    beside = n.TYPICAL_RAM_GB.value - n.SYSTEM_RAM_GB.value
    return (Term(beside, (n.TYPICAL_RAM_GB.times("GB in all"),), missing=missing),)


def source_of(number: Number) -> str:
    """Why a number of the catalogue is believed."""
    return f"the catalogue: {number.source}" if number.source else f"the catalogue's estimate: {number.estimate}"


def _from_data(step: Step, acquisition: Acquisition) -> Iterator[Term]:
    if step.facts.phase == "movies" and acquisition.detector and acquisition.frames:
        yield _movies(step, acquisition.detector, acquisition.frames, acquisition.bin_factor)
    if step.facts.phase in _VOLUMES and step.box:
        yield _volumes(step, step.box)
    all_in_ram = step.facts.phase in _PARTICLES and is_true(step.parameters.get("allParticlesRam"))
    if all_in_ram and step.box and acquisition.particles:
        particles = Factor(acquisition.particles, "particles", label="all")
        yield product(
            particles, Factor(step.box, power=2), Factor(4, "bytes"), scale=_GB, unit="GB", source=n.PARTICLES_IN_RAM
        )


def _movies(step: Step, detector: tuple[int, int], frames: int, bin_factor: float) -> Term:
    asked = real(step.parameters.get("binFactor"), bin_factor)
    binning = asked if 1 <= asked <= n.MAX_BINNING else bin_factor
    binned = (Factor(binning, source=n.BINNED_EARLY, power=-2),) if binning > 1 else ()
    pixels = (Factor(detector[0]), Factor(detector[1], "pixels"))
    per_pixel = (Factor(frames, "frames"), Factor(n.BYTES_PER_PIXEL.value, "bytes"))
    copies, at_once = n.MOVIE_COPIES, max(step.mpi, step.cards)
    if (held := at_once * n.MOVIE_COPIES_PER_PROCESS.value) > copies.value:
        each = n.MOVIE_COPIES_PER_PROCESS
        copies = Figure(held, f"{at_once} movies at once, {each.value:g} ({each.source})")
    return product(*pixels, *per_pixel, *binned, scale=_GB, unit="GB a movie", later=(copies.times("copies"),))


def _volumes(step: Step, box: int) -> Term:
    refine = step.facts.phase == "refine"
    classes = 1 if refine else max(1, whole(step.parameters.get("numberOfClasses"), 1))
    side = Factor(box, power=3) if refine else Factor(box / 2, source=n.HALF_BOX, power=3)
    counts = counted(classes, "class", "classes"), counted(step.followers, "process", "processes")
    per_voxel = n.VOLUME_BYTES_PER_VOXEL
    return product(Factor(per_voxel.value, "bytes"), side, *counts, scale=_GB, unit="GB", source=per_voxel.source)
