"""How long a step computes on a machine, from the project's counts; each number with all that went into it."""

from __future__ import annotations

from dataclasses import dataclass

from cloudify_scipion.catalogue.sizing import figures as n
from cloudify_scipion.catalogue.sizing.steps import Step, whole
from cloudify_scipion.catalogue.sizing.terms import Factor, Figure, Term, product
from cloudify_scipion.project.model import Acquisition

_PER_MICROGRAPH = {"ctf": n.CTF_CORE_SECONDS, "pick": n.PICK_CORE_SECONDS, "polish": n.POLISH_CORE_SECONDS}
_CLASSIFYING = ("classify2d", "classify3d", "refine", "initial")
_HOURS = 1 / 3600


@dataclass(frozen=True)
class Hours:
    """Hours of computing, and why; `value` is None where nothing can be said, and `missing` names what is not known.

    Without a term, nothing is computed, or no rate is known for the step's protocol.
    """

    value: float | None
    step: str
    term: Term | None = None
    missing: tuple[str, ...] = ()


def hours_of(step: Step, acquisition: Acquisition, cpus: int, gpus: int) -> Hours:
    """Hours of a step on a machine with so many cores and graphics cards."""
    phase, rates = step.facts.phase, _Rates(step, cpus, gpus)
    if not step.known:
        return Hours(None, step.name)
    if phase == "import":
        return Hours(0, step.name)
    if phase == "movies":
        return _movies(rates, acquisition)
    if phase in _PER_MICROGRAPH:
        return _micrographs(rates, acquisition)
    if phase == "extract":
        return _extract(rates, acquisition)
    if phase in _CLASSIFYING and (step.facts.gpu != "no" or "numberOfIterations" in step.parameters):
        return _particles(rates, acquisition)
    return rates.told(product(n.SMALL_STEP_HOURS.times("h")))


@dataclass(frozen=True)
class _Rates:
    """A step on a machine."""

    step: Step
    cpus: int
    gpus: int

    def told(self, term: Term) -> Hours:
        return Hours(term.value, self.step.name, term)

    def missing(self, **counts: object) -> Hours:
        unknown = tuple(f"acquisition.{key}" for key, value in counts.items() if value is None)
        return Hours(None, self.step.name, missing=unknown)

    @property
    def on_cards(self) -> bool:
        return self.step.uses_gpu and bool(self.gpus)

    @property
    def faster(self) -> tuple[Factor, ...]:
        """What more than one card is good for."""
        used = min(self.gpus, self.step.cards)
        return (_cards(used),) if used > 1 else ()

    def work(self, amount: Factor, core_seconds: Figure, card_seconds: Figure | None = None) -> Hours:
        """So much work on the cores, or on the cards where the step uses them and there is a rate for that."""
        if card_seconds and self.on_cards:
            return self.told(product(amount, card_seconds.times("s"), *self.faster, scale=_HOURS))
        cores = min(self.cpus, self.step.cores)
        over = Factor(cores, "core" if cores == 1 else "cores", power=-1)
        return self.told(product(amount, core_seconds.times("core seconds"), over, scale=_HOURS))


def _cards(number: int) -> Factor:
    """n cards are n^0.525 times as fast as one."""
    speed = number**n.GPU_SCALING.value
    return Factor(speed, f"for {number} cards", n.GPU_SCALING.source, power=-1, shown=".2f")


def _movies(rates: _Rates, acquisition: Acquisition) -> Hours:
    if acquisition.detector is None or acquisition.frames is None or acquisition.movies is None:
        return rates.missing(detector=acquisition.detector, frames=acquisition.frames, movies=acquisition.movies)
    width, height = acquisition.detector
    gb = width * height * acquisition.frames * n.BYTES_PER_PIXEL.value * acquisition.movies / 1e9
    amount = Factor(gb, "GB in memory", label=f"{acquisition.movies} movies,", shown=".0f")
    return rates.work(amount, n.MOVIE_CORE_SECONDS_PER_GB, n.MOVIE_GPU_SECONDS_PER_GB)


def _micrographs(rates: _Rates, acquisition: Acquisition) -> Hours:
    if acquisition.movies is None:
        return rates.missing(movies=None)
    rate = _PER_MICROGRAPH[rates.step.facts.phase]
    return rates.work(Factor(acquisition.movies, "micrographs"), rate, n.GPU_MICROGRAPH_SECONDS)


def _extract(rates: _Rates, acquisition: Acquisition) -> Hours:
    if acquisition.particles is None:
        return rates.missing(particles=None)
    return rates.work(Factor(acquisition.particles, "particles"), n.EXTRACT_CORE_SECONDS)


def _particles(rates: _Rates, acquisition: Acquisition) -> Hours:
    """Classification and refinement: seconds on a graphics card, or so many times as long without."""
    step = rates.step
    if acquisition.particles is None or step.box is None:
        return rates.missing(particles=acquisition.particles, box_size=step.box)
    pixels = Factor(step.box, source=n.BENCHMARK_BOX.source, power=2, per=n.BENCHMARK_BOX.value)
    factors, scale = (Factor(acquisition.particles, "particles"), *_iterations(step), pixels), _HOURS
    if step.facts.phase == "initial":
        factors, scale = (n.INITIAL_HOURS.times("h"),), 1
    if rates.on_cards:
        return rates.told(product(*factors, *rates.faster, scale=scale))
    longer = Factor(n.CPU_FACTOR.value, "without a GPU", n.CPU_FACTOR.source, shown=".1f")
    return rates.told(product(*factors, scale=scale, later=(longer,)))


def _iterations(step: Step) -> tuple[Factor, ...]:
    """What a particle is multiplied by, and the seconds for one of those."""
    iterations = Factor(max(1, whole(step.parameters.get("numberOfIterations"), 25)), "iterations")
    if step.facts.phase == "classify2d":
        return iterations, _seconds(n.CLASSIFY_2D_SECONDS)
    if step.facts.phase == "classify3d":
        classes = Factor(max(1, whole(step.parameters.get("numberOfClasses"), 3)), "classes")
        return classes, iterations, _seconds(n.CLASSIFY_3D_SECONDS)
    return n.REFINE_CLASSES_X_ITERATIONS.times(""), _seconds(n.CLASSIFY_3D_SECONDS)


def _seconds(rate: Figure) -> Factor:
    return Factor(rate.value, "s", rate.source, shown=".2g")
