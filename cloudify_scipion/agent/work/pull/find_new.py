"""Which paths of the data space are not as the index knows them, and what became of them.

Only what the project wants is looked at; and together what lies beside a file as SQLite's lie beside a database.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from cloudify_scipion.agent.errors import NoRoom, Unsaved, first_of
from cloudify_scipion.agent.plan.manifest import Entry, entry_from
from cloudify_scipion.agent.plan.names import base_of
from cloudify_scipion.agent.plan.news import Side
from cloudify_scipion.agent.plan.patterns import selected
from cloudify_scipion.agent.ports.tables.rows import Row
from cloudify_scipion.agent.work.manifest.read import side_of
from cloudify_scipion.agent.work.pull.list_space import Listed
from cloudify_scipion.agent.work.world import World


@dataclass
class Pulled:
    """What a pull or scan did."""

    files: int = 0
    size: int = 0
    conflicts: int = 0
    lost: int = 0
    unfit: int = 0
    """How many of the `failed` do not fit the volume."""
    crowded: bool = False
    """Whether the volume became full."""
    failed: list[tuple[bytes, str]] = field(default_factory=list)


def must_be_complete(result: Pulled, next_step: str) -> None:
    """Raise Unsaved if some files could not be pulled, NoRoom if all of them do not fit."""
    told = f"{len(result.failed)} files could not be pulled: {first_of(result.failed)}"
    if result.failed and result.unfit == len(result.failed):
        raise NoRoom(told, "ask for a larger volume, or make room; all else is here")
    if result.failed:
        raise Unsaved(told, next_step)


def is_wanted(world: World, path: bytes, was_here: bool) -> bool:
    """Whether a file or link is to be pulled."""
    config = world.config
    plain = not config.include and not config.exclude
    return plain or was_here or selected(path, config.include, config.exclude)


def is_folder_wanted(world: World, path: bytes, was_here: bool) -> bool:
    """Not a folder of which nothing is pulled."""
    config = world.config
    return not config.include or was_here or selected(path + b"/x", config.include, config.exclude)


@dataclass(frozen=True)
class Incoming:
    """A path of the data space that is not as the index knows it. `base` is what the manifest said.

    If that is a hard link, `first` is what the index knows of its first name. `intended`: a push that was interrupted
    may have put it there.
    """

    path: bytes
    form: str
    row: Row | None
    base: Entry | None
    mtime: int
    intended: bool = False
    first: Row | None = None
    side: Side = Side.SAME
    """On what side the data space is; SAME where there are no news."""
    beside: tuple[Incoming, ...] = ()
    """What lies beside it there as SQLite's files lie beside a database; only then may it be as the index knows it."""
    as_known: bool = False
    size: int = 0
    """Bytes, as listed."""
    told: bool = False
    """Whether nothing but its ctime is another."""


@dataclass(frozen=True)
class Known:
    """What the index and the manifest say of a batch of paths."""

    rows: Mapping[bytes, Row]
    bases: Mapping[bytes, dict[str, Any]]
    side: Side = Side.SAME


def known_of(world: World, batch: Sequence[Listed]) -> Known:
    """Ask for all of them at once."""
    files = (listed[0] for listed in batch if listed[1] in "fl")
    return Known(world.index.files.rows(files), world.index.base.rows([listed[0] for listed in batch]), side_of(world))


def job_of(
    world: World, listed: Listed, known: Known, intended: Mapping[bytes, set[str]],
    always: bool = False, tells: bool = False,
) -> Incoming | None:  # fmt: skip
    """What is to be done for a path that was listed, None if nothing is.

    `always`: also for one that is as known; `tells`: a ctime means something there.
    """
    path, form, _, size, mtime, ctime = listed
    row, base = known.rows.get(path), known.bases.get(path)
    held = row is not None and row.held() and not row.stored and row.kind == form
    same = held and row and not row.rracy and row.rmtime == mtime and (form == "l" or row.rsize == size) and not always
    if row and same and (form == "l" or not tells or 0 < ctime <= row.rctime):
        return None
    if row is None and not is_wanted(world, path, base is not None):
        return None
    entry = entry_from(base) if base else None
    return Incoming(path, form, row, entry, mtime, path in intended, side=known.side, size=size, told=bool(same))


def with_groups(
    world: World, rows: Sequence[Listed], jobs: Sequence[Incoming], intended: Mapping[bytes, set[str]]
) -> list[Incoming]:
    """The jobs of a batch of what is listed; what lies beside a file is done with that, in whatever batch it is."""
    files = {row[0]: row for row in rows if row[1] == "f"}
    found = {job.path: job for job in jobs if not _is_done_with_another(world, job, files)}
    sides = _sides(world, files)
    known = known_of(world, [*(one for some in sides.values() for one in some), *(files[base] for base in sides)])
    for base, listed in sides.items():
        new = [job_of(world, one, known, intended, always=base in found) for one in listed]
        beside = tuple(job for job in new if job is not None)
        whole = found.get(base) or job_of(world, files[base], known, intended, always=True)
        if beside and whole is not None:
            found[base] = replace(whole, beside=beside, as_known=base not in found)
    return list(found.values())


def _sides(world: World, files: Mapping[bytes, Listed]) -> dict[bytes, list[Listed]]:
    """What lies beside these files."""
    sides: dict[bytes, list[Listed]] = {}
    if files:
        for side in world.index.listing.beside(min(files), max(files)):
            if base_of(side[0]) in files and side[1] in "fl":
                sides.setdefault(base_of(side[0]), []).append(side)
    return sides


def _is_done_with_another(world: World, job: Incoming, files: Collection[bytes]) -> bool:
    base = base_of(job.path)
    return bool(base) and (base in files or world.index.listing.has(base, "f"))
