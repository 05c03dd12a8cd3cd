"""From the protocols of a workflow, and from the versions that logs and exports name, to software of the catalogue."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from cloudify_scipion.catalogue.entries.model import Catalogue, ScipionVersion
from cloudify_scipion.catalogue.importing.example_data import find_example_data
from cloudify_scipion.catalogue.importing.found import Imported, speaks_of, version_key
from cloudify_scipion.catalogue.importing.versions import find_packages, find_plugin
from cloudify_scipion.project.documents import child_path
from cloudify_scipion.project.importing.evidence import one_version_for_all
from cloudify_scipion.project.importing.model import Evidence
from cloudify_scipion.project.nearest import nearest

_CORE = {"pwem": "scipion-em", "pyworkflow": "scipion-pyworkflow"}
"""Modules that belong to Scipion itself, and their distributions."""


def find_software(
    protocols: Sequence[Mapping[str, Any]], evidence: Sequence[Evidence], catalogue: Catalogue
) -> Imported:
    """The software that a workflow needs. Versions come from logs, then from exports, then from the catalogue."""
    found = Imported()
    believed = [*_believed(evidence, catalogue, found)]
    scipion = _scipion(believed, catalogue, found)
    found.software["scipion"] = scipion.version
    classes = list(dict.fromkeys(str(protocol["object.className"]) for protocol in protocols))
    owners = _owners(classes, believed, scipion, catalogue, found)
    plugins = [find_plugin(name, owners[name], believed, scipion, catalogue, found) for name in sorted(owners)]
    packages = dict(find_packages(plugins, believed, catalogue, found))
    if plugins:
        found.software["plugins"] = {plugin.name: plugin.version for plugin in plugins}
    if packages:
        found.software["em_packages"] = packages
    if data := find_example_data(protocols, catalogue, found):
        found.software["example_data"] = data
    return found


def _believed(evidence: Sequence[Evidence], catalogue: Catalogue, found: Imported) -> Iterator[Evidence]:
    """Logs are believed. The versions of an export are not where they are another plugin's."""
    same = one_version_for_all([item for item in evidence if item.kind == "export"])
    doubted: dict[str, list[str]] = {}
    for item in evidence:
        if item.kind == "log" or not item.version:
            yield item
            continue
        if same:
            reason = f"the export gives the version {same} to plugins that have nothing to do with each other"
        elif item.module not in _CORE and not _knows(item, catalogue):
            reason = f"the export gives the version {item.version}, which is none that the catalogue knows, to a plugin"
        else:
            yield item
            continue
        doubted.setdefault(reason, []).append(item.module)
        yield Evidence(**{**vars(item), "version": ""})
    for reason, modules in doubted.items():
        found.ask("$.software", f"{reason} ({', '.join(dict.fromkeys(modules))}): not believed")


def _knows(item: Evidence, catalogue: Catalogue) -> bool:
    return any(
        item.version in versions for name, versions in catalogue.plugins.items() if speaks_of(item, name, versions)
    )


def _scipion(believed: Sequence[Evidence], catalogue: Catalogue, found: Imported) -> ScipionVersion:
    """The Scipion whose parts the logs name; otherwise the newest."""
    newest = catalogue.scipion[max(catalogue.scipion, key=version_key)]
    path = "$.software.scipion"
    named = dict.fromkeys((part, version) for item in believed for part, version in _parts(item))
    if not named:
        found.take(path, newest.version, "the newest in the catalogue")
        found.ask(path, f"{newest.version} is the catalogue's newest; no log or export names a version")
        return newest
    said = ", ".join(f"{part} {version}" for part, version in named)
    fitting = {name: sum(_has(entry, *pin) for pin in named) for name, entry in catalogue.scipion.items()}
    best = catalogue.scipion[max(fitting, key=lambda name: (fitting[name], version_key(name)))]
    if fitting[best.version] == len(named):
        found.take(path, best.version, f"the logs or exports name {said}")
    else:
        found.take(path, best.version, "the nearest in the catalogue")
        found.ask(path, f"logs or exports name {said}; Scipion {best.version}, taken, is not all of that")
    return best


def _parts(item: Evidence) -> Iterator[tuple[str, str]]:
    if item.pyworkflow:
        yield "scipion-pyworkflow", item.pyworkflow
    if item.module in _CORE and item.version:
        yield _CORE[item.module], item.version


def _has(entry: ScipionVersion, part: str, version: str) -> bool:
    pin = rf"(?m)^{re.escape(part)}==({re.escape(version)})(\s|$)"
    return entry.parts.get(part) == version or bool(re.search(pin, entry.requirements))


def _owners(
    classes: Sequence[str],
    believed: Sequence[Evidence],
    scipion: ScipionVersion,
    catalogue: Catalogue,
    found: Imported,
) -> dict[str, list[str]]:
    """Names of plugins to those classes of the workflow that each brings."""
    bringers = {name: _bringers(name, believed, catalogue) for name in classes if name not in scipion.protocols}
    owners: dict[str, list[str]] = {}
    # Classes that only one plugin brings come first: they decide about the others.
    for name, plugins in sorted(bringers.items(), key=lambda item: len(item[1]) != 1):
        if not plugins:
            if not any(item.class_name == name and item.module in _CORE for item in believed):
                found.ask("$.software.plugins", _unknown_class(name, scipion, catalogue))
            continue
        chosen = next((plugin for plugin in plugins if plugin in owners), plugins[0])
        if len(plugins) > 1:
            message = f"{name} is brought by {' and '.join(plugins)}; {chosen} was taken"
            found.ask(child_path("$.software.plugins", chosen), message)
        owners.setdefault(chosen, []).append(name)
    return owners


def _bringers(class_name: str, believed: Sequence[Evidence], catalogue: Catalogue) -> list[str]:
    """Plugins that bring a class; only that one which a log or an export names for it, if any does."""
    named = [item for item in believed if item.class_name == class_name and item.module]
    plugins = {
        name: versions
        for name, versions in catalogue.plugins.items()
        if any(class_name in entry.protocols for entry in versions.values())
    }
    sure = [
        name for name, versions in catalogue.plugins.items() if any(speaks_of(item, name, versions) for item in named)
    ]
    if len(sure) == 1:
        return sure
    return sorted(plugins, key=lambda name: (not any(entry.installable for entry in plugins[name].values()), name))


def _unknown_class(name: str, scipion: ScipionVersion, catalogue: Catalogue) -> str:
    known = {
        *scipion.protocols,
        *(
            protocol
            for versions in catalogue.plugins.values()
            for entry in versions.values()
            for protocol in entry.protocols
        ),
    }
    return f"no plugin of the catalogue brings {name}; Scipion would drop this step{nearest(name, known)}"
