"""Which paths of the data space are not as the index knows them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from cloudify_scipion.agent.plan.manifest import Entry, entry_from
from cloudify_scipion.agent.ports.tables.rows import Row
from cloudify_scipion.agent.work.listing import Listed
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


def job_of(world: World, listed: Listed, intended: Mapping[bytes, set[str]]) -> Job | None:
    """What is to be done for a path that was listed, None if nothing is."""
    path, form, _, size, mtime = listed
    row = world.index.get(path)
    known = row is not None and row.held() and not row.stored and row.kind == form
    if known and row and not row.rracy and row.rmtime == mtime and (form == "l" or row.rsize == size):
        return None
    if row is None and not is_wanted(world, path):
        return None
    base = world.index.base(path)
    return Job(path, form, row, entry_from(base) if base else None, mtime, path in intended)
