"""Which version of a plugin, and which EM packages, an import takes: as it ran, or as the catalogue can install it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from cloudify_scipion.catalogue.entries.model import Catalogue, EmPackageVersion, PluginVersion, ScipionVersion
from cloudify_scipion.catalogue.importing.found import Imported, speaks_of, version_key
from cloudify_scipion.project.documents import child_path
from cloudify_scipion.project.importing.model import Evidence


def find_plugin(
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
        items = [item for item in believed if item.kind == kind and item.version and speaks_of(item, name, versions)]
        if items and chosen is None:
            chosen = _named_version(name, kind, items, versions, path, why, found)
    if chosen is None:
        ran = _binaries(name, versions, believed)
        chosen = max(versions.values(), key=lambda entry: _merit(entry, classes, ran, scipion, catalogue))
        how = "the newest that fits and can be installed" if chosen.installable else "the newest; nothing installs it"
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


def _merit(
    entry: PluginVersion, classes: Sequence[str], ran: Sequence[str], scipion: ScipionVersion, catalogue: Catalogue
) -> tuple[Any, ...]:
    """Greater for a version that is to be taken rather than another, where no log or export names one."""
    labels = {label for labels in entry.em_packages.values() for label in labels}
    packages = [
        _package(catalogue.em_packages.get(name, {}), _labels(entry, name), ()) for name in entry.default_packages
    ]
    return (
        entry.installable,
        scipion.version in entry.scipion,
        sum(name in entry.protocols for name in classes),
        any(label in labels for label in ran),
        all(package is not None and package.installable for package in packages),
        version_key(entry.version),
    )


def _look_at(
    entry: PluginVersion,
    classes: Sequence[str],
    scipion: ScipionVersion,
    versions: Mapping[str, PluginVersion],
    path: str,
    found: Imported,
) -> None:
    """What a person must know about a plugin's version."""
    if not entry.installable:
        others = ", ".join(version for version, other in versions.items() if other.installable)
        others = f"can be installed: {others}" if others else "no version of it can be installed"
        found.ask(path, f"nothing installs {entry.name} {entry.version} in this version; {others}")
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


def find_packages(
    plugins: Sequence[PluginVersion], believed: Sequence[Evidence], catalogue: Catalogue, found: Imported
) -> Iterator[tuple[str, str]]:
    """EM packages that the plugins do not work without: as they ran, else what can be installed."""
    for plugin in plugins:
        ran = _binaries(plugin.name, {plugin.version: plugin}, believed)
        for name, default in sorted(plugin.default_packages.items()):
            path = child_path("$.software.em_packages", name)
            labels = _labels(plugin, name)
            wanted = [label for label in ran if label in labels]
            if (entry := _package(catalogue.em_packages.get(name, {}), labels, [*wanted, default])) is None:
                known = ", ".join(labels)
                found.ask(path, f"{plugin.name} {plugin.version} calls {name} {known}; the catalogue has none of them")
                continue
            if wanted and entry.label not in wanted:
                found.ask(path, f"{name} {wanted[-1]} ran; the catalogue can install {entry.label}, which was taken")
            if not entry.installable:
                instead = _instead(name, catalogue.plugins[plugin.name], catalogue)
                found.ask(path, f"nothing installs {name} {entry.version} in this version; {instead}")
            origin = "as it ran" if entry.label in wanted else f"{plugin.name} {plugin.version} works with it"
            _licence(entry, found)
            yield name, found.take(path, entry.version, origin)


def _instead(package: str, versions: Mapping[str, PluginVersion], catalogue: Catalogue) -> str:
    """Which versions of a package can be installed, and what versions of its plugin call them."""
    ways = []
    for entry in (entry for entry in catalogue.em_packages.get(package, {}).values() if entry.installable):
        calling = [plugin for plugin in versions.values() if entry.label in plugin.em_packages.get(package, ())]
        callers = ", ".join(plugin.version for plugin in calling if plugin.installable)
        ways.append(f"{entry.version} (with {calling[0].name} {callers})" if callers else entry.version)
    return f"can be installed: {', '.join(ways)}" if ways else "no version of it can be installed"


def _binaries(name: str, versions: Mapping[str, PluginVersion], believed: Sequence[Evidence]) -> list[str]:
    """The versions of its EM package that a plugin called, as it names them."""
    return [item.binary for item in believed if item.binary and speaks_of(item, name, versions)]


def _labels(plugin: PluginVersion, package: str) -> tuple[str, ...]:
    """The labels of a package that a plugin can call."""
    return plugin.em_packages.get(package, (plugin.default_packages[package],))


def _package(
    versions: Mapping[str, EmPackageVersion], labels: Sequence[str], wanted: Sequence[str]
) -> EmPackageVersion | None:
    fitting = [entry for entry in versions.values() if entry.label in labels]
    return max(
        fitting,
        key=lambda entry: (entry.installable, entry.label in wanted, version_key(entry.version)),
        default=None,
    )
