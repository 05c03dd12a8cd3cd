"""Loading the catalogue from its YAML files: one per Scipion version, plugin, EM package and example data set.

Folders: `scipion/VERSION.yaml`, `plugins/NAME.yaml`, `em_packages/NAME.yaml`, `example_data/NAME.yaml` (with its
scripts beside it), and `requirements/*.txt`. `schema.json` describes the files. What is wrong with them is reported
all at once, as for project files.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from cloudify_scipion.catalogue.model import Catalogue, EmPackageVersion, PluginVersion, ScipionVersion
from cloudify_scipion.errors import InputError, Problem
from cloudify_scipion.project.documents import read_yaml
from cloudify_scipion.project.schema import schema_problems

_DATA = Path(__file__).parent / "data"
_FOLDERS = {"scipion": "scipion", "plugins": "plugin", "em_packages": "em_package", "example_data": "em_package"}


@cache
def load_catalogue(folder: Path = _DATA) -> Catalogue:
    """The catalogue in a folder. Raises InputError with everything that is wrong in its files."""
    reader = _Reader(folder)
    documents = {kind: reader.documents(kind) for kind in _FOLDERS}
    reader.stop_on_problems()
    catalogue = Catalogue(
        scipion={entry["version"]: reader.scipion(entry) for entry in documents["scipion"]},
        plugins={entry["name"]: reader.plugin(entry) for entry in documents["plugins"]},
        em_packages={entry["name"]: reader.package(entry, "em_packages") for entry in documents["em_packages"]},
        example_data={entry["name"]: reader.package(entry, "example_data") for entry in documents["example_data"]},
    )
    reader.stop_on_problems()
    return catalogue


class _Reader:
    """Reads files of one catalogue folder and gathers what is wrong with them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.problems: list[Problem] = []

    def stop_on_problems(self) -> None:
        if self.problems:
            raise InputError(self.problems)

    def documents(self, kind: str) -> list[Mapping[str, Any]]:
        paths = sorted((self.folder / kind).glob("*.yaml"))
        return [document for path in paths if (document := self._document(path, kind)) is not None]

    def _document(self, path: Path, kind: str) -> Mapping[str, Any] | None:
        source = f"catalogue/{kind}/{path.name}"
        document = read_yaml(path, source)
        problems = [*document.problems]
        if document.value is not None:
            problems += schema_problems(document.value, _rules(_FOLDERS[kind]), source)
        key = "version" if kind == "scipion" else "name"
        if not problems and document.value[key] != path.stem:
            problems.append(Problem(source, f"$.{key}", f"the file's name says {path.stem}"))
        self.problems += problems
        return None if problems else document.value

    def text(self, kind: str, name: str) -> str:
        try:
            return (self.folder / kind / name).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            self.problems.append(Problem(f"catalogue/{kind}/{name}", "$", f"it cannot be read: {error}"))
            return ""

    def scipion(self, entry: Mapping[str, Any]) -> ScipionVersion:
        requirements = self.text("requirements", entry["requirements"])
        return ScipionVersion(entry["version"], entry["python"], requirements, entry["proof"])

    def plugin(self, entry: Mapping[str, Any]) -> dict[str, PluginVersion]:
        return {
            version: PluginVersion(
                name=entry["name"],
                version=version,
                scipion=tuple(facts["scipion"]),
                requirements=self.text("requirements", facts["requirements"]),
                em_packages={name: tuple(labels) for name, labels in facts.get("em_packages", {}).items()},
                protocols=tuple(facts.get("protocols", ())),
                proof=facts["proof"],
            )
            for version, facts in entry["versions"].items()
        }

    def package(self, entry: Mapping[str, Any], kind: str) -> dict[str, EmPackageVersion]:
        return {
            version: EmPackageVersion(
                name=entry["name"],
                version=version,
                method=facts["method"],
                home=facts["home"],
                label=facts.get("label", version),
                apt=facts.get("apt", {}),
                links=facts.get("links", {}),
                variables=facts.get("variables", {}),
                script=self.text(kind, facts["script"]) if "script" in facts else "",
                proof=facts.get("proof", ""),
            )
            for version, facts in entry["versions"].items()
        }


@cache
def _rules(kind: str) -> Mapping[str, Any]:
    document = json.loads((Path(__file__).parent / "schema.json").read_text(encoding="utf-8"))
    return {"$defs": document["$defs"], **document["$defs"][kind]}
