"""Memory of a machine: the largest need of any step, since steps are counted one after another."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from cloudify_scipion.catalogue.entries.model import Number
from cloudify_scipion.catalogue.sizing import figures as n
from cloudify_scipion.catalogue.sizing.steps import Step, is_true, real, whole
from cloudify_scipion.project.model import Acquisition

_VOLUMES = ("classify3d", "refine", "initial")
_PARTICLES = ("classify2d", *_VOLUMES)
_Gb = tuple[float, str]


def ram(steps: Sequence[Step], acquisition: Acquisition) -> _Gb:
    """RAM in whole GB, rounded up, and why."""
    if not steps:
        return n.TYPICAL_RAM_GB.value, f"there is no workflow: {n.TYPICAL_RAM_GB.source}"
    gb, why = max((_of_step(step, acquisition) for step in steps), key=lambda item: item[0])
    total = gb + n.SYSTEM_RAM_GB.value
    system = f"{n.SYSTEM_RAM_GB.value:g} GB for the system ({n.SYSTEM_RAM_GB.source})"
    return math.ceil(round(total, 6)), f"{why}; with {system} {total:.1f} GB, rounded up"


def reason_of(number: Number) -> str:
    """Why a number of the catalogue is believed."""
    return f"the catalogue: {number.source}" if number.source else f"the catalogue's estimate: {number.estimate}"


def _of_step(step: Step, acquisition: Acquisition) -> _Gb:
    """What a step holds in memory, in GB, and why: from the data, or else the catalogue's figure, or a typical one."""
    parts = list(_from_data(step, acquisition))
    if not parts and step.facts.ram_gb_per_process:
        per_process = step.facts.ram_gb_per_process
        counted = f"{step.mpi} x {per_process.value:g} GB a process"
        parts = [(per_process.value * step.mpi, f"{counted} ({reason_of(per_process)})")]
    if not parts:
        parts = [_without_figure(step)]
    return sum(gb for gb, _ in parts), f"{step.name}: {'; and '.join(why for _, why in parts)}"


def _from_data(step: Step, acquisition: Acquisition) -> Iterator[_Gb]:
    if step.facts.phase == "movies" and acquisition.detector and acquisition.frames:
        yield _movies(step, acquisition.detector, acquisition.frames, acquisition.bin_factor)
    if step.facts.phase in _VOLUMES and step.box:
        yield _volumes(step, step.box)
    all_in_ram = step.facts.phase in _PARTICLES and is_true(step.parameters.get("allParticlesRam"))
    if all_in_ram and step.box and acquisition.particles:
        yield _particles(acquisition.particles, step.box)


def _movies(step: Step, detector: tuple[int, int], frames: int, bin_factor: float) -> _Gb:
    asked = real(step.parameters.get("binFactor"), bin_factor)
    binning = asked if 1 <= asked <= n.MAX_BINNING else bin_factor
    movie = detector[0] * detector[1] * frames * n.BYTES_PER_PIXEL.value / binning**2 / 1e9
    binned = f" / {binning:g}^2 ({n.BINNED_EARLY})" if binning > 1 else ""
    size = f"{detector[0]} x {detector[1]} pixels x {frames} frames x {n.BYTES_PER_PIXEL.value:g} bytes{binned}"
    at_once = max(step.mpi, step.cards)
    copies, source = n.MOVIE_COPIES.value, n.MOVIE_COPIES.source
    if at_once * n.MOVIE_COPIES_PER_PROCESS.value > copies:
        copies = at_once * n.MOVIE_COPIES_PER_PROCESS.value
        source = f"{at_once} movies at once, {n.MOVIE_COPIES_PER_PROCESS}"
    return movie * copies, f"{size} = {movie:.2f} GB a movie, x {copies:g} copies ({source})"


def _volumes(step: Step, box: int) -> _Gb:
    refine = step.facts.phase == "refine"
    classes = 1 if refine else max(1, whole(step.parameters.get("numberOfClasses"), 1))
    side = box if refine else box / 2
    gb = n.VOLUME_BYTES_PER_VOXEL.value * side**3 * classes * step.followers / 1e9
    half = "" if refine else f" ({n.HALF_BOX})"
    size = f"{n.VOLUME_BYTES_PER_VOXEL.value:g} bytes x {side:g}^3{half}"
    counts = f"{_times(classes, 'class', 'classes')}{_times(step.followers, 'process', 'processes')}"
    return gb, f"{size}{counts} = {gb:.1f} GB ({n.VOLUME_BYTES_PER_VOXEL.source})"


def _particles(particles: int, box: int) -> _Gb:
    gb = particles * box**2 * 4 / 1e9
    return gb, f"all {particles} particles x {box}^2 x 4 bytes = {gb:.1f} GB ({n.PARTICLES_IN_RAM})"


def _without_figure(step: Step) -> _Gb:
    """A step of which the catalogue says nothing, or whose data are not known."""
    if step.facts.phase in ("movies", *_VOLUMES):
        unknown = "the box size is" if step.facts.phase in _VOLUMES else "detector or frames are"
        gb = n.TYPICAL_RAM_GB.value - n.SYSTEM_RAM_GB.value
        return gb, f"{unknown} not known; {n.TYPICAL_RAM_GB.value:g} GB in all ({n.TYPICAL_RAM_GB.source})"
    small = n.SMALL_STEP_RAM_GB
    return small.value, f"a small step, {small.value:g} GB ({small.source})"


def _times(number: int, one: str, many: str) -> str:
    return f" x {number} {one if number == 1 else many}"
