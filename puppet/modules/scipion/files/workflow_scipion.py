"""Scipion itself, loaded when it is needed: what of it is used here, and which protocols it has."""
# ruff: noqa: D102 - the methods are Scipion's, which documents them

from __future__ import annotations

import contextlib
import hashlib
import importlib
import importlib.util  # Scipion uses it without importing it
import json
import os
import sys
import sysconfig
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol, cast


class Mapper(Protocol):
    """A database of protocols."""

    def store(self, run: Run) -> None: ...
    def commit(self) -> None: ...
    def close(self) -> None: ...


class Value(Protocol):
    """One value of a protocol, which its database keeps."""

    def set(self, value: object) -> None: ...


class Run(Protocol):
    """A protocol of a project, as a box of Scipion's window shows it. Names are Scipion's."""

    runMode: Value
    _useQueue: Value
    _outputs: Iterable[str]

    def strId(self) -> str: ...
    def getClassName(self) -> str: ...
    def getObjLabel(self) -> str: ...
    def setObjLabel(self, label: str) -> None: ...
    def getStatus(self) -> str: ...
    def setFailed(self, why: str) -> None: ...
    def setAborted(self) -> None: ...
    def getWorkingDir(self) -> str: ...
    def getDbPath(self) -> str: ...
    def getMapper(self) -> Mapper: ...
    def setMapper(self, mapper: Mapper) -> None: ...
    def _store(self) -> None: ...
    def validate(self) -> Sequence[str]: ...
    def getPrerequisites(self) -> Iterable[object]: ...
    def getInputStatus(self) -> tuple[bool, bool, bool]: ...
    def iterOutputAttributes(self) -> Iterable[tuple[str, object]]: ...
    def worksInStreaming(self) -> bool: ...


class Node(Protocol):
    """A protocol's place among those that its inputs come from."""

    run: Run | None

    def getParents(self) -> Iterable[Node]: ...


class Graph(Protocol):
    """What depends on what in a project."""

    def getNode(self, id: str) -> Node: ...


class Settings(Protocol):
    """A project's own settings."""

    def write(self) -> None: ...


class Project(Protocol):
    """A project of Scipion. Whoever loads or makes it is in its folder from then on."""

    mapper: Mapper
    settings: Settings

    def create(self) -> None: ...
    def load(self) -> None: ...
    def loadProtocols(self, path: str) -> Mapping[str, Run]: ...
    def getRuns(self, refresh: bool = ..., checkPids: bool = ...) -> Iterable[Run]: ...
    def getRunsGraph(self) -> Graph: ...
    def scheduleProtocol(self, run: Run) -> None: ...
    def createMapper(self, path: str) -> Mapper: ...
    def closeMapper(self) -> None: ...
    def setReadOnly(self, read_only: bool) -> None: ...


class Domain(Protocol):
    """Scipion's protocols and classes."""

    def getProtocols(self) -> Mapping[str, object]: ...


def scipion() -> Domain:
    """Scipion's protocols and classes, with its configuration read as its own command does.

    Nothing of pyworkflow may be imported before: it reads its configuration once, when it is imported.
    """
    arguments, sys.argv = sys.argv, sys.argv[:1]
    os.environ.update(importlib.import_module("scipion.__main__").VARS)
    sys.argv = arguments
    config = importlib.import_module("pyworkflow").Config
    os.environ.update(config.getVars())
    domain = cast(Domain, config.getDomain())
    _remember(domain.getProtocols())
    return domain


def are_known(classes: Collection[str]) -> bool:
    """Whether Scipion has all these classes of protocols, as it was seen with the very packages that are installed.

    Loading Scipion to ask it takes seconds; false means that it has to be asked.
    """
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        seen = json.loads(_seen().read_text())
        return bool(seen["packages"] == _packages() and set(classes) <= set(seen["classes"]))
    return False


def open_project(domain: Domain, folder: Path) -> Project:
    """A project, not loaded yet."""
    return cast(Project, importlib.import_module("pyworkflow.project").Project(domain, str(folder)))


@contextmanager
def opened(domain: Domain, folder: Path) -> Iterator[Project]:
    """A project, loaded. Whoever loads it is in its folder; afterwards we are out of it."""
    project = open_project(domain, folder)
    project.load()
    try:
        yield project
    finally:
        project.closeMapper()
        os.chdir("/")


def _remember(classes: Iterable[str]) -> None:
    seen = {"packages": _packages(), "classes": sorted(classes)}
    with contextlib.suppress(OSError):
        if not _seen().is_file() or json.loads(_seen().read_text() or "{}") != seen:
            _seen().parent.mkdir(parents=True, exist_ok=True)
            _seen().write_text(json.dumps(seen))


def _seen() -> Path:
    return Path.home() / ".cache/scipion-workflow/classes.json"


def _packages() -> str:
    names = sorted(path.name for path in Path(sysconfig.get_path("purelib")).iterdir())
    return hashlib.sha256("\n".join(names).encode()).hexdigest()
