"""From needs to a flavour: the smallest that fits, and for every other one why it was not taken.

Smaller means, in this order: fewer graphics cards, less RAM, fewer cores, less disk; the name decides between equals.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from cloudify_scipion.catalogue.sizing import figures as n
from cloudify_scipion.catalogue.sizing.needs import Need, Needs
from cloudify_scipion.errors import Problem
from cloudify_scipion.project.site import Flavour, Site


@dataclass(frozen=True)
class Verdict:
    """What was found about a flavour. `reasons` say why it does not fit; empty if it does."""

    flavour: Flavour
    reasons: tuple[str, ...]
    sentence: str


@dataclass(frozen=True)
class Choice:
    """The flavour that was chosen, or None; a verdict for each flavour in the order of the site file.

    `needs` are those that the choice was made for: without a GPU if the site has none that fits and no step requires
    one; `without_gpu` says so. `duration` says how long projects take, as far as that is known.
    """

    flavour: Flavour | None
    needs: Needs
    verdicts: tuple[Verdict, ...]
    without_gpu: bool = False
    duration: str = ""
    notes: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()


def size(flavour: Flavour) -> tuple[float, float, float, float, str]:
    """What flavours are ordered by."""
    disk = flavour.disk_gb + flavour.ephemeral_gb
    return flavour.gpus, flavour.ram_gb, flavour.cpus, disk, flavour.name


def smallest(needs: Needs, flavours: Iterable[Flavour]) -> Flavour | None:
    """The smallest flavour that fits."""
    return min((flavour for flavour in flavours if not any(misfits(needs, flavour))), key=size, default=None)


def exact(number: float) -> str:
    """A number for people, short where that changes nothing: 59.9999999 GB are not 60."""
    short = f"{number:g}"
    return short if float(short) == number else repr(number)


def misfits(needs: Needs, flavour: Flavour) -> Iterator[str]:
    """Every reason why a flavour is too small."""
    if flavour.ram_gb < needs.ram_gb.value:
        yield f"it has {exact(flavour.ram_gb)} GB of RAM of {exact(needs.ram_gb.value)} GB"
    if flavour.cpus < needs.cpus.value:
        yield f"it has {_count(flavour.cpus, 'core')} of {exact(needs.cpus.value)}"
    # OpenStack's disk 0 means as large as the image: no limit.
    if 0 < flavour.disk_gb < needs.disk_gb.value:
        yield f"its root disk has {exact(flavour.disk_gb)} GB of {exact(needs.disk_gb.value)} GB"
    if flavour.gpus < needs.gpus.value:
        has = _count(flavour.gpus, "graphics card") if flavour.gpus else "no graphics card"
        yield f"it has {has} of {exact(needs.gpus.value)}"
    yield from _card_misfits(needs, flavour)


def _card_misfits(needs: Needs, flavour: Flavour) -> Iterator[str]:
    card = flavour.gpu
    if not needs.gpus.value or card is None:
        return
    name = card.title or card.name
    if card.memory_gb < needs.gpu_memory_gb.value:
        yield f"its {name} has {exact(card.memory_gb)} GB of {exact(needs.gpu_memory_gb.value)} GB"
    if card.compute_capability < needs.compute_capability.value:
        asked = needs.compute_capability.value
        yield f"its {name} has compute capability {exact(card.compute_capability)}, below {exact(asked)}"


def choose(needs: Needs, site: Site, source: str = "project") -> Choice:
    """The smallest flavour of a site that fits, or the smallest for a CPU where nobody insists on a GPU."""
    taken = smallest(needs, site.flavours)
    if not needs.gpus.value:
        notes = (_to_the_cpu(needs),) if taken and needs.gpu_users else ()
        return Choice(taken, needs, _verdicts(needs, site, taken), notes=notes)
    if taken:
        duration = f"about 2 weeks for a typical project ({n.WITH_GPU.source})"
        return Choice(taken, needs, _verdicts(needs, site, taken), duration=duration)
    if needs.gpu_required_by or needs.gpu_asked:
        return Choice(None, needs, _verdicts(needs, site, None), problems=(_refusal(needs, site, source),))
    return _without_gpu(needs, site)


def cpu_flavours(site: Site) -> tuple[Flavour, ...]:
    """The flavours without a graphics card."""
    return tuple(flavour for flavour in site.flavours if not flavour.gpus)


def _without_gpu(needs: Needs, site: Site) -> Choice:
    none = Need(0, f"{site.name} has no GPU flavour that fits, and no step requires one: it runs on the CPU")
    on_cpu = replace(needs, gpus=none, gpu_memory_gb=none, compute_capability=none)
    taken = smallest(on_cpu, site.flavours)
    why = "no flavour has a graphics card that fits"
    factor = f"{n.CPU_FACTOR.value:.1f} times as long: {n.CPU_FACTOR.source}"
    notes = [_to_the_cpu(needs)]
    if not cpu_flavours(site):
        notes.append(f"{site.name} has no CPU flavour")
    elif taken and taken.gpus:
        notes.append(f"no CPU flavour of {site.name} fits; the graphics cards of {taken.name} are of no use here")
    duration = f"about 2 months in place of 2 weeks, as {why} ({factor})" if taken else ""
    verdicts = _verdicts(on_cpu, site, taken, first=needs)
    return Choice(taken, on_cpu, verdicts, True, duration, tuple(notes) if taken else ())


def _to_the_cpu(needs: Needs) -> str:
    return f"steps that would use a GPU must be set to the CPU: {', '.join(needs.gpu_users) or 'none yet'}"


def _refusal(needs: Needs, site: Site, source: str) -> Problem:
    card = f"{exact(needs.gpu_memory_gb.value)} GB and compute capability {exact(needs.compute_capability.value)}"
    machine = f"{exact(needs.cpus.value)} cores and {exact(needs.ram_gb.value)} GB of RAM"
    lacks = f"no flavour of {site.name} has {exact(needs.gpus.value)} with {card} beside {machine}; take another site"
    if needs.gpu_required_by:
        who = f"{', '.join(needs.gpu_required_by)} cannot run without a GPU"
        by_step = needs.gpu_required_by[0] in needs.gpu_users
        path, what = ("$.workflow", "the step") if by_step else ("$.software.em_packages", "it")
        return Problem(source, path, f"{who}, and {lacks}, ask for less (needs), or leave {what} out")
    return Problem(source, "$.needs", f"a GPU is asked for, and {lacks}, or ask for less")


def _verdicts(needs: Needs, site: Site, taken: Flavour | None, first: Needs | None = None) -> tuple[Verdict, ...]:
    return tuple(_verdict(needs, flavour, taken, first or needs) for flavour in site.flavours)


def _verdict(needs: Needs, flavour: Flavour, taken: Flavour | None, first: Needs) -> Verdict:
    """`first` are the needs before a GPU was given up: what flavours were rejected for."""
    if taken is not None and flavour.name == taken.name:
        return Verdict(
            flavour, (), f"{flavour.name}: the smallest that fits{'' if first is needs else ' without a GPU'}."
        )
    reasons = tuple(misfits(first, flavour))
    larger = f"but is larger than {taken.name} ({_difference(flavour, taken)})" if taken else ""
    if not reasons:
        return Verdict(flavour, (), f"{flavour.name} fits, {larger}.")
    on_cpu = (
        f"; without a GPU it fits, {larger}"
        if taken and first is not needs and not any(misfits(needs, flavour))
        else ""
    )
    return Verdict(flavour, reasons, f"{flavour.name} does not fit: {'; '.join(reasons)}{on_cpu}.")


def _difference(flavour: Flavour, taken: Flavour) -> str:
    """The first thing in the order of sizes in which two flavours differ."""
    for has, other, unit in (
        (flavour.gpus, taken.gpus, "graphics cards"),
        (flavour.ram_gb, taken.ram_gb, "GB of RAM"),
        (flavour.cpus, taken.cpus, "cores"),
        (flavour.disk_gb + flavour.ephemeral_gb, taken.disk_gb + taken.ephemeral_gb, "GB of disk"),
    ):
        if has != other:
            return f"{unit}: {exact(has)} against {exact(other)}"
    return "equal; the names decide"


def _count(number: float, one: str) -> str:
    return f"{exact(number)} {one}" if number == 1 else f"{exact(number)} {one}s"
