"""What of a software set the machines of a site cannot run: CUDA, GPUs, files of its mirrors."""

from __future__ import annotations

from collections.abc import Iterator

from cloudify_scipion.catalogue.entries.model import Catalogue, EmPackageVersion, PluginVersion
from cloudify_scipion.catalogue.entries.versions import reaches
from cloudify_scipion.catalogue.software.site_files import file_problem
from cloudify_scipion.project.documents import child_path
from cloudify_scipion.project.model import Software
from cloudify_scipion.project.site import Site

Found = Iterator[tuple[str, str]]


def site_misfits(request: Software, site: Site, catalogue: Catalogue) -> Found:
    """What the machines of a site cannot run. A site that names no flavours may have any GPU."""
    for name, version in request.em_packages.items():
        entry = catalogue.em_packages.get(name, {}).get(version)
        if entry:
            where = child_path("$.software.em_packages", name)
            cuda = "" if entry.gpu == "optional" else _cuda(entry, site)  # it runs on the CPU: see site_notes
            found = [cuda, _gpu(entry, site), file_problem(entry, site)]
            yield from ((where, message) for message in found if message)
    for name, version in request.example_data.items():
        data = catalogue.example_data.get(name, {}).get(version)
        if data and (message := file_problem(data, site)):
            yield child_path("$.software.example_data", name), message
    for name, version in request.plugins.items():
        plugin = catalogue.plugins.get(name, {}).get(version)
        if plugin and (message := _cuda(plugin, site)):
            yield child_path("$.software.plugins", name), message


def site_notes(request: Software, site: Site, catalogue: Catalogue) -> Iterator[str]:
    """What the machines of a site run on the CPU only, because their driver is too old."""
    for name, version in request.em_packages.items():
        entry = catalogue.em_packages.get(name, {}).get(version)
        if entry and entry.gpu == "optional" and (message := _cuda(entry, site)):
            yield f"{message}: it runs on the CPU"


def _cuda(entry: PluginVersion | EmPackageVersion, site: Site) -> str:
    """A driver runs programs of older CUDA versions, so only lower bounds count."""
    if site.cuda and not reaches(site.cuda, entry.cuda):
        return f"{entry.title} needs CUDA {entry.cuda}; the driver of site {site.name} supports {site.cuda}"
    return ""


def _gpu(package: EmPackageVersion, site: Site) -> str:
    """Whether there is any graphics card; which of them is good enough, `choose` says."""
    if package.gpu != "required" or not site.flavours or any(flavour.gpu for flavour in site.flavours):
        return ""
    return f"{package.title} needs a GPU; no flavour of site {site.name} has one"
