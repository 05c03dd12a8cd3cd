"""What the machines of a site cannot run: CUDA, graphics cards for software and for steps, files of the mirrors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from cloudify_scipion.catalogue.entries.model import Catalogue, EmPackageVersion, PluginVersion
from cloudify_scipion.catalogue.sizing.steps import Step, known_steps, runs_on
from cloudify_scipion.catalogue.software.site_files import file_problem
from cloudify_scipion.project.documents import Findings, child_path
from cloudify_scipion.project.model import Software
from cloudify_scipion.project.providers import facts_of
from cloudify_scipion.project.site import Site


def site_problems(request: Software, site: Site, catalogue: Catalogue) -> Findings:
    """What the machines of a site cannot run. A site that names no flavours may have any GPU."""
    chosen = catalogue.chosen(request)
    for package in chosen.em_packages:
        cuda = "" if package.gpu == "optional" else _cuda(package, site)  # it runs on the CPU: see site_notes
        for message in filter(None, (cuda, _gpu(package, site), file_problem(package, site))):
            yield child_path("$.software.em_packages", package.name), message
    for data in chosen.example_data:
        if message := file_problem(data, site):
            yield child_path("$.software.example_data", data.name), message
    for plugin in chosen.plugins:
        if message := _cuda(plugin, site):
            yield child_path("$.software.plugins", plugin.name), message


def site_notes(request: Software, site: Site, catalogue: Catalogue) -> Iterator[str]:
    """What the machines of a site run on the CPU only, because their driver is too old."""
    for package in catalogue.chosen(request).em_packages:
        if package.gpu == "optional" and (message := _cuda(package, site)):
            yield f"{message}: it runs on the CPU"


def gpu_problems(request: Software, protocols: Sequence[Any], site: Site, catalogue: Catalogue) -> Findings:
    """Steps that cannot run without a GPU and get none."""
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


def _cuda(entry: PluginVersion | EmPackageVersion, site: Site) -> str:
    if runs_on(site.cuda, entry.cuda):
        return ""
    return f"{entry.title} needs CUDA {entry.cuda}; the driver of site {site.name} supports {site.cuda}"


def _gpu(package: EmPackageVersion, site: Site) -> str:
    """Whether there is any graphics card; which of them is good enough, `choose` says."""
    if package.gpu != "required" or not site.flavours or any(flavour.gpu for flavour in site.flavours):
        return ""
    return f"{package.title} needs a GPU; no flavour of site {site.name} has one"


def _without_gpu(
    request: Software, protocols: Sequence[Any], site: Site, catalogue: Catalogue
) -> Iterator[tuple[str, Step, str]]:
    """Path, step and reason for each step that uses a GPU, as written or by default, and gets none."""
    for index, step in known_steps(request, protocols, catalogue):
        if step.uses_gpu and (reason := _reason(step, site)):
            path = child_path("$.workflow.protocols", index)
            yield child_path(path, step.switch_name or "object.className"), step, reason


def _reason(step: Step, site: Site) -> str:
    if step.packages and all(package.gpu == "no" for package in step.packages):
        return f"{' and '.join(package.title for package in step.packages)} is built for the CPU"
    return "" if facts_of(site.provider).cards else f"machines of a {site.provider} site have no graphics card"
