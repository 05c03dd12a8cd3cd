"""Loading the catalogue from its YAML files: one per Scipion version, plugin, EM package and example data set.

Folders: `scipion/VERSION.yaml`, `plugins/NAME.yaml`, `em_packages/NAME.yaml`, `example_data/NAME.yaml` (with its
scripts beside it), and `requirements/*.txt`. `schema.json` describes the files. A file is read, checked and kept when
its name is first looked up, because a project needs few of them; `catalogue_problems` looks at all.

An operator's own folder, named by the variable CLOUDIFY_SCIPION_CATALOGUE, is laid over the one that is shipped.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Iterator, Mapping
from functools import cache, partial
from pathlib import Path
from typing import Any, TypeVar

from cloudify_scipion.catalogue.entries import read as entries
from cloudify_scipion.catalogue.entries.model import Catalogue
from cloudify_scipion.catalogue.entries.overlay import laid_over
from cloudify_scipion.errors import InputError, Problem
from cloudify_scipion.project.documents import MAX_YAML_BYTES, Document, is_folder, parse_yaml, read_bytes
from cloudify_scipion.project.schema import schema_problems

VARIABLE = "CLOUDIFY_SCIPION_CATALOGUE"
_FOLDER = Path(__file__).parents[1]
_DATA = _FOLDER / "data"
_MAX_QUICK = 15_000
"""Bytes of a file that is read the quick way: too few to be nested too deeply for it."""
_FOLDERS = {"scipion": "scipion", "plugins": "plugin", "em_packages": "em_package", "example_data": "em_package"}

Entry = TypeVar("Entry")


def load_catalogue(folder: Path | None = None) -> Catalogue:
    """The catalogue in a folder; by default the shipped one, with the operator's own laid over it.

    Looking a name up raises InputError with everything that is wrong in its file; so does an own folder that is none.
    """
    own = os.environ.get(VARIABLE, "")
    if folder or not own:
        return _in_folder(folder or _DATA)
    if not is_folder(Path(own)):
        raise InputError(
            [Problem(VARIABLE, "$", f"{own!r} is no folder; it names the folder of a catalogue of your own")]
        )
    return laid_over(_in_folder(_DATA), _in_folder(Path(own)))


@cache
def _in_folder(folder: Path) -> Catalogue:
    return Catalogue(
        scipion=_Files(folder, "scipion", entries.scipion_version),
        plugins=_Files(folder, "plugins", entries.plugin_versions),
        em_packages=_Files(folder, "em_packages", partial(entries.package_versions, "em_packages")),
        example_data=_Files(folder, "example_data", partial(entries.package_versions, "example_data")),
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
    """Entries of one kind by the names of their files."""

    def __init__(self, folder: Path, kind: str, build: Callable[[Mapping[str, Any], entries.Texts], Entry]) -> None:
        self._paths = {path.stem: path for path in sorted((folder / kind).glob("*.yaml"))}
        self._folder, self._kind, self._build = folder, kind, build
        self._known: dict[str, Entry] = {}

    def __getitem__(self, name: str) -> Entry:
        if name not in self._known:
            self._known[name] = self._read(self._paths[name])
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
            problems += schema_problems(document.value, _rules(_FOLDERS[self._kind]), document.source)
        key = "version" if self._kind == "scipion" else "name"
        if not problems and document.value[key] != path.stem:
            problems.append(Problem(document.source, f"$.{key}", f"the file's name says {path.stem}"))
        texts = entries.Texts(self._folder)
        entry = None if problems else self._build(document.value, texts)
        if entry is None or texts.problems:
            raise InputError([*problems, *texts.problems])
        return entry


def _read(path: Path, source: str) -> Document:
    """Read a YAML file the quick way; where that finds a fault, the careful way, which says what it is."""
    import yaml  # slow to import

    content = read_bytes(path, source, MAX_YAML_BYTES)
    if isinstance(content, Document):
        return content
    # The quick loader ends the program where a file is nested too deeply, and copies whatever an alias names; our own
    # files are known not to.
    if path.is_relative_to(_DATA) or (len(content) <= _MAX_QUICK and b"&" not in content):
        try:
            if value := yaml.load(content, _quick_loader()):  # noqa: S506  a SafeLoader
                return Document(source, value)
        except (yaml.YAMLError, ValueError, LookupError, AttributeError, RecursionError):
            pass  # PyYAML's constructors raise all of these
    return parse_yaml(content, source)


@cache
def _quick_loader() -> Any:
    """A loader in C that refuses what the careful way has something to say about."""
    import yaml

    quick: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

    class Loader(quick):  # type: ignore[misc]
        def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
            keys = {key.value for key, _ in node.value if key.tag == "tag:yaml.org,2002:str"}
            if len(keys) != len(node.value):
                raise yaml.YAMLError("a key is not text, or is there twice")
            mapping: dict[Any, Any] = super().construct_mapping(node, deep)
            return mapping

        def construct_finite(self, node: yaml.ScalarNode) -> float:
            number: float = self.construct_yaml_float(node)
            if not math.isfinite(number):
                raise yaml.YAMLError("not a number that JSON knows")
            return number

    Loader.add_constructor("tag:yaml.org,2002:float", Loader.construct_finite)
    return Loader


@cache
def _rules(kind: str) -> Mapping[str, Any]:
    document = json.loads((_FOLDER / "schema.json").read_text(encoding="utf-8"))
    return {"$defs": document["$defs"], **document["$defs"][kind]}
