"""Loading the catalogue from its YAML files: one per Scipion version, plugin, EM package and example data set.

Folders: `scipion/VERSION.yaml`, `plugins/NAME.yaml`, `em_packages/NAME.yaml`, `example_data/NAME.yaml` (with its
scripts beside it), and `requirements/*.txt`. `schema.json` describes the files. A file is read, checked and kept when
its name is first looked up, because a project needs few of them; `catalogue_problems` looks at all.

An operator's own folder, named by the variable CLOUDIFY_SCIPION_CATALOGUE, is laid over the one that is shipped.
"""

from __future__ import annotations

import json
import operator
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cache, reduce
from pathlib import Path
from typing import Any, TypeVar

from cloudify_scipion.catalogue.entries.model import Catalogue
from cloudify_scipion.catalogue.entries.read import Reader
from cloudify_scipion.errors import InputError, Problem
from cloudify_scipion.project.documents import MAX_YAML_BYTES, Document, is_folder, parse_yaml, read_bytes
from cloudify_scipion.project.schema import schema_problems

VARIABLE = "CLOUDIFY_SCIPION_CATALOGUE"
_FOLDER = Path(__file__).parents[1]
_DATA = _FOLDER / "data"
_KINDS = {"scipion": "scipion", "plugins": "plugin", "em_packages": "em_package", "example_data": "em_package"}
"""Folders, and what `schema.json` calls a file of each."""

Entry = TypeVar("Entry")


def load_catalogue(folder: Path | None = None) -> Catalogue:
    """The catalogue in a folder; by default the shipped one, with the operator's own laid over it.

    Looking a name up raises InputError with everything that is wrong in its file; so does an own folder that is none.
    """
    own = os.environ.get(VARIABLE, "")
    if folder or not own:
        return read_folders(folder or _DATA)
    if not is_folder(Path(own)):
        raise InputError(
            [Problem(VARIABLE, "$", f"{own!r} is no folder; it names the folder of a catalogue of your own")]
        )
    return read_folders(_DATA, Path(own))


@cache
def read_folders(*folders: Path) -> Catalogue:
    """The entries of all folders; a version that several have is that of the last."""
    return Catalogue(
        scipion=_Files(folders, "scipion", Reader.scipion, lambda _, own: own),
        plugins=_Files(folders, "plugins", Reader.plugins, operator.or_),
        em_packages=_Files(folders, "em_packages", Reader.em_packages, operator.or_),
        example_data=_Files(folders, "example_data", Reader.example_data, operator.or_),
    )


def catalogue_problems(folder: Path | None = None) -> list[Problem]:
    """Everything that is wrong in all files of a catalogue."""
    catalogue = load_catalogue(folder)
    kinds = (catalogue.scipion, catalogue.plugins, catalogue.em_packages, catalogue.example_data)
    return [problem for kind in kinds for name in kind for problem in _problems_of(kind, name)]


def _problems_of(kind: Mapping[str, object], name: str) -> tuple[Problem, ...]:
    try:
        kind[name]
    except InputError as error:
        return error.problems
    return ()


class _Files(Mapping[str, Entry]):
    """Entries of one kind by the names of their files; `join` makes one of what two folders have by a name."""

    def __init__(
        self,
        folders: Sequence[Path],
        kind: str,
        build: Callable[[Reader, Mapping[str, Any]], Entry],
        join: Callable[[Entry, Entry], Entry],
    ) -> None:
        self._kind, self._build, self._join = kind, build, join
        self._paths: dict[str, list[Path]] = {}
        paths = (path for folder in folders for path in (folder / kind).glob("*.yaml"))
        for path in sorted(paths, key=lambda path: path.stem):
            self._paths.setdefault(path.stem, []).append(path)
        self._known: dict[str, Entry] = {}

    def __getitem__(self, name: str) -> Entry:
        if name not in self._known:
            self._known[name] = reduce(self._join, map(self._read, self._paths[name]))
        return self._known[name]

    def __contains__(self, name: object) -> bool:
        return name in self._paths

    def __iter__(self) -> Iterator[str]:
        return iter(self._paths)

    def __len__(self) -> int:
        return len(self._paths)

    def _read(self, path: Path) -> Entry:
        document = _read(path, f"catalogue/{self._kind}/{path.name}")
        problems = [*document.problems]
        if document.value is not None:
            problems += schema_problems(document.value, _rules(_KINDS[self._kind]), document.source)
        key = "version" if self._kind == "scipion" else "name"
        if not problems and document.value[key] != path.stem:
            problems.append(Problem(document.source, f"$.{key}", f"the file's name says {path.stem}"))
        reader = Reader(path.parents[1])
        entry = None if problems else self._build(reader, document.value)
        if entry is None or reader.problems:
            raise InputError([*problems, *reader.problems])
        return entry


def _read(path: Path, source: str) -> Document:
    """Read a YAML file: those that are shipped by a loader in C, which trusts them, others the careful way.

    A test reads the shipped ones in both ways. The one in C is ten times as fast, but ends the program where a file is
    nested too deeply.
    """
    import yaml  # slow to import

    content = read_bytes(path, source, MAX_YAML_BYTES)
    if isinstance(content, Document):
        return content
    if path.is_relative_to(_DATA):
        with suppress(yaml.YAMLError):  # the careful way says what is wrong
            return Document(source, yaml.load(content, getattr(yaml, "CSafeLoader", yaml.SafeLoader)))  # noqa: S506
    return parse_yaml(content, source)


@cache
def _rules(kind: str) -> Mapping[str, Any]:
    document = json.loads((_FOLDER / "schema.json").read_text(encoding="utf-8"))
    return {"$defs": document["$defs"], **document["$defs"][kind]}
