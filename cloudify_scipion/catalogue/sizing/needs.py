"""What machine a project needs: workflow x acquisition x catalogue, each number with all that went into it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from cloudify_scipion.catalogue.entries.model import EmPackageVersion, Number, ProtocolFacts
from cloudify_scipion.catalogue.sizing import figures as n
from cloudify_scipion.catalogue.sizing.memory import memory_of, source_of
from cloudify_scipion.catalogue.sizing.steps import Step, Workload
from cloudify_scipion.catalogue.sizing.terms import Factor, Figure, Term, counted, product

ASKED = "asked for in the project file (needs)"
NO_WORKFLOW = "there is no workflow"
VOLUME_PHASES = ("initial", "classify3d", "refine")
"""Phases whose programs hold volumes."""


@dataclass(frozen=True)
class Need:
    """One number and why: `of` names what needs it, `terms` are what it is the sum of, rounded up, or `source` says."""

    value: float
    source: str = ""
    of: str = ""
    terms: tuple[Term, ...] = ()


@dataclass(frozen=True)
class Needs:
    """What a machine must have, at least. GB are 10^9 bytes; without a GPU the last two are 0.

    `gpu_users` and `gpu_required_by` name the steps that use a graphics card, and that cannot do without one;
    `gpu_asked` says that the project file itself asks for one.
    """

    cpus: Need
    ram_gb: Need
    disk_gb: Need
    gpus: Need
    gpu_memory_gb: Need
    compute_capability: Need
    gpu_users: tuple[str, ...] = ()
    gpu_required_by: tuple[str, ...] = ()
    gpu_asked: bool = False


def needs_of(work: Workload) -> Needs:
    """What a machine for some steps needs. What is asked for goes before what is worked out."""
    asked, steps = work.asked, work.steps
    card_asked = asked.gpu_memory_gb is not None or asked.compute_capability is not None
    gpus = _asked(asked.gpus) or _gpus(work)
    if card_asked and asked.gpus is None and not gpus.value:
        gpus = Need(1, ASKED)
    no_gpu = Need(0, "no graphics card is needed")
    return Needs(
        cpus=_asked(asked.cpus) or _cpus(work),
        ram_gb=_asked(asked.ram_gb) or _ram(work),
        disk_gb=_known(n.DISK_GB),
        gpus=gpus,
        gpu_memory_gb=(_asked(asked.gpu_memory_gb) or _gpu_memory(work)) if gpus.value else no_gpu,
        compute_capability=(_asked(asked.compute_capability) or _capability(work)) if gpus.value else no_gpu,
        gpu_users=tuple(step.name for step in steps if step.uses_gpu),
        gpu_required_by=(
            *(step.name for step in steps if step.facts.gpu == "required"),
            *(package.title for package in work.packages if package.gpu == "required"),
        ),
        gpu_asked=bool(gpus.value) and (card_asked or asked.gpus is not None),
    )


def _asked(value: float | None) -> Need | None:
    return None if value is None else Need(value, ASKED)


def _known(figure: Figure, of: str = "") -> Need:
    return Need(figure.value, figure.source, of)


def _cpus(work: Workload) -> Need:
    if not work.steps:
        return _known(n.TYPICAL_CPUS, NO_WORKFLOW)
    step = max(work.steps, key=lambda step: step.cores)
    term = product(counted(step.mpi, "process", "processes"), counted(step.threads, "thread"))
    return Need(step.cores, "steps are counted one after another", step.name, (term,))


def _ram(work: Workload) -> Need:
    if not work.steps:
        return _known(n.TYPICAL_RAM_GB, NO_WORKFLOW)
    held = [(step, memory_of(step, work.acquisition)) for step in work.steps]
    step, parts = max(held, key=lambda item: sum(part.value for part in item[1]))
    terms = (*parts, product(n.SYSTEM_RAM_GB.times("GB for the system")))
    return Need(math.ceil(round(sum(term.value for term in terms), 6)), of=step.name, terms=terms)


def _gpus(work: Workload) -> Need:
    if not work.steps:
        return Need(1, f"{n.TALK}: not mandatory, but new algorithms require one", NO_WORKFLOW)
    users = [step for step in work.steps if step.uses_gpu]
    if not users and work.packages:
        return Need(1, "requires one", work.packages[0].title)
    if not users:
        return Need(0, "no step uses a GPU")
    step = max(users, key=lambda step: (step.cards, step.facts.gpu == "required"))
    how = "requires one" if step.facts.gpu == "required" else f"uses one ({step.switch or 'its default'})"
    cards = f"its list of GPUs, {step.gpu_list!r}, names {step.cards}" if step.cards > 1 else how
    more = f"; so do {len(users) - 1} more" if len(users) > 1 else ""
    return Need(step.cards, f"{cards}{more}", step.name)


def _gpu_memory(work: Workload) -> Need:
    on_cards = (step for step in work.steps if step.uses_gpu)
    held = (_volume(step, step.box) for step in on_cards if step.facts.phase in VOLUME_PHASES and step.box)
    return max([_known(n.GPU_MEMORY_GB), *_told(work, "gpu_memory_gb"), *held], key=lambda need: need.value)


def _volume(step: Step, box: int) -> Need:
    per_voxel = n.GPU_BYTES_PER_VOXEL
    source = f"{per_voxel.source}; {n.ONE_PROCESS_PER_CARD}"
    term = product(Factor(per_voxel.value, "bytes"), Factor(box, power=3), scale=1e-9, unit="GB", source=source)
    return Need(math.ceil(term.value), of=step.name, terms=(term,))


def _capability(work: Workload) -> Need:
    return max([_known(n.COMPUTE_CAPABILITY), *_told(work, "compute_capability")], key=lambda need: need.value)


def _told(work: Workload, key: str) -> Iterator[Need]:
    """What the catalogue says of a card for the steps that use one, and for the EM packages that these call."""
    for who, facts in _on_cards(work):
        number: Number | None = getattr(facts, key)
        if number:
            yield Need(number.value, source_of(number), who)


def _on_cards(work: Workload) -> Iterator[tuple[str, ProtocolFacts | EmPackageVersion]]:
    for step in (step for step in work.steps if step.uses_gpu):
        yield step.name, step.facts
        yield from ((f"{step.name}, with {package.title}", package) for package in step.on_cards)
    yield from ((package.title, package) for package in work.packages)
