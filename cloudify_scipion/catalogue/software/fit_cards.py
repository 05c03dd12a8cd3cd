"""Steps of a workflow that ask for a graphics card, where the software or the machine has none for them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from cloudify_scipion.catalogue.entries.model import Catalogue
from cloudify_scipion.catalogue.sizing.steps import Step, known_steps
from cloudify_scipion.project.documents import child_path
from cloudify_scipion.project.model import Software
from cloudify_scipion.project.site import Site

Found = Iterator[tuple[str, str]]


def gpu_problems(request: Software, protocols: Sequence[Any], site: Site, catalogue: Catalogue) -> Found:
    """Paths and messages of steps that cannot run without a GPU and get none."""
    for path, step, reason in _without_gpu(request, protocols, site, catalogue):
        if step.facts.gpu == "required":
            yield path, f"{step.name} cannot run without a GPU, and {reason}: leave it out"


def gpu_notes(request: Software, protocols: Sequence[Any], site: Site, catalogue: Catalogue) -> Iterator[str]:
    """Steps that ask for a GPU, as written or by default, and could run without one.

    RELION built without CUDA warns and runs on the CPU (src/ml_optimiser.cpp and src/autopicker.cpp of 3.1.3).
    """
    for _, step, reason in _without_gpu(request, protocols, site, catalogue):
        if step.facts.gpu != "required":
            asked, switch = step.switch or "its default", step.switch_name or "doGpu or useGpu"
            yield f"{step.name} asks for a GPU ({asked}), and {reason}: set {switch} to false, or have patience"


def _without_gpu(
    request: Software, protocols: Sequence[Any], site: Site, catalogue: Catalogue
) -> Iterator[tuple[str, Step, str]]:
    """Path, step and reason for each step that uses a GPU, as written or by default, and gets none."""
    for index, step in known_steps(request, protocols, catalogue):
        if step.uses_gpu and (reason := _reason(step, request, site, catalogue)):
            path = child_path("$.workflow.protocols", index)
            yield child_path(path, step.switch_name or "object.className"), step, reason


def _reason(step: Step, request: Software, site: Site, catalogue: Catalogue) -> str:
    without = _packages_without_gpu(step.facts.class_name, request, catalogue)
    if without:
        return f"{' and '.join(without)} is built for the CPU"
    return "machines of a local site have no graphics card" if site.provider == "local" else ""


def _packages_without_gpu(class_name: str, request: Software, catalogue: Catalogue) -> list[str]:
    """The EM packages that the class's plugin calls, if the project has any and none of them can use a GPU."""
    for plugin, version in request.plugins.items():
        entry = catalogue.plugins.get(plugin, {}).get(version)
        if entry and class_name in entry.protocols:
            called = {name: request.em_packages.get(name, "") for name in entry.em_packages}
            found = [catalogue.em_packages.get(name, {}).get(version) for name, version in called.items()]
            chosen = [package for package in found if package]
            able = any(package.gpu != "no" for package in chosen)
            return [] if able else [f"{package.name} {package.version}" for package in chosen]
    return []
