"""What machine a project needs: workflow x acquisition x catalogue, each number with its reason."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from cloudify_scipion.catalogue.entries.model import EmPackageVersion, Number, ProtocolFacts
from cloudify_scipion.catalogue.sizing import figures as n
from cloudify_scipion.catalogue.sizing.memory import ram, reason_of
from cloudify_scipion.catalogue.sizing.steps import Step, Workload, real

ASKED = "asked for in the project file (needs)"
VOLUME_PHASES = ("initial", "classify3d", "refine")
"""Phases whose programs hold volumes."""


@dataclass(frozen=True)
class Need:
    """One number and its reason."""

    value: float
    reason: str


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
    notes: tuple[str, ...] = ()


def needs_of(work: Workload) -> Needs:
    """What a machine for some steps needs. What is asked for goes before what is worked out."""
    asked, steps = work.asked, work.steps
    card_asked = asked.gpu_memory_gb is not None or asked.compute_capability is not None
    gpus = _asked(asked.gpus) or _gpus(work)
    if card_asked and asked.gpus is None and not gpus.value:
        gpus = Need(1, ASKED)
    no_gpu = Need(0, "no graphics card is needed")
    return Needs(
        cpus=_asked(asked.cpus) or _cpus(steps),
        ram_gb=_asked(asked.ram_gb) or Need(*ram(steps, work.acquisition)),
        disk_gb=Need(n.DISK_GB.value, n.DISK_GB.source),
        gpus=gpus,
        gpu_memory_gb=(_asked(asked.gpu_memory_gb) or _gpu_memory(work)) if gpus.value else no_gpu,
        compute_capability=(_asked(asked.compute_capability) or _capability(work)) if gpus.value else no_gpu,
        gpu_users=tuple(step.name for step in steps if step.uses_gpu),
        gpu_required_by=(
            *(step.name for step in steps if step.facts.gpu == "required"),
            *(package.title for package in work.packages if package.gpu == "required"),
        ),
        gpu_asked=bool(gpus.value) and (card_asked or asked.gpus is not None),
        notes=(*_notes(steps), *_binning_notes(steps, work.acquisition.bin_factor)),
    )


def _asked(value: float | None) -> Need | None:
    return None if value is None else Need(value, ASKED)


def _cpus(steps: Sequence[Step]) -> Need:
    if not steps:
        return Need(n.TYPICAL_CPUS.value, f"there is no workflow: {n.TYPICAL_CPUS.source}")
    step = max(steps, key=lambda step: step.cores)
    threads, mpi = _count(step.threads, "thread"), _count(step.mpi, "process", "processes")
    return Need(step.cores, f"{step.name}: {mpi} x {threads}; steps are counted one after another")


def _gpus(work: Workload) -> Need:
    if not work.steps:
        return Need(1, f"there is no workflow: {n.TALK}: not mandatory, but new algorithms require one")
    users = [step for step in work.steps if step.uses_gpu]
    if not users and work.packages:
        return Need(1, f"{work.packages[0].title} requires one")
    if not users:
        return Need(0, "no step uses a GPU")
    step = max(users, key=lambda step: (step.cards, step.facts.gpu == "required"))
    how = "requires one" if step.facts.gpu == "required" else f"uses one ({step.switch or 'its default'})"
    cards = f"its list of GPUs, {step.gpu_list!r}, names {step.cards}" if step.cards > 1 else how
    more = f"; so do {len(users) - 1} more" if len(users) > 1 else ""
    return Need(step.cards, f"{step.name}: {cards}{more}")


def _gpu_memory(work: Workload) -> Need:
    candidates = [Need(n.GPU_MEMORY_GB.value, n.GPU_MEMORY_GB.source), *_told(work, "gpu_memory_gb")]
    for step in (step for step in work.steps if step.uses_gpu):
        if step.facts.phase in VOLUME_PHASES and step.box:
            raw = n.GPU_BYTES_PER_VOXEL.value * step.box**3 / 1e9
            formula = f"{n.GPU_BYTES_PER_VOXEL.value:g} bytes x {step.box}^3 = {raw:.1f} GB"
            reason = f"{step.name}: {formula} ({n.GPU_BYTES_PER_VOXEL.source}; {n.ONE_PROCESS_PER_CARD})"
            candidates.append(Need(math.ceil(raw), reason))
    return max(candidates, key=lambda need: need.value)


def _capability(work: Workload) -> Need:
    candidates = [Need(n.COMPUTE_CAPABILITY.value, n.COMPUTE_CAPABILITY.source), *_told(work, "compute_capability")]
    return max(candidates, key=lambda need: need.value)


def _told(work: Workload, key: str) -> Iterator[Need]:
    """What the catalogue says of a card for the steps that use one, and for the EM packages that these call."""
    for who, facts in _on_cards(work):
        number: Number | None = getattr(facts, key)
        if number:
            yield Need(number.value, f"{who}: {reason_of(number)}")


def _on_cards(work: Workload) -> Iterator[tuple[str, ProtocolFacts | EmPackageVersion]]:
    for step in (step for step in work.steps if step.uses_gpu):
        yield step.name, step.facts
        yield from ((f"{step.name}, with {package.title}", package) for package in step.on_cards)
    yield from ((package.title, package) for package in work.packages)


def _notes(steps: Sequence[Step]) -> Iterator[str]:
    unknown = [step.facts.class_name for step in steps if not step.known]
    if unknown:
        yield f"nothing is known of {', '.join(unknown)}; it counts as a small step"
    for step in steps:
        host = step.parameters.get("hostName")
        if isinstance(host, str) and host not in ("", "localhost"):
            yield f"{step.name} names the host {host[:80]!r}; here it runs on the project's own machine"


def _binning_notes(steps: Sequence[Step], bin_factor: float) -> Iterator[str]:
    """Where the project file and a step that aligns movies differ; pwem's protocols bin by 1 unless told otherwise."""
    for step in (step for step in steps if step.facts.phase == "movies"):
        own = step.parameters.get("binFactor")
        if own is None and bin_factor > 1:
            counted = f"it is counted with acquisition.bin_factor, {bin_factor:g}"
            default = f"Scipion's default, 1, takes {bin_factor**2:g} times as much"
            yield f"{step.name} does not say binFactor: {counted}; {default}"
        elif own is not None and real(own, bin_factor) != bin_factor:
            yield f"{step.name} bins by {own}: that counts, and not acquisition.bin_factor, {bin_factor:g}"


def _count(number: int, one: str, many: str = "") -> str:
    return f"{number} {one}" if number == 1 else f"{number} {many or one + 's'}"
