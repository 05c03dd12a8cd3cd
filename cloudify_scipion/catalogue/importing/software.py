"""From the protocols of a workflow, and from the versions that logs and exports name, to software of the catalogue."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from cloudify_scipion.catalogue.entries.model import Catalogue, ScipionVersion
from cloudify_scipion.catalogue.entries.versions import version_key
from cloudify_scipion.catalogue.importing.packages import find_packages
from cloudify_scipion.catalogue.importing.plugin import PluginSearch
from cloudify_scipion.catalogue.importing.search import Search, speaks_of
from cloudify_scipion.project.documents import child_path
from cloudify_scipion.project.importing.document import is_below, text_parameters
from cloudify_scipion.project.importing.evidence import one_version_for_all
from cloudify_scipion.project.importing.model import Evidence
from cloudify_scipion.project.nearest import nearest

_CORE = {"pwem": "scipion-em", "pyworkflow": "scipion-pyworkflow"}
"""Modules that belong to Scipion itself, and their distributions."""


def find_software(protocols: Sequence[Mapping[str, Any]], evidence: Sequence[Evidence], catalogue: Catalogue) -> Search:
    """The software that a workflow needs. Versions come from logs, then from exports, then from the catalogue."""
    search = Search(catalogue)
    search.believed = [*_believed(evidence, search)]
    search.software["scipion"] = _scipion(search)
    owners = _owners(dict.fromkeys(str(protocol["object.className"]) for protocol in protocols), search)
    plugins = [PluginSearch(search, name, owners[name]).find() for name in sorted(owners)]
    found = {
        "plugins": {plugin.name: plugin.version for plugin in plugins},
        "em_packages": dict(find_packages(plugins, search)),
        "example_data": _example_data(protocols, search),
    }
    search.software |= {kind: versions for kind, versions in found.items() if versions}
    return search


def homes(software: Mapping[str, Any], catalogue: Catalogue) -> Iterator[str]:
    """Folders on the machine that the software of a project document brings."""
    for kind, known in (("example_data", catalogue.example_data), ("em_packages", catalogue.em_packages)):
        for name, version in software.get(kind, {}).items():
            if home := known[name][version].method.home:
                yield home


def _believed(evidence: Sequence[Evidence], search: Search) -> Iterator[Evidence]:
    """Logs are believed. The versions of an export are not where they are another plugin's."""
    same = one_version_for_all([item for item in evidence if item.kind == "export"])
    doubted: dict[str, list[str]] = {}
    for item in evidence:
        if item.kind == "log" or not item.version:
            yield item
            continue
        if same:
            reason = f"the export gives the version {same} to plugins that have nothing to do with each other"
        elif item.module not in _CORE and not _knows(item, search.catalogue):
            reason = f"the export gives the version {item.version}, which is none that the catalogue knows, to a plugin"
        else:
            yield item
            continue
        doubted.setdefault(reason, []).append(item.module)
        yield Evidence(**{**vars(item), "version": ""})
    for reason, modules in doubted.items():
        search.ask("$.software", f"{reason} ({', '.join(dict.fromkeys(modules))}): not believed")


def _knows(item: Evidence, catalogue: Catalogue) -> bool:
    plugins = catalogue.plugins.items()
    return any(item.version in versions for name, versions in plugins if speaks_of(item, name, versions))


def _scipion(search: Search) -> str:
    """The Scipion whose parts the logs name; otherwise the newest."""
    known, path = search.catalogue.scipion, "$.software.scipion"
    named = dict.fromkeys((part, version) for item in search.believed for part, version in _parts(item))
    if not named:
        newest = max(known, key=version_key)
        search.ask(path, f"{newest} is the catalogue's newest; no log or export names a version")
        return search.take(path, newest, "the newest in the catalogue")
    said = ", ".join(f"{part} {version}" for part, version in named)
    fitting = {name: sum(_has(entry, *pin) for pin in named) for name, entry in known.items()}
    best = max(fitting, key=lambda name: (fitting[name], version_key(name)))
    if fitting[best] == len(named):
        return search.take(path, best, f"the logs or exports name {said}")
    search.ask(path, f"logs or exports name {said}; Scipion {best}, taken, is not all of that")
    return search.take(path, best, "the nearest in the catalogue")


def _parts(item: Evidence) -> Iterator[tuple[str, str]]:
    if item.pyworkflow:
        yield "scipion-pyworkflow", item.pyworkflow
    if item.module in _CORE and item.version:
        yield _CORE[item.module], item.version


def _has(entry: ScipionVersion, part: str, version: str) -> bool:
    pin = rf"(?m)^{re.escape(part)}==({re.escape(version)})(\s|$)"
    return entry.parts.get(part) == version or bool(re.search(pin, entry.requirements))


def _owners(classes: Mapping[str, None], search: Search) -> dict[str, list[str]]:
    """Names of plugins to those classes of the workflow that each brings."""
    bringers = {name: _bringers(name, search) for name in classes if name not in search.scipion.protocols}
    owners: dict[str, list[str]] = {}
    # Classes that only one plugin brings come first: they decide about the others.
    for name, plugins in sorted(bringers.items(), key=lambda item: len(item[1]) != 1):
        if not plugins:
            if not any(item.class_name == name and item.module in _CORE for item in search.believed):
                search.ask("$.software.plugins", _unknown_class(name, search))
            continue
        chosen = next((plugin for plugin in plugins if plugin in owners), plugins[0])
        if len(plugins) > 1:
            message = f"{name} is brought by {' and '.join(plugins)}; {chosen} was taken"
            search.ask(child_path("$.software.plugins", chosen), message)
        owners.setdefault(chosen, []).append(name)
    return owners


def _bringers(class_name: str, search: Search) -> list[str]:
    """Plugins that bring a class; only that one which a log or an export names for it, if any does."""
    known = search.catalogue.plugins
    named = [item for item in search.believed if item.class_name == class_name and item.module]
    sure = [name for name, versions in known.items() if any(speaks_of(item, name, versions) for item in named)]
    if len(sure) == 1:
        return sure
    bring = {plugin.name for plugin in search.catalogue.all_plugins() if class_name in plugin.protocols}
    return sorted(bring, key=lambda name: (not any(entry.installable for entry in known[name].values()), name))


def _unknown_class(name: str, search: Search) -> str:
    plugins = search.catalogue.all_plugins()
    known = {*search.scipion.protocols, *(protocol for plugin in plugins for protocol in plugin.protocols)}
    return f"no plugin of the catalogue brings {name}; Scipion would drop this step{nearest(name, known)}"


def _example_data(protocols: Sequence[Mapping[str, Any]], search: Search) -> dict[str, str]:
    """Names of the example data that the workflow reads, known by their folders on the machine, and their versions."""
    taken: dict[str, str] = {}
    entries = [entry for versions in search.catalogue.example_data.values() for entry in versions.values()]
    texts = ((protocol, value) for protocol in protocols for _, value in text_parameters(protocol))
    for protocol, value in texts:
        for entry in (entry for entry in entries if is_below(value, entry.method.home)):
            path, version = child_path("$.software.example_data", entry.name), entry.version
            reads = f"{protocol['object.className']} {protocol['object.id']} reads {value}"
            if entry.name not in taken:
                taken[entry.name] = search.take(path, version, reads)
            elif taken[entry.name] != version:
                search.ask(path, f"{reads}, of version {version}; a project has one version: {taken[entry.name]}")
    return taken
