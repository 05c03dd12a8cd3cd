"""What becomes of one symbolic link of the data space, as `pull_path` for files."""

from __future__ import annotations

import os
from dataclasses import replace

from cloudify_scipion.agent.plan.manifest import Entry
from cloudify_scipion.agent.plan.news import Side, is_newer_there
from cloudify_scipion.agent.ports.facts import kind, mtime_of
from cloudify_scipion.agent.ports.tables.rows import Row
from cloudify_scipion.agent.work.fetch import Seen, link_row, make_link
from cloudify_scipion.agent.work.other_kind import give_newer_kind, link_for_file, link_for_link
from cloudify_scipion.agent.work.pull_job import Job
from cloudify_scipion.agent.work.world import World


def pull_link(world: World, job: Job, local: os.stat_result | None) -> Seen | None:
    """Pull it if nothing is here; else compare. None where both are to be kept."""
    target, row = world.space.readlink(job.path), job.row
    if row is not None and row.held() and (row.kind, row.target) == ("l", target):
        return Seen([(job.path, replace(row, rmtime=job.mtime))])
    if local is None:
        make_link(world, target, job.path)
    elif kind(local) != "l" or world.tree.readlink(job.path) != target:
        seen = _instead(world, job, local, target) if kind(local) in "fl" else None
        return seen and replace(seen, rows=[(path, replace(known, rmtime=job.mtime)) for path, known in seen.rows])
    known = link_row(world, job.path, target, job.base.origin if job.base else world.theirs)
    return Seen([(job.path, replace(known, rmtime=job.mtime))])


def _instead(world: World, job: Job, local: os.stat_result, target: bytes) -> Seen | None:
    """Something else is here: the newer has the name. None if neither is known to be."""
    base, row = job.base, job.row
    if base is not None and (base.kind, base.target) == ("l", target):
        return _ours_instead(world, job, local, base)
    if row is None or not row.held() or row.origin > 0:
        return None
    if kind(local) == "f":
        return link_for_file(world, job.path, target, row, world.theirs, spare=True)
    return _link_instead(world, job.path, target, row, world.theirs)


def _ours_instead(world: World, job: Job, local: os.stat_result, base: Entry) -> Seen | None:
    if not is_newer_there(Side.OTHER if job.row is None else job.side, mtime_of(local), base.mtime):
        # the next push saves what is here
        return Seen([(job.path, Row("l", target=base.target, origin=base.origin, rsize=0, racy=1))])
    if kind(local) == "f" or job.row is None:
        return give_newer_kind(world, job.path, base, job.row)
    return _link_instead(world, job.path, base.target, job.row, base.origin)


def _link_instead(world: World, path: bytes, target: bytes, row: Row, origin: int) -> Seen | None:
    if row.kind != "l" or not link_for_link(world, path, target, row.target, spare=row.origin <= 0):
        return None
    return Seen([(path, link_row(world, path, target, origin))])
