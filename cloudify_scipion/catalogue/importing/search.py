"""A search for the software of a workflow: where it looks, and what it comes to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cloudify_scipion.catalogue.entries.model import Catalogue, PluginVersion, ScipionVersion
from cloudify_scipion.project.importing.model import Decision, Evidence, Fact


@dataclass
class Search:
    """`believed` is what logs and exports say, as far as it is believed. `software` becomes that part of a project
    document; `facts` say where each of its values comes from, `decisions` what is open.
    """

    catalogue: Catalogue
    believed: Sequence[Evidence] = ()
    software: dict[str, Any] = field(default_factory=dict)
    facts: list[Fact] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)

    @property
    def scipion(self) -> ScipionVersion:
        """The version of Scipion that was taken."""
        return self.catalogue.scipion[self.software["scipion"]]

    def take(self, path: str, version: str, origin: str) -> str:
        """Note a version and where it comes from; returns it."""
        self.facts.append(Fact(path, version, origin))
        return version

    def ask(self, path: str, message: str) -> None:
        """Note something that a person must decide or know."""
        self.decisions.append(Decision(path, message))

    def called(self, name: str, versions: Mapping[str, PluginVersion]) -> list[str]:
        """The versions of its EM package that a plugin called, as it names them."""
        return [item.binary for item in self.believed if item.binary and speaks_of(item, name, versions)]


def speaks_of(item: Evidence, name: str, versions: Mapping[str, PluginVersion]) -> bool:
    """Whether evidence is about a plugin: by its module, or by its class where the catalogue has no module for it."""
    modules = {entry.module for entry in versions.values() if entry.module}
    if modules:
        return item.module in modules
    return name == f"scipion-em-{item.module}" or any(item.class_name in entry.protocols for entry in versions.values())
