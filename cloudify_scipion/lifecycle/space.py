"""Where a project's data are: what its record says, as values for the machine, for Puppet and for the agent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cloudify_scipion.errors import ReadOnlyDataSpace, UnknownDataSpace
from cloudify_scipion.lifecycle.facts import FolderMount
from cloudify_scipion.lifecycle.record import Record
from cloudify_scipion.project.spaces import DIRECTORY, ONEDATA, DataSpace, split_source

SPACES = "/srv/scipion-space"
PROJECT, VERIFY = f"{SPACES}/project", f"{SPACES}/verify"
"""The project's folder of the data space on the machine, and a second way to it, which is only read."""


@dataclass(frozen=True)
class Part:
    """A folder `path` of a data space, seen on the machine at `target`."""

    space: DataSpace
    path: str
    target: str
    read_only: bool = False


def saved_part(record: Record) -> Part | None:
    """Where the project's data are saved; None if they are not."""
    project = _data(record).get("project")
    if not project:
        return None
    part = _part(record, project["source"], PROJECT)
    if part.space.read_only:
        raise ReadOnlyDataSpace(
            f"nothing can be saved in the data space '{part.space.name}': the site says it is read-only",
            "name another one in data.project.source",
        )
    return part


def datasets(record: Record) -> Sequence[Part]:
    """What is only mounted, read-only."""
    asked = _data(record).get("datasets", ())
    return [_part(record, dataset["source"], dataset["mount"], read_only=True) for dataset in asked]


def folder_mounts(record: Record) -> Sequence[FolderMount]:
    """The machine's mounts from data spaces that its provider holds; the project's own folder is made."""
    return [
        FolderMount(part.space.name, part.space.root, part.path, part.target, part.read_only)
        for part in _folder_parts(record)
    ]


def mounts_folders(record: Record) -> bool:
    """Whether the machine has mounts from data spaces that its provider holds."""
    return bool(_folder_parts(record))


def _folder_parts(record: Record) -> Sequence[Part]:
    return [part for part in (saved_part(record), *datasets(record)) if part and part.space.kind == DIRECTORY]


def working_copy_data(record: Record, part: Part, fenced: bool) -> dict[str, object]:
    """Hiera data of the working copy: what the agent has to know. Nothing in it is secret.

    `fenced`: no earlier machine of the project can still be writing.
    """
    project = _data(record)["project"]
    verify = VERIFY if part.space.kind == ONEDATA else ""
    told = {
        "install": False,
        "service": True,
        "project": record.project,
        "owner": {
            "installation": record.binding.installation,
            "tenant": record.binding.tenant,
            "deployment": record.binding.deployment,
        },
        "machine": record.machine,
        "generation": record.generation,
        "fenced": fenced,
        "volume": record.volume,
        "space": {"kind": part.space.kind, "path": part.target, "verify": verify, "mounted": True},
        "include": list(project.get("include", ())),
        "exclude": list(project.get("exclude", ())),
        "trash_bytes": 0,
    }
    return {f"working_copy::{name}": value for name, value in told.items()}


def onedata_parts(record: Record) -> Mapping[str, Part]:
    """What OneData's client mounts, by a name that is a word."""
    saved = saved_part(record)
    verify = Part(saved.space, saved.path, VERIFY, read_only=True) if saved else None
    named = {"project": saved, "verify": verify}
    named |= {f"dataset-{number}": part for number, part in enumerate(datasets(record), 1)}
    return {name: part for name, part in named.items() if part and part.space.kind == ONEDATA}


def data_source(record: Record) -> str:
    """Where the project's data are saved, as it was asked for; empty for nowhere."""
    return source_of(_data(record))


def source_of(data: Mapping[str, Any]) -> str:
    """The same of a project file's part `data`."""
    return str((data.get("project") or {}).get("source", ""))


def _data(record: Record) -> Mapping[str, Any]:
    return record.settings.get("data", {})


def _part(record: Record, source: str, target: str, read_only: bool = False) -> Part:
    name, path = split_source(source)
    spaces = record.site().data_spaces
    if name not in spaces:
        known = ", ".join(sorted(spaces)) or "none"
        raise UnknownDataSpace(
            f"the site has no data space '{name}'; it has {known}", "put it into the site file, or name another one"
        )
    return Part(spaces[name], path, target, read_only)
