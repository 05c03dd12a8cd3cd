"""What an import's search for software comes to, and how evidence and versions are compared."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cloudify_scipion.catalogue.entries.model import PluginVersion
from cloudify_scipion.project.importing.model import Decision, Evidence, Fact


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


def speaks_of(item: Evidence, name: str, versions: Mapping[str, PluginVersion]) -> bool:
    """Whether evidence is about a plugin: by its module, or by its class where the catalogue has no module for it."""
    modules = {entry.module for entry in versions.values() if entry.module}
    if modules:
        return item.module in modules
    return name == f"scipion-em-{item.module}" or any(item.class_name in entry.protocols for entry in versions.values())


def version_key(version: str) -> tuple[tuple[int, int, str], ...]:
    """Orders versions: numbers by value, text before numbers."""
    parts = re.findall(r"[0-9]+|[A-Za-z]+", version)
    digits = [part.lstrip("0") if part.isdigit() else "" for part in parts]
    return tuple(
        (1, len(number), number) if part.isdigit() else (0, 0, part) for part, number in zip(parts, digits, strict=True)
    )
