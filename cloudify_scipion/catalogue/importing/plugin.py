"""Which version of a plugin an import takes: as it ran, or as the catalogue can install it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cloudify_scipion.catalogue.entries.model import PluginVersion
from cloudify_scipion.catalogue.entries.versions import version_key
from cloudify_scipion.catalogue.importing.packages import ask_for_licence, best_package
from cloudify_scipion.catalogue.importing.search import Search, speaks_of
from cloudify_scipion.project.documents import child_path
from cloudify_scipion.project.importing.model import Evidence


class PluginSearch:
    """The search for a version of the plugin `name`, which brings `classes` of the workflow."""

    def __init__(self, search: Search, name: str, classes: Sequence[str]) -> None:
        self._search, self._name, self._classes = search, name, classes
        self._versions = search.catalogue.plugins[name]
        self._path = child_path("$.software.plugins", name)
        self._why = f"brings {', '.join(classes[:3])}{', ...' if len(classes) > 3 else ''}"

    def find(self) -> PluginVersion:
        """What a log names, what an export names, or the newest that fits and can be installed."""
        chosen = self._named("log") or self._named("export") or self._newest()
        self._look_at(chosen)
        return chosen

    def _named(self, kind: str) -> PluginVersion | None:
        """The newest version that logs, or exports, name and that the catalogue has."""
        items = [item for item in self._search.believed if item.kind == kind and item.version and self._is_meant(item)]
        named = sorted({item.version for item in items}, key=version_key)
        known = [version for version in named if version in self._versions]
        if named and not known:
            has = f"the catalogue has {', '.join(self._versions)} of {self._name}"
            self._ask(f"the {kind} names {', '.join(named)}; {has}")
        if not known:
            return None
        where = next(item.where for item in items if item.version == known[-1])
        self._search.take(self._path, known[-1], f"{kind} {where}; {self._why}")
        if len(named) > 1:
            self._ask(f"{kind}s name {', '.join(named)}; {known[-1]} was taken")
        return self._versions[known[-1]]

    def _is_meant(self, item: Evidence) -> bool:
        return speaks_of(item, self._name, self._versions)

    def _newest(self) -> PluginVersion:
        chosen = max(self._versions.values(), key=self._merit)
        how = "the newest that fits and can be installed" if chosen.installable else "the newest; nothing installs it"
        self._search.take(self._path, chosen.version, f"{how} ({chosen.proof}); {self._why}")
        self._ask(f"{chosen.version} is the catalogue's; no log or export that can be believed names a version")
        return chosen

    def _merit(self, entry: PluginVersion) -> tuple[Any, ...]:
        """Greater for a version that is to be taken rather than another, where no log or export names one."""
        labels = {label for labels in entry.em_packages.values() for label in labels}
        known = self._search.catalogue
        packages = [best_package(known.packages(name), entry.labels(name)) for name in entry.default_packages]
        return (
            entry.installable,
            self._search.scipion.version in entry.scipion,
            sum(name in entry.protocols for name in self._classes),
            any(label in labels for label in self._search.called(self._name, self._versions)),
            all(package is not None and package.installable for package in packages),
            version_key(entry.version),
        )

    def _look_at(self, entry: PluginVersion) -> None:
        """What a person must know about a plugin's version."""
        scipion = self._search.scipion.version
        if not entry.installable:
            others = ", ".join(version for version, other in self._versions.items() if other.installable)
            others = f"can be installed: {others}" if others else "no version of it can be installed"
            self._ask(f"nothing installs {entry.title} in this version; {others}")
        elif scipion not in entry.scipion:
            self._ask(f"{entry.title} works with Scipion {', '.join(entry.scipion)}, not with {scipion}")
        if missing := [name for name in self._classes if name not in entry.protocols]:
            self._ask(f"{entry.title} does not bring {', '.join(missing)}; Scipion would drop these")
        ask_for_licence(entry, self._search)

    def _ask(self, message: str) -> None:
        self._search.ask(self._path, message)
