"""From the protocols of a workflow, and from the versions that logs and exports name, to software of the catalogue."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from cloudify_scipion.catalogue.model import Catalogue, EmPackageVersion, PluginVersion, ScipionVersion
from cloudify_scipion.project.documents import child_path
from cloudify_scipion.project.importing.evidence import one_version_for_all
from cloudify_scipion.project.importing.model import Decision, Evidence, Fact
from cloudify_scipion.project.schema import nearest

Entry = TypeVar("Entry")
_CORE = {"pwem": "scipion-em", "pyworkflow": "scipion-pyworkflow"}
"""Modules that belong to Scipion itself, and their distributions."""


@dataclass
class Imported:
    """The `software` part of a project document, where each of its values comes from, and what is open."""

    software: dict[str, Any] = field(default_factory=dict)
    facts: list[Fact] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)

    def take(self, path: str, version: str, origin: str) -> str:
        """Note a version and where it comes from; returns it."""
        self.facts.append(Fact(path, version, origin))
        return version

    def ask(self, path: str, message: str) -> None:
        """Note something that a person must decide or know."""
        self.decisions.append(Decision(path, message))


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
    plugins = [_plugin(name, owners[name], believed, scipion, catalogue, found) for name in sorted(owners)]
    packages = dict(_packages(plugins, believed, catalogue, found))
    if plugins:
        found.software["plugins"] = {plugin.name: plugin.version for plugin in plugins}
    if packages:
        found.software["em_packages"] = packages
    return found


def version_key(version: str) -> tuple[tuple[int, int, str], ...]:
    """Orders versions: numbers by value, text before numbers."""
    parts = re.findall(r"[0-9]+|[A-Za-z]+", version)
    digits = [part.lstrip("0") if part.isdigit() else "" for part in parts]
    return tuple(
        (1, len(number), number) if part.isdigit() else (0, 0, part) for part, number in zip(parts, digits, strict=True)
    )


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
        item.version in versions for name, versions in catalogue.plugins.items() if _speaks_of(item, name, versions)
    )


def _speaks_of(item: Evidence, name: str, versions: Mapping[str, PluginVersion]) -> bool:
    """Whether evidence is about a plugin: by its module, or by its class where the catalogue has no module for it."""
    modules = {entry.module for entry in versions.values() if entry.module}
    if modules:
        return item.module in modules
    return name == f"scipion-em-{item.module}" or any(item.class_name in entry.protocols for entry in versions.values())


def _scipion(believed: Sequence[Evidence], catalogue: Catalogue, found: Imported) -> ScipionVersion:
    """The Scipion whose parts the logs name; otherwise the newest."""
    newest = catalogue.scipion[max(catalogue.scipion, key=version_key)]
    path = "$.software.scipion"
    named = dict.fromkeys((part, version) for item in believed for part, version in _parts(item))
    if not named:
        found.take(path, newest.version, "the newest in the catalogue; no log names a version")
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
        name for name, versions in catalogue.plugins.items() if any(_speaks_of(item, name, versions) for item in named)
    ]
    if len(sure) == 1:
        return sure
    return sorted(plugins, key=lambda name: (not any(_installable(entry) for entry in plugins[name].values()), name))


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


def _plugin(
    name: str,
    classes: Sequence[str],
    believed: Sequence[Evidence],
    scipion: ScipionVersion,
    catalogue: Catalogue,
    found: Imported,
) -> PluginVersion:
    """A plugin's version: what a log names, what an export names, or the newest that fits and can be installed."""
    versions, path = catalogue.plugins[name], child_path("$.software.plugins", name)
    why = f"brings {', '.join(classes[:3])}{', ...' if len(classes) > 3 else ''}"
    chosen = None
    for kind in ("log", "export"):
        items = [item for item in believed if item.kind == kind and item.version and _speaks_of(item, name, versions)]
        if items and chosen is None:
            chosen = _named_version(name, kind, items, versions, path, why, found)
    if chosen is None:
        chosen = max(versions.values(), key=lambda entry: _merit(entry, classes, scipion))
        how = "the newest that can be installed" if _installable(chosen) else "the newest, only listed"
        found.take(path, chosen.version, f"{how} ({chosen.proof}); {why}")
        found.ask(path, f"{chosen.version} is the catalogue's; no log or export that can be believed names a version")
    _look_at(chosen, classes, scipion, versions, path, found)
    return chosen


def _named_version(
    name: str,
    kind: str,
    items: Sequence[Evidence],
    versions: Mapping[str, PluginVersion],
    path: str,
    why: str,
    found: Imported,
) -> PluginVersion | None:
    named = sorted({item.version for item in items}, key=version_key)
    known = [version for version in named if version in versions]
    if not known:
        found.ask(path, f"the {kind} names {', '.join(named)}; the catalogue has {', '.join(versions)} of {name}")
        return None
    where = next(item.where for item in items if item.version == known[-1])
    found.take(path, known[-1], f"{kind} {where}; {why}")
    if len(named) > 1:
        found.ask(path, f"{kind}s name {', '.join(named)}; {known[-1]} was taken")
    return versions[known[-1]]


def _merit(entry: PluginVersion, classes: Sequence[str], scipion: ScipionVersion) -> tuple[Any, ...]:
    fits = scipion.version in entry.scipion
    brought = sum(name in entry.protocols for name in classes)
    return _installable(entry), fits, brought, version_key(entry.version)


def _installable(entry: PluginVersion | EmPackageVersion) -> bool:
    return entry.installable


def _look_at(
    entry: PluginVersion,
    classes: Sequence[str],
    scipion: ScipionVersion,
    versions: Mapping[str, PluginVersion],
    path: str,
    found: Imported,
) -> None:
    """What a person must know about a plugin's version."""
    if not _installable(entry):
        others = ", ".join(version for version, other in versions.items() if _installable(other)) or "none"
        found.ask(path, f"nothing installs {entry.name} {entry.version} in this version; can be installed: {others}")
    elif scipion.version not in entry.scipion:
        fitting = ", ".join(entry.scipion)
        found.ask(path, f"{entry.name} {entry.version} works with Scipion {fitting}, not with {scipion.version}")
    if missing := [name for name in classes if name not in entry.protocols]:
        found.ask(path, f"{entry.name} {entry.version} does not bring {', '.join(missing)}; Scipion would drop these")
    _licence(entry, found)


def _licence(entry: PluginVersion | EmPackageVersion, found: Imported) -> None:
    if entry.licence and entry.licence.accept:
        message = f"a person must read the licence of {entry.name} ({entry.licence.name}); then add {entry.name!r} here"
        found.ask("$.software.accepted_licences", message)


def _packages(
    plugins: Sequence[PluginVersion], believed: Sequence[Evidence], catalogue: Catalogue, found: Imported
) -> Iterator[tuple[str, str]]:
    """EM packages that the plugins do not work without: as they ran, else what can be installed."""
    for plugin in plugins:
        versions = {plugin.version: plugin}
        ran = [item.binary for item in believed if item.binary and _speaks_of(item, plugin.name, versions)]
        for name, default in sorted(plugin.default_packages.items()):
            path = child_path("$.software.em_packages", name)
            labels = plugin.em_packages.get(name, (default,))
            wanted = [label for label in ran if label in labels]
            if (entry := _package(catalogue.em_packages.get(name, {}), labels, [*wanted, default])) is None:
                known = ", ".join(labels)
                found.ask(path, f"{plugin.name} {plugin.version} calls {name} {known}; the catalogue has none of them")
                continue
            if wanted and entry.label not in wanted:
                found.ask(path, f"{name} {wanted[-1]} ran; the catalogue can install {entry.label}, which was taken")
            if not _installable(entry):
                found.ask(path, f"nothing installs {name} {entry.version} in this version")
            origin = "as it ran" if entry.label in wanted else f"{plugin.name} {plugin.version} works with it"
            _licence(entry, found)
            yield name, found.take(path, entry.version, origin)


def _package(
    versions: Mapping[str, EmPackageVersion], labels: Sequence[str], wanted: Sequence[str]
) -> EmPackageVersion | None:
    fitting = [entry for entry in versions.values() if entry.label in labels]
    return max(
        fitting,
        key=lambda entry: (_installable(entry), entry.label in wanted, version_key(entry.version)),
        default=None,
    )
