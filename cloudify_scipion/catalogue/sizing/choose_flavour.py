"""From needs to a flavour: the smallest that fits, and for every other one what it lacks.

Smaller means, in this order: fewer graphics cards, less RAM, fewer cores, less disk; the name decides between equals.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from cloudify_scipion.catalogue.sizing.needs import Need, Needs
from cloudify_scipion.project.site import Flavour, Site


@dataclass(frozen=True)
class Misfit:
    """A need, by its name in Needs, of which a flavour has less than is `needed`."""

    need: str
    has: float
    needed: float


@dataclass(frozen=True)
class Verdict:
    """What was found about a flavour: what it lacks of the needs, and whether it would do without a GPU."""

    flavour: Flavour
    misfits: tuple[Misfit, ...]
    fits_on_cpu: bool = False


@dataclass(frozen=True)
class Choice:
    """The flavour that was chosen, or None; a verdict for each flavour in the order of the site file.

    `needs` are those that the choice was made for: without a GPU if the site has none that fits and no step requires
    one; `without_gpu` says so. `refused` says that somebody insists on a GPU, and no flavour has one that fits.
    """

    flavour: Flavour | None
    needs: Needs
    verdicts: tuple[Verdict, ...]
    without_gpu: bool = False
    refused: bool = False


def size(flavour: Flavour) -> tuple[float, float, float, float, str]:
    """What flavours are ordered by."""
    disk = flavour.disk_gb + flavour.ephemeral_gb
    return flavour.gpus, flavour.ram_gb, flavour.cpus, disk, flavour.name


def smallest(needs: Needs, flavours: Iterable[Flavour]) -> Flavour | None:
    """The smallest flavour that fits."""
    return min((flavour for flavour in flavours if not any(misfits(needs, flavour))), key=size, default=None)


def misfits(needs: Needs, flavour: Flavour) -> Iterator[Misfit]:
    """Every reason why a flavour is too small."""
    has = {"ram_gb": flavour.ram_gb, "cpus": flavour.cpus}
    has["disk_gb"] = flavour.disk_gb or math.inf  # OpenStack's disk 0 means as large as the image: no limit
    has["gpus"] = flavour.gpus
    if flavour.gpu and needs.gpus.value:
        has |= {"gpu_memory_gb": flavour.gpu.memory_gb, "compute_capability": flavour.gpu.compute_capability}
    needed: dict[str, float] = {key: getattr(needs, key).value for key in has}
    yield from (Misfit(key, value, needed[key]) for key, value in has.items() if value < needed[key])


def choose(needs: Needs, site: Site) -> Choice:
    """The smallest flavour of a site that fits, or the smallest for a CPU where nobody insists on a GPU."""
    taken = smallest(needs, site.flavours)
    verdicts = tuple(Verdict(flavour, tuple(misfits(needs, flavour))) for flavour in site.flavours)
    if taken or not needs.gpus.value:
        return Choice(taken, needs, verdicts)
    if needs.gpu_required_by or needs.gpu_asked:
        return Choice(None, needs, verdicts, refused=True)
    none = Need(0, f"{site.name} has no GPU flavour that fits, and no step requires one: it runs on the CPU")
    on_cpu = replace(needs, gpus=none, gpu_memory_gb=none, compute_capability=none)
    verdicts = tuple(replace(one, fits_on_cpu=not any(misfits(on_cpu, one.flavour))) for one in verdicts)
    return Choice(smallest(on_cpu, site.flavours), on_cpu, verdicts, without_gpu=True)


def cpu_flavours(site: Site) -> tuple[Flavour, ...]:
    """The flavours without a graphics card."""
    return tuple(flavour for flavour in site.flavours if not flavour.gpus)
