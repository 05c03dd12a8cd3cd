"""A workflow's steps as far as they say what machine they need: facts of their protocols, and their own parameters."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from cloudify_scipion.catalogue.entries.model import Catalogue, Chosen, EmPackageVersion, ProtocolFacts
from cloudify_scipion.catalogue.entries.versions import reaches
from cloudify_scipion.project.model import Acquisition, Needs, Project, Software
from cloudify_scipion.project.workflow import in_order, is_true, number_of


@dataclass(frozen=True)
class Step:
    """A protocol of a workflow. What its parameters say goes before what its class declares.

    `box` is the side in pixels of the particles that it works on, if that is known; `known` says whether the catalogue
    has the class. `packages` are the project's EM packages that its plugin calls; `driver` is the CUDA version that the
    site's driver supports, empty if that is not known.
    """

    number: str
    facts: ProtocolFacts
    parameters: Mapping[str, Any]
    box: int | None = None
    known: bool = True
    packages: tuple[EmPackageVersion, ...] = ()
    driver: str = ""

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
    def on_cards(self) -> tuple[EmPackageVersion, ...]:
        """Those of its packages that can use a graphics card."""
        return tuple(package for package in self.packages if package.gpu != "no")

    @property
    def uses_gpu(self) -> bool:
        """Whether it runs on a graphics card."""
        if self.facts.gpu != "optional" or not all(runs_on(self.driver, package.cuda) for package in self.on_cards):
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
    chosen = catalogue.chosen(project.software)
    steps = tuple(_steps(project, chosen, driver))
    told = [package for step in steps if step.facts.gpu == "required" for package in step.packages]
    counting = (
        one
        for one in chosen.em_packages
        if one not in told and (one.gpu == "required" or not steps and one.gpu != "no" and runs_on(driver, one.cuda))
    )
    return Workload(steps, project.acquisition, project.needs, tuple(counting))


def _steps(project: Project, chosen: Chosen, driver: str) -> Iterator[Step]:
    """A step's box is the one extracted last before it."""
    box = project.acquisition.box_size
    for protocol in in_order(project.workflow.protocols):
        step = _step(protocol, chosen, driver)
        if step.facts.phase == "extract":
            box = _extracted(protocol) or box
        yield replace(step, box=box)


def known_steps(software: Software, protocols: Sequence[Any], catalogue: Catalogue) -> Iterator[tuple[int, Step]]:
    """Index and step of the protocols whose class is known, in a workflow that may be wrong elsewhere."""
    chosen = catalogue.chosen(software)
    for index, protocol in enumerate(protocols):
        readable = isinstance(protocol, Mapping) and isinstance(protocol.get("object.className"), str)
        if readable and (step := _step(protocol, chosen)).known:
            yield index, step


def _step(protocol: Mapping[str, Any], chosen: Chosen, driver: str = "") -> Step:
    """A protocol with the facts of its class: those of a plugin go before Scipion's."""
    name, number = str(protocol["object.className"]), str(protocol.get("object.id", "?"))
    for plugin in (one for one in chosen.plugins if name in one.protocols):
        packages = tuple(package for package in chosen.em_packages if package.name in plugin.em_packages)
        return Step(number, plugin.protocols[name], protocol, packages=packages, driver=driver)
    own = chosen.scipion.protocols.get(name) if chosen.scipion else None
    return Step(number, own or _unknown(protocol), protocol, known=own is not None)


def runs_on(driver: str, cuda: str) -> bool:
    """Whether a driver runs programs made for a range of CUDA versions: only lower bounds count; empty is not known."""
    return not driver or reaches(driver, cuda)


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
    number = number_of(value)
    return otherwise if number is None else number


def _short(value: object, most: int = 80) -> str:
    """A workflow's value as one line that is not too long for a message."""
    return " ".join(str(value)[:most].split())


def _extracted(parameters: Mapping[str, Any]) -> int:
    key = "rescaledSize" if is_true(parameters.get("doRescale", False)) else "boxSize"
    return max(0, whole(parameters.get(key), 0))
