"""What reading workflows comes to, before any software is chosen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cloudify_scipion.errors import Problem


@dataclass(frozen=True)
class Evidence:
    """Versions that a `log` or an `export` (its `kind`) names at `where`; empty text is not known.

    `module` is the plugin as Scipion calls it (`relion`), `binary` the version of the EM package that it calls.
    """

    kind: str
    where: str
    module: str = ""
    class_name: str = ""
    version: str = ""
    binary: str = ""
    pyworkflow: str = ""


@dataclass(frozen=True)
class Question:
    """A placeholder of a template: `kind` is one of `template.KINDS`, `answer` what was put in its place.

    `origin` says where the answer comes from; without one, both are empty.
    """

    source: str
    line: int
    label: str
    name: str
    kind: str
    default: str = ""
    answer: str = ""
    origin: str = ""

    @property
    def key(self) -> str:
        """What `--set` calls it."""
        return self.name or self.label


@dataclass(frozen=True)
class Fact:
    """A value of the project file (`path`: its JSON path) that was found, and where."""

    path: str
    value: Any
    origin: str


@dataclass(frozen=True)
class Decision:
    """Something that a person must still decide or know; `path` is the JSON path in the project file."""

    path: str
    message: str


@dataclass(frozen=True)
class Reading:
    """What one source holds: a file or a folder. `origin` says what the workflow was read from."""

    source: str
    protocols: tuple[Mapping[str, Any], ...] = ()
    origin: str = ""
    description: str = ""
    questions: tuple[Question, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    problems: tuple[Problem, ...] = ()
