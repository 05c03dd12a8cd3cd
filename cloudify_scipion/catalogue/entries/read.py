"""From checked documents of the catalogue's files to its entries: a field of an entry has its name in the file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from inspect import signature
from pathlib import Path
from typing import Any, TypeVar

from cloudify_scipion.catalogue.entries.methods import METHODS, Method
from cloudify_scipion.catalogue.entries.model import (
    EmPackageVersion,
    ExampleData,
    Licence,
    Number,
    PluginVersion,
    ProtocolFacts,
    ScipionVersion,
)
from cloudify_scipion.errors import Problem
from cloudify_scipion.project.documents import Document, read_bytes

Entry = TypeVar("Entry")
_NUMBERS = dict.fromkeys(("ram_gb_per_process", "gpu_memory_gb", "compute_capability"), lambda facts: Number(**facts))
_TYPES: Mapping[str, Callable[[Any], Any]] = {
    **_NUMBERS,
    "licence": lambda facts: Licence(**facts),
    "scipion": tuple,
    "em_packages": lambda labels: {name: tuple(some) for name, some in labels.items()},
}
"""What a field's value becomes, where it is not taken as it stands."""


class Reader:
    """Makes entries of a catalogue folder's documents; what is wrong with files they name is gathered in `problems`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.problems: list[Problem] = []

    def scipion(self, document: Mapping[str, Any]) -> ScipionVersion:
        """The entry of a file of `scipion/`."""
        return self._entry(ScipionVersion, document, protocols=_protocols(document))

    def plugins(self, document: Mapping[str, Any]) -> dict[str, PluginVersion]:
        """The entries of a file of `plugins/`, by version."""
        return _by_version(document, lambda facts: self._entry(PluginVersion, facts, protocols=_protocols(facts)))

    def em_packages(self, document: Mapping[str, Any]) -> dict[str, EmPackageVersion]:
        """The entries of a file of `em_packages/`, by version."""
        return _by_version(document, partial(self._made, EmPackageVersion, "em_packages"))

    def example_data(self, document: Mapping[str, Any]) -> dict[str, ExampleData]:
        """The entries of a file of `example_data/`, by version."""
        return _by_version(document, partial(self._made, ExampleData, "example_data"))

    def _made(self, kind: Callable[..., Entry], folder: str, facts: Mapping[str, Any]) -> Entry:
        method: Method = self._entry(METHODS[facts["method"]], facts, folder)
        return self._entry(kind, {"label": facts["version"], **facts}, method=method)

    def _entry(self, kind: Callable[..., Entry], facts: Mapping[str, Any], folder: str = "", **made: Any) -> Entry:
        """An entry with those of the facts that it has a field for."""
        texts = {"requirements": partial(self._text, "requirements"), "script": partial(self._text, folder)}
        read: Mapping[str, Callable[[Any], Any]] = {**_TYPES, **texts}
        names = signature(kind).parameters.keys() & facts.keys()
        return kind(**{name: read.get(name, _as_it_is)(facts[name]) for name in names - made.keys()}, **made)

    def _text(self, folder: str, name: str) -> str:
        """The text of a file; empty if there is none to read."""
        source = f"catalogue/{folder}/{name}"
        content = read_bytes(self.folder / folder / name, source)
        if isinstance(content, Document):
            self.problems += content.problems
            return ""
        try:
            return content.decode()
        except UnicodeDecodeError as error:
            self.problems.append(Problem(source, "$", f"it is not UTF-8 text: byte {error.start + 1}"))
            return ""


def _by_version(document: Mapping[str, Any], entry: Callable[[Mapping[str, Any]], Entry]) -> dict[str, Entry]:
    return {
        version: entry({"name": document["name"], "version": version, **facts})
        for version, facts in document["versions"].items()
    }


def _as_it_is(value: Any) -> Any:
    return value


def _protocols(facts: Mapping[str, Any]) -> dict[str, ProtocolFacts]:
    where = facts.get("source", "")
    source = where if isinstance(where, str) else ""
    return {name: _protocol(name, given, source) for name, given in facts.get("protocols", {}).items()}


def _protocol(name: str, given: Mapping[str, Any], source: str) -> ProtocolFacts:
    numbers = {key: Number(**given[key]) for key in _NUMBERS if key in given}
    return ProtocolFacts(**{"class_name": name, "source": source, **given, **numbers})
