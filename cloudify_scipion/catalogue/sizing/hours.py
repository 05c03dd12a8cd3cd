"""How long a step computes on a machine, from the project's counts; each number with its reason."""

from __future__ import annotations

from dataclasses import dataclass

from cloudify_scipion.catalogue.sizing import figures as n
from cloudify_scipion.catalogue.sizing.figures import Figure
from cloudify_scipion.catalogue.sizing.steps import Step, whole
from cloudify_scipion.project.model import Acquisition

_PER_MICROGRAPH = {"ctf": n.CTF_CORE_SECONDS, "pick": n.PICK_CORE_SECONDS, "polish": n.POLISH_CORE_SECONDS}

_CLASSIFYING = ("classify2d", "classify3d", "refine", "initial")


@dataclass(frozen=True)
class Hours:
    """Hours of computing, and why; `value` is None where nothing can be said, and `reason` says what is missing."""

    value: float | None
    reason: str


def hours_of(step: Step, acquisition: Acquisition, cpus: int, gpus: int) -> Hours:
    """Hours of a step on a machine with so many cores and graphics cards."""
    phase = step.facts.phase
    if not step.known:
        return Hours(None, f"{step.name}: no rate is known for this protocol")
    if phase == "import":
        return Hours(0, f"{step.name}: nothing is computed")
    if phase == "movies":
        return _movies(step, acquisition, cpus, gpus)
    if phase in _PER_MICROGRAPH:
        return _micrographs(step, acquisition, cpus, gpus)
    if phase == "extract":
        return _extract(step, acquisition, cpus)
    if phase in _CLASSIFYING and (step.facts.gpu != "no" or "numberOfIterations" in step.parameters):
        return _particles(step, acquisition, gpus)
    small = n.SMALL_STEP_HOURS
    return Hours(small.value, f"{step.name}: {small.value:g} h ({small.source})")


def _movies(step: Step, acquisition: Acquisition, cpus: int, gpus: int) -> Hours:
    if acquisition.detector is None or acquisition.frames is None or acquisition.movies is None:
        return _missing(step, detector=acquisition.detector, frames=acquisition.frames, movies=acquisition.movies)
    width, height = acquisition.detector
    gb = width * height * acquisition.frames * n.BYTES_PER_PIXEL.value * acquisition.movies / 1e9
    amount = f"{acquisition.movies} movies, {gb:.0f} GB in memory"
    if step.uses_gpu and gpus:
        return _on_cards(step, amount, gb, n.MOVIE_GPU_SECONDS_PER_GB, gpus)
    return _on_cores(step, amount, gb, n.MOVIE_CORE_SECONDS_PER_GB, cpus)


def _micrographs(step: Step, acquisition: Acquisition, cpus: int, gpus: int) -> Hours:
    if acquisition.movies is None:
        return _missing(step, movies=None)
    amount = f"{acquisition.movies} micrographs"
    if step.uses_gpu and gpus:
        return _on_cards(step, amount, acquisition.movies, n.GPU_MICROGRAPH_SECONDS, gpus)
    return _on_cores(step, amount, acquisition.movies, _PER_MICROGRAPH[step.facts.phase], cpus)


def _extract(step: Step, acquisition: Acquisition, cpus: int) -> Hours:
    if acquisition.particles is None:
        return _missing(step, particles=None)
    return _on_cores(step, f"{acquisition.particles} particles", acquisition.particles, n.EXTRACT_CORE_SECONDS, cpus)


def _particles(step: Step, acquisition: Acquisition, gpus: int) -> Hours:
    """Classification and refinement: seconds on a graphics card, or so many times as long without."""
    if acquisition.particles is None or step.box is None:
        return _missing(step, particles=acquisition.particles, box_size=step.box)
    if step.facts.phase == "initial":
        hours, formula = n.INITIAL_HOURS.value, f"{n.INITIAL_HOURS.value:g} h ({n.INITIAL_HOURS.source})"
    else:
        units, rate, counted = _units(step)
        scale = (step.box / n.BENCHMARK_BOX.value) ** 2
        hours = acquisition.particles * units * rate.value * scale / 3600
        pixels = f"({step.box}/{n.BENCHMARK_BOX.value:g})^2 ({n.BENCHMARK_BOX.source})"
        formula = f"{acquisition.particles} particles x {counted} x {rate.value:.2g} s ({rate.source}) x {pixels}"
    if step.uses_gpu and gpus:
        used = min(gpus, step.cards)
        return Hours(hours / used**n.GPU_SCALING.value, f"{step.name}: {formula}{_faster(used)}")
    return Hours(
        hours * n.CPU_FACTOR.value,
        f"{step.name}: {formula}, x {n.CPU_FACTOR.value:.1f} without a GPU ({n.CPU_FACTOR.source})",
    )


def _units(step: Step) -> tuple[float, Figure, str]:
    """What a particle is multiplied by, the seconds for one of those, and the formula's text."""
    iterations = max(1, whole(step.parameters.get("numberOfIterations"), 25))
    if step.facts.phase == "classify2d":
        return iterations, n.CLASSIFY_2D_SECONDS, f"{iterations} iterations"
    if step.facts.phase == "classify3d":
        classes = max(1, whole(step.parameters.get("numberOfClasses"), 3))
        return classes * iterations, n.CLASSIFY_3D_SECONDS, f"{classes} classes x {iterations} iterations"
    as_much = n.REFINE_CLASSES_X_ITERATIONS
    return as_much.value, n.CLASSIFY_3D_SECONDS, f"{as_much.value:g} ({as_much.source})"


def _on_cores(step: Step, amount: str, number: float, rate: Figure, cpus: int) -> Hours:
    cores = min(cpus, step.cores)
    formula = f"{amount} x {rate.value:g} core seconds ({rate.source}) / {cores} {'core' if cores == 1 else 'cores'}"
    return Hours(number * rate.value / cores / 3600, f"{step.name}: {formula}")


def _on_cards(step: Step, amount: str, number: float, rate: Figure, gpus: int) -> Hours:
    used = min(gpus, step.cards)
    formula = f"{amount} x {rate.value:g} s ({rate.source}){_faster(used)}"
    return Hours(number * rate.value / used**n.GPU_SCALING.value / 3600, f"{step.name}: {formula}")


def _faster(cards: int) -> str:
    return f" / {cards**n.GPU_SCALING.value:.2f} for {cards} cards ({n.GPU_SCALING.source})" if cards > 1 else ""


def _missing(step: Step, **counts: object) -> Hours:
    unknown = [f"acquisition.{key}" for key, value in counts.items() if value is None]
    return Hours(None, f"{step.name}: {' and '.join(unknown)} {'is' if len(unknown) == 1 else 'are'} not known")
