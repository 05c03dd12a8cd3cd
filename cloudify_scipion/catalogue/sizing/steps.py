"""A workflow's steps as far as they say what machine they need: facts of their protocols, and their own parameters."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cloudify_scipion.catalogue.entries.model import (
    Catalogue,
    EmPackageVersion,
    PluginVersion,
    ProtocolFacts,
    ScipionVersion,
)
from cloudify_scipion.catalogue.entries.versions import reaches
from cloudify_scipion.project.model import Acquisition, Needs, Project, Software
from cloudify_scipion.project.workflow import in_order


@dataclass(frozen=True)
class Step:
    """A protocol of a workflow. What its parameters say goes before what its class declares.

    `box` is the side in pixels of the particles that it works on, if that is known; `known` says whether the catalogue
    has the class. `packages` are the project's EM packages that its plugin calls and that can use a graphics card;
    `old_driver` says that the site's driver is too old for one of them.
    """

    number: str
    facts: ProtocolFacts
    parameters: Mapping[str, Any]
    box: int | None = None
    known: bool = True
    packages: tuple[EmPackageVersion, ...] = ()
    old_driver: bool = False

    @property
    def name(self) -> str:
        """Its label in the workflow, class and number, for people."""
        label = _short(self.parameters.get("object.label") or self.facts.label or "protocol")
        return f"{label} ({self.facts.class_name}, protocol {self.number})"

    @property
    def cores(self) -> int:
        """Threads times processes."""
        return self.threads * self.mpi

    @property
    def threads(self) -> int:
        """Threads of each process, 1 at least."""
        return max(1, whole(self.parameters.get("numberOfThreads"), self.facts.threads))

    @property
    def mpi(self) -> int:
        """Processes, 1 at least."""
        return max(1, whole(self.parameters.get("numberOfMpi"), self.facts.mpi))

    @property
    def followers(self) -> int:
        """Processes that do the work: all but the leader where there are several (RELION)."""
        return max(1, self.mpi - 1)

    @property
    def switch(self) -> str:
        """The parameter that turns the GPU on or off, as `doGpu: True`; empty if it has none."""
        return f"{self.switch_name}: {_short(self.parameters[self.switch_name])}" if self.switch_name else ""

    @property
    def switch_name(self) -> str:
        """The name of that parameter, empty if the workflow does not have it."""
        return next((key for key in ("doGpu", "useGpu") if self.parameters.get(key) is not None), "")

    @property
    def uses_gpu(self) -> bool:
        """Whether it runs on a graphics card."""
        if self.facts.gpu != "optional" or self.old_driver:
            return self.facts.gpu == "required"
        name = self.switch_name
        return is_true(self.parameters[name]) if name else self.facts.gpu_default

    @property
    def gpu_list(self) -> str:
        """The cards that it asks for, as written; empty means any."""
        return _short(self.parameters.get("gpusToUse") or self.parameters.get("gpuList") or "", 1000)

    @property
    def cards(self) -> int:
        """How many graphics cards it uses: those its list names, 1 at least; 0 without a GPU."""
        return max(1, len(set(re.findall(r"[0-9]+", self.gpu_list)))) if self.uses_gpu else 0


@dataclass(frozen=True)
class Workload:
    """What a machine is for: steps in the order they run in, the data they work on, and what is asked of it.

    `packages` are EM packages that count whatever the steps do: those that do not run without a graphics card, unless a
    step says as much of itself; and without a workflow all that can use one.
    """

    steps: tuple[Step, ...]
    acquisition: Acquisition
    asked: Needs
    packages: tuple[EmPackageVersion, ...] = ()


def workload_of(project: Project, catalogue: Catalogue, driver: str = "") -> Workload:
    """All that a project computes. `driver` is the CUDA version that the site's driver supports, empty if not known."""
    on_cards = _packages_on_cards(project.software, catalogue)
    steps = tuple(_steps(project, catalogue, on_cards, driver))
    told = [package for step in steps if step.facts.gpu == "required" for package in step.packages]
    counting = [one for one in on_cards if one.gpu == "required" or not steps and runs_on(driver, one.cuda)]
    return Workload(steps, project.acquisition, project.needs, tuple(one for one in counting if one not in told))


def _steps(project: Project, catalogue: Catalogue, on_cards: Sequence[EmPackageVersion], driver: str) -> Iterator[Step]:
    """A step's box is the one extracted last before it."""
    box = project.acquisition.box_size
    for protocol in in_order(project.workflow.protocols):
        owner = owner_of(catalogue, project.software, protocol)
        facts = owner.protocols[str(protocol["object.className"])] if owner else _unknown(protocol)
        if facts.phase == "extract":
            box = _extracted(protocol) or box
        calls = owner.em_packages if isinstance(owner, PluginVersion) else ()
        packages = tuple(package for package in on_cards if package.name in calls)
        old_driver = not all(runs_on(driver, package.cuda) for package in packages)
        yield Step(str(protocol["object.id"]), facts, protocol, box, owner is not None, packages, old_driver)


def _packages_on_cards(software: Software, catalogue: Catalogue) -> tuple[EmPackageVersion, ...]:
    """The EM packages of a request that can use a graphics card, in the order of their names."""
    found = (catalogue.em_packages.get(name, {}).get(version) for name, version in sorted(software.em_packages.items()))
    return tuple(package for package in found if package and package.gpu != "no")


def runs_on(driver: str, cuda: str) -> bool:
    """Whether a driver runs programs made for a range of CUDA versions: only lower bounds count; empty is not known."""
    return not driver or reaches(driver, cuda)


def known_steps(software: Software, protocols: Sequence[Any], catalogue: Catalogue) -> Iterator[tuple[int, Step]]:
    """Index and step of the protocols whose class is known, in a workflow that may be wrong elsewhere."""
    for index, protocol in enumerate(protocols):
        readable = isinstance(protocol, Mapping) and isinstance(protocol.get("object.className"), str)
        if readable and (owner := owner_of(catalogue, software, protocol)):
            facts = owner.protocols[protocol["object.className"]]
            yield index, Step(str(protocol.get("object.id", "?")), facts, protocol)


def owner_of(
    catalogue: Catalogue, software: Software, protocol: Mapping[str, Any]
) -> PluginVersion | ScipionVersion | None:
    """The entry of a request that brings a protocol's class: a plugin before Scipion; None if none does."""
    plugins = (catalogue.plugins.get(name, {}).get(version) for name, version in sorted(software.plugins.items()))
    entries: tuple[PluginVersion | ScipionVersion | None, ...] = (*plugins, catalogue.scipion.get(software.scipion))
    return next((entry for entry in entries if entry and str(protocol["object.className"]) in entry.protocols), None)


def _unknown(protocol: Mapping[str, Any]) -> ProtocolFacts:
    """An unknown class: a GPU counts if its form has a switch for one."""
    gpu = "optional" if "doGpu" in protocol or "useGpu" in protocol else "no"
    return ProtocolFacts(str(protocol["object.className"]), gpu=gpu)


def whole(value: object, otherwise: int) -> int:
    """A whole number that a workflow gives as number or text, or `otherwise`."""
    number = real(value, otherwise)
    return int(number) if abs(number) < 1e9 else otherwise


def real(value: object, otherwise: float) -> float:
    """A finite number that a workflow gives as number or text, or `otherwise`."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return otherwise
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return otherwise
    return number if math.isfinite(number) else otherwise


def _short(value: object, most: int = 80) -> str:
    """A workflow's value as one line that is not too long for a message."""
    return " ".join(str(value)[:most].split())


def _extracted(parameters: Mapping[str, Any]) -> int:
    key = "rescaledSize" if is_true(parameters.get("doRescale", False)) else "boxSize"
    return max(0, whole(parameters.get(key), 0))


def is_true(value: object) -> bool:
    """Whether a workflow's value, number or text, means yes."""
    return value.strip().lower() in ("true", "1", "yes") if isinstance(value, str) else bool(value)
