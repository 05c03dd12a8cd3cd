"""Files that a workflow reads and the software brings: known by their folders on the machine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from cloudify_scipion.catalogue.entries.model import Catalogue
from cloudify_scipion.catalogue.importing.found import Imported
from cloudify_scipion.project.documents import child_path
from cloudify_scipion.project.importing.document import is_below, text_parameters


def find_example_data(protocols: Sequence[Mapping[str, Any]], catalogue: Catalogue, found: Imported) -> dict[str, str]:
    """Names of the example data that the workflow reads, and their versions."""
    taken: dict[str, str] = {}
    entries = [entry for versions in catalogue.example_data.values() for entry in versions.values()]
    for protocol in protocols:
        for _, value in text_parameters(protocol):
            for entry in (entry for entry in entries if is_below(value, entry.method.home)):
                path, version = child_path("$.software.example_data", entry.name), entry.version
                reads = f"{protocol['object.className']} {protocol['object.id']} reads {value}"
                if entry.name not in taken:
                    taken[entry.name] = found.take(path, version, reads)
                elif taken[entry.name] != version:
                    found.ask(path, f"{reads}, of version {version}; a project has one version: {taken[entry.name]}")
    return taken


def homes(software: Mapping[str, Any], catalogue: Catalogue) -> Iterator[str]:
    """Folders on the machine that the software of a project document brings."""
    for kind, known in (("example_data", catalogue.example_data), ("em_packages", catalogue.em_packages)):
        for name, version in software.get(kind, {}).items():
            if home := known[name][version].method.home:
                yield home
