"""Which paths of the data space are not as the index knows them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cloudify_scipion.agent.plan.manifest import Entry, entry_from
from cloudify_scipion.agent.plan.news import Side
from cloudify_scipion.agent.ports.tables.rows import Row
from cloudify_scipion.agent.work.news import side_of
from cloudify_scipion.agent.work.spelled import Listed
from cloudify_scipion.agent.work.wanted import is_wanted
from cloudify_scipion.agent.work.world import World


@dataclass(frozen=True)
class Job:
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
    beside: tuple[Job, ...] = ()
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
    return Known(world.index.rows(files), world.index.bases([listed[0] for listed in batch]), side_of(world))


def job_of(
    world: World, listed: Listed, known: Known, intended: Mapping[bytes, set[str]],
    always: bool = False, tells: bool = False,
) -> Job | None:  # fmt: skip
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
    return Job(path, form, row, entry, mtime, path in intended, side=known.side, size=size, told=bool(same))
