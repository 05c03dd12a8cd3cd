"""The phase plan: pick and extract on a CPU flavour, classify and refine on a GPU flavour, and what that saves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from cloudify_scipion.catalogue.sizing.choose_flavour import Choice, cpu_flavours, smallest
from cloudify_scipion.catalogue.sizing.hours import Hours, hours_of
from cloudify_scipion.catalogue.sizing.needs import Needs, needs_of
from cloudify_scipion.catalogue.sizing.steps import Workload
from cloudify_scipion.project.site import Flavour, Site

FIRST, SECOND = "pick and extract", "classify and refine"
CAVEAT = "cores and cards count as equally fast everywhere; waiting, copying and a person's work are not counted"
_SECOND_PHASES = ("classify2d", "initial", "classify3d", "refine", "polish")


@dataclass(frozen=True)
class Part:
    """One part of the plan: its steps, needs and flavour, and the hours of each step on it."""

    title: str
    steps: tuple[str, ...]
    needs: Needs
    flavour: Flavour
    hours: tuple[Hours, ...]

    @property
    def total(self) -> float | None:
        """Hours of all steps; None where one of them is not known."""
        return _sum(self.hours)


@dataclass(frozen=True)
class Plan:
    """The parts, and what they save against running everything on the chosen flavour. None: nothing can be said.

    `gpu_hours` are hours times graphics cards of the machine, whether a step uses them or not: so long no one else can.
    `because` says why there are no parts, or what hinders a saving.
    """

    parts: tuple[Part, ...] = ()
    because: tuple[str, ...] = ()
    whole_hours: float | None = None
    whole_gpu_hours: float | None = None
    gpu_hours: float | None = None

    @property
    def hours(self) -> float | None:
        """Hours of all parts."""
        return _total([part.total for part in self.parts]) if self.parts else None

    @property
    def hours_saved(self) -> float | None:
        """Hours by which the plan is shorter; below 0 it is longer."""
        return None if self.hours is None or self.whole_hours is None else self.whole_hours - self.hours

    @property
    def gpu_hours_saved(self) -> float | None:
        """GPU hours that others can use."""
        return None if self.gpu_hours is None or self.whole_gpu_hours is None else self.whole_gpu_hours - self.gpu_hours


def plan(work: Workload, choice: Choice, site: Site) -> Plan:
    """The phase plan of a project for which a flavour was chosen."""
    first, second = split(work)
    if choice.flavour is None:
        return Plan(because=("no flavour fits the project",))
    if not first.steps or not second.steps:
        missing = FIRST if not first.steps else SECOND
        return Plan(because=(f"the workflow has no step to {missing}: there is nothing to split",))
    if not choice.needs.gpus.value:
        return Plan(because=("no step runs on a graphics card: there is nothing to split",))
    parts, because = _parts(first, second, choice.flavour, site)
    whole = _hours(work, choice.flavour)
    gpu_hours = [_times(part.total, part.flavour.gpus) for part in parts]
    return Plan(parts, because, _sum(whole), _times(_sum(whole), choice.flavour.gpus), _total(gpu_hours))


def split(work: Workload) -> tuple[Workload, Workload]:
    """Everything before the first step that classifies or refines, and the rest, in the order of the workflow.

    A card that is asked for, and packages that count whatever the steps do, are the second part's affair.
    """
    begins = (index for index, step in enumerate(work.steps) if step.facts.phase in _SECOND_PHASES)
    first, second = work.steps[: (cut := next(begins, len(work.steps)))], work.steps[cut:]
    asked = work.asked
    if not any(step.uses_gpu for step in first):
        asked = replace(asked, gpus=None, gpu_memory_gb=None, compute_capability=None)
    return replace(work, steps=first, asked=asked, packages=()), replace(work, steps=second)


def _parts(first: Workload, second: Workload, chosen: Flavour, site: Site) -> tuple[tuple[Part, ...], tuple[str, ...]]:
    needs_first, needs_second = needs_of(first), needs_of(second)
    flavour, because = _flavour_first(needs_first, chosen, site)
    flavour = _no_dearer(first, flavour, chosen)
    later = _no_dearer(second, smallest(needs_second, site.flavours) or chosen, chosen)
    return (
        Part(FIRST, _names(first), needs_first, flavour, _hours(first, flavour)),
        Part(SECOND, _names(second), needs_second, later, _hours(second, later)),
    ), because


def _flavour_first(needs: Needs, chosen: Flavour, site: Site) -> tuple[Flavour, tuple[str, ...]]:
    """The flavour to pick and extract on; the chosen one where no CPU flavour will do."""
    if needs.gpus.value:
        taken = smallest(needs, site.flavours) or chosen
        return taken, (f"steps before the first classification use a GPU: {', '.join(needs.gpu_users)}",)
    taken_cpu = smallest(needs, cpu_flavours(site))
    if taken_cpu:
        return taken_cpu, ()
    lack = "no CPU flavour that fits" if cpu_flavours(site) else "no CPU flavour"
    return chosen, (f"{site.name} has {lack}: to {FIRST} it stays on {chosen.name}",)


def _no_dearer(work: Workload, smaller: Flavour, chosen: Flavour) -> Flavour:
    """The smaller flavour, unless it has so few cores that the GPU hours become more than those of the chosen one."""
    few, many = (_times(_sum(_hours(work, flavour)), flavour.gpus) for flavour in (smaller, chosen))
    return chosen if few is not None and many is not None and few > many else smaller


def _hours(work: Workload, flavour: Flavour) -> tuple[Hours, ...]:
    return tuple(hours_of(step, work.acquisition, flavour.cpus, flavour.gpus) for step in work.steps)


def _names(work: Workload) -> tuple[str, ...]:
    return tuple(step.name for step in work.steps)


def _sum(hours: Sequence[Hours]) -> float | None:
    return _total([item.value for item in hours])


def _total(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) if len(known) == len(values) else None


def _times(hours: float | None, number: int) -> float | None:
    return None if hours is None else hours * number
