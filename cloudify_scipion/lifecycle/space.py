"""Where a project's data are, as its record says, and what all of its mounts come to: the table of kinds is here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from cloudify_scipion.errors import PermanentError, ReadOnlyDataSpace, ScipionError, TokenExpires, UnknownDataSpace
from cloudify_scipion.lifecycle.facts import FolderMount
from cloudify_scipion.lifecycle.layout import PROJECT, VERIFY
from cloudify_scipion.lifecycle.ports import Services
from cloudify_scipion.lifecycle.record import Record
from cloudify_scipion.lifecycle.space_kinds.directory import DirectoryMounts
from cloudify_scipion.lifecycle.space_kinds.kind import SpaceFolder, SpaceMounts
from cloudify_scipion.lifecycle.space_kinds.onedata import OneDataMounts
from cloudify_scipion.project.space_kinds.kind import DataSpace
from cloudify_scipion.project.spaces import NOT_OWN, may_name, split_source

MOUNTS: dict[str, type[SpaceMounts[Any]]] = {mounts.KIND: mounts for mounts in (DirectoryMounts, OneDataMounts)}
"""All kinds of data spaces as the machine has them."""


def saved_part(record: Record) -> SpaceFolder[DataSpace] | None:
    """Where the project's data are saved; None if they are not."""
    project = _data(record).get("project")
    if not project:
        return None
    part = _part(record, project["source"], PROJECT)
    if part.space.read_only:
        what = f"nothing can be saved in the data space '{part.space.name}': the site says it is read-only"
        raise ReadOnlyDataSpace(what, "name another one in data.project.source")
    return part


def datasets(record: Record) -> Sequence[SpaceFolder[DataSpace]]:
    """What is only mounted, read-only."""
    asked = _data(record).get("datasets", ())
    return [_part(record, dataset["source"], dataset["mount"], read_only=True) for dataset in asked]


def space_mounts(record: Record) -> Sequence[SpaceMounts[Any]]:
    """What the project mounts, by kind of data space; a kind of which it mounts nothing is left out."""
    saved = saved_part(record)
    verify = SpaceFolder(saved.space, saved.path, VERIFY, read_only=True) if saved and second_way(saved) else None
    parts = {f"dataset-{number}": part for number, part in enumerate(datasets(record), 1)}
    named = {"project": saved, "verify": verify, **parts}
    of_kinds = ((kind, {n: p for n, p in named.items() if p and kind == p.space.KIND}) for kind in MOUNTS)
    return [MOUNTS[kind](record, of_kind) for kind, of_kind in of_kinds if of_kind]


def second_way(saved: SpaceFolder[DataSpace]) -> str:
    """Where the project's folder is mounted a second time, to verify by; empty if it is not."""
    return VERIFY if MOUNTS[saved.space.KIND].VERIFIES else ""


def folder_mounts(record: Record) -> Sequence[FolderMount]:
    """What the machine's provider mounts, while the machine boots and only then."""
    return [folder for mounts in space_mounts(record) for folder in mounts.folders()]


def software_data(record: Record) -> dict[str, object]:
    """Hiera data of what the software run installs for data spaces."""
    return {name: value for mounts in space_mounts(record) for name, value in mounts.software_data().items()}


def installed_classes(data: Mapping[str, object]) -> Sequence[str]:
    """The Puppet classes of data spaces that a software run's Hiera data are for."""
    return [mounts.CLASS for mounts in MOUNTS.values() if f"{mounts.CLASS}::install" in data]


def mount_error(services: Services, record: Record) -> ScipionError | None:
    """What keeps a mount from being there, as far as its kind can say; None if all are there."""
    found = (mounts.error(services.connect(record)) for mounts in space_mounts(record))
    return next((error for error in found if error), None)


def space_secrets(services: Services, record: Record) -> Mapping[str, str]:
    """The values of the secrets that open the project's data spaces, by name.

    Raises PermanentError for one that is not known or not the project's to use, TokenExpires for one that ends before
    the project does.
    """
    own, shared = record.settings.get("secrets", {}), record.settings.get("site", {}).get("shared_secrets", ())
    if not all(may_name(record.project, name, shared) for name in own.values()):  # of a blueprint written by hand, too
        raise PermanentError(f"secrets: {NOT_OWN.format(record.project)}", "name another secret in the blueprint")
    spaces = [part.space for part in (saved_part(record), *datasets(record)) if part and part.space.SECRET]
    secrets: dict[str, str] = {}
    for name, space in ((space.secret_name(own), space) for space in spaces):
        secrets[name] = services.secrets.get(name).strip()
        if problem := space.secret_problem(secrets[name], datetime.fromisoformat(record.expires)):
            raise TokenExpires(f"secret '{name}' of a data space: {problem}", "put another token there")
    return secrets


def working_copy_data(record: Record, part: SpaceFolder[DataSpace], fenced: bool) -> dict[str, object]:
    """Hiera data of the working copy: what the agent has to know. Nothing in it is secret.

    `fenced`: no earlier machine of the project can still be writing.
    """
    project, mounts = _data(record)["project"], MOUNTS[part.space.KIND]
    space = {"kind": mounts.KIND, "path": part.target, "verify": second_way(part), "mounted": True}
    told = {
        "project": record.project, "owner": asdict(record.binding),
        "machine": record.machine, "generation": record.generation, "fenced": fenced, "volume": record.volume,
        "space": {**space, "syncs_whole": mounts.SYNCS_WHOLE, "grant": mounts.GRANT},
        "include": list(project.get("include", ())), "exclude": list(project.get("exclude", ())),
    }  # fmt: skip
    return {f"working_copy::{name}": value for name, value in told.items()}


def data_source(record: Record) -> str:
    """Where the project's data are saved, as it was asked for; empty for nowhere."""
    return source_of(_data(record))


def source_of(data: Mapping[str, Any]) -> str:
    """Where a project file's part `data` has them saved; empty for nowhere."""
    return str((data.get("project") or {}).get("source", ""))


def _data(record: Record) -> Mapping[str, Any]:
    return record.settings.get("data", {})


def _part(record: Record, source: str, target: str, read_only: bool = False) -> SpaceFolder[DataSpace]:
    name, path = split_source(source)
    spaces = record.site().data_spaces
    if name not in spaces:
        known = ", ".join(sorted(spaces)) or "none"
        what = f"the site has no data space '{name}'; it has {known}"
        raise UnknownDataSpace(what, "put it into the site file, or name another one")
    return SpaceFolder(spaces[name], path, target, read_only)
