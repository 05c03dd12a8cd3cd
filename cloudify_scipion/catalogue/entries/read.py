"""From checked documents of the catalogue's files to its entries."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cloudify_scipion.catalogue.entries.model import (
    EmPackageVersion,
    Licence,
    Number,
    PluginVersion,
    ProtocolFacts,
    ScipionVersion,
)
from cloudify_scipion.errors import Problem
from cloudify_scipion.project.documents import Document, read_bytes

_NUMBERS = ("ram_gb_per_process", "gpu_memory_gb", "compute_capability")


class Texts:
    """Files that entries name, read from a catalogue folder; what is wrong with them is gathered in `problems`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.problems: list[Problem] = []

    def read(self, kind: str, name: str | None) -> str:
        """The text of a file; empty if there is none to read."""
        if name is None:
            return ""
        source = f"catalogue/{kind}/{name}"
        content = read_bytes(self.folder / kind / name, source)
        if isinstance(content, Document):
            self.problems += content.problems
            return ""
        try:
            return content.decode()
        except UnicodeDecodeError as error:
            self.problems.append(Problem(source, "$", f"it is not UTF-8 text: byte {error.start + 1}"))
            return ""


def scipion_version(document: Mapping[str, Any], texts: Texts) -> ScipionVersion:
    """The entry of a file of `scipion/`."""
    return ScipionVersion(
        version=document["version"],
        python=document["python"],
        requirements=texts.read("requirements", document["requirements"]),
        proof=document["proof"],
        parts=document.get("parts", {}),
        protocols=_protocols(document),
        licence=_licence(document),
    )


def plugin_versions(document: Mapping[str, Any], texts: Texts) -> dict[str, PluginVersion]:
    """The entries of a file of `plugins/`, by version."""
    return {
        version: PluginVersion(
            name=document["name"],
            version=version,
            scipion=tuple(facts["scipion"]),
            requirements=texts.read("requirements", facts.get("requirements")),
            em_packages={name: tuple(labels) for name, labels in facts.get("em_packages", {}).items()},
            protocols=_protocols(facts),
            proof=facts["proof"],
            default_packages=facts.get("default_packages", {}),
            module=facts.get("module", ""),
            python=facts.get("python", ""),
            cuda=facts.get("cuda", ""),
            licence=_licence(facts),
            not_installed=facts.get("not_installed", ""),
        )
        for version, facts in document["versions"].items()
    }


def package_versions(kind: str, document: Mapping[str, Any], texts: Texts) -> dict[str, EmPackageVersion]:
    """The entries of a file of `em_packages/` or `example_data/`, by version."""
    return {version: _package(kind, document, version, texts) for version in document["versions"]}


def _package(kind: str, document: Mapping[str, Any], version: str, texts: Texts) -> EmPackageVersion:
    facts = document["versions"][version]
    return EmPackageVersion(
        name=document["name"],
        version=version,
        method=facts["method"],
        home=facts.get("home", ""),
        label=facts.get("label", version),
        apt=facts.get("apt", {}),
        links=facts.get("links", {}),
        variables=facts.get("variables", {}),
        script=texts.read(kind, facts.get("script")),
        requirements=texts.read("requirements", facts.get("requirements")),
        file=facts.get("file", ""),
        sha256=facts.get("sha256", ""),
        strip=facts.get("strip", 0),
        binary=facts.get("binary", ""),
        gpu=facts.get("gpu", "no"),
        cuda=facts.get("cuda", ""),
        gpu_memory_gb=_number(facts.get("gpu_memory_gb")),
        compute_capability=_number(facts.get("compute_capability")),
        licence=_licence(facts),
        proof=facts.get("proof", ""),
        why=facts.get("why", ""),
    )


def _protocols(facts: Mapping[str, Any]) -> dict[str, ProtocolFacts]:
    where = facts.get("source", "")
    source = where if isinstance(where, str) else ""
    return {name: _protocol(name, given, source) for name, given in facts.get("protocols", {}).items()}


def _protocol(name: str, given: Mapping[str, Any], source: str) -> ProtocolFacts:
    numbers = {key: _number(given[key]) for key in _NUMBERS if key in given}
    return ProtocolFacts(**{"class_name": name, "source": source, **given, **numbers})


def _number(facts: Mapping[str, Any] | None) -> Number | None:
    return Number(**facts) if facts else None


def _licence(facts: Mapping[str, Any]) -> Licence | None:
    licence = facts.get("licence")
    return Licence(**licence) if licence else None
