"""Protocol classes: which software brings them, and what a workflow needs that a project does not ask for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cloudify_scipion.catalogue.entries.model import Catalogue, PluginVersion, ProtocolFacts, ScipionVersion
from cloudify_scipion.project.documents import Findings, child_path
from cloudify_scipion.project.model import Software
from cloudify_scipion.project.nearest import nearest


def known_protocols(request: Software, catalogue: Catalogue) -> dict[str, ProtocolFacts]:
    """Classes that the asked-for Scipion and plugins bring; where a version is unknown, those of all its versions."""
    wanted = [request.scipion] if request.scipion in catalogue.scipion else [*catalogue.scipion]
    facts = {name: entry for version in wanted for name, entry in catalogue.scipion[version].protocols.items()}
    for plugin, version in request.plugins.items():
        versions = catalogue.plugins.get(plugin, {})
        for entry in [versions[version]] if version in versions else versions.values():
            facts.update(entry.protocols)
    return facts


def providers(class_name: str, catalogue: Catalogue) -> dict[str, list[PluginVersion]]:
    """Plugins that bring a class: name to versions. Reads all plugins' files."""
    found = {
        name: [entry for entry in versions.values() if class_name in entry.protocols]
        for name, versions in catalogue.plugins.items()
    }
    return {name: entries for name, entries in found.items() if entries}


def protocol_problems(request: Software, protocols: Sequence[Any], catalogue: Catalogue) -> Findings:
    """Paths and messages of protocols whose class nothing brings that the project asks for."""
    known = known_protocols(request, catalogue)
    for index, protocol in enumerate(protocols):
        name = protocol.get("object.className") if isinstance(protocol, Mapping) else None
        if isinstance(name, str) and name and name not in known:
            where = child_path(child_path("$.workflow.protocols", index), "object.className")
            yield where, _message(name, request, catalogue)


def _message(name: str, request: Software, catalogue: Catalogue) -> str:
    found = providers(name, catalogue)
    if not found:
        return f"no plugin of the catalogue has a protocol {name!r}{nearest(name, _all_classes(catalogue))}"
    offers = {plugin: ", ".join(entry.version for entry in entries) for plugin, entries in sorted(found.items())}
    for plugin, versions in offers.items():
        if plugin in request.plugins:
            return f"{plugin} {request.plugins[plugin]} has no protocol {name!r}; {versions} has it"
    able = {plugin for plugin, entries in found.items() if any(entry.installable for entry in entries)}
    named = [f"{plugin} {versions}" for plugin, versions in offers.items() if plugin in able or not able]
    comes = f"{name!r} comes with {' or '.join(named)}"
    return f"{comes}, which software.plugins does not ask for: add it" if able else f"{comes}, which nothing installs"


def _all_classes(catalogue: Catalogue) -> set[str]:
    entries: list[PluginVersion | ScipionVersion] = [*catalogue.all_plugins(), *catalogue.scipion.values()]
    return {name for entry in entries for name in entry.protocols}
