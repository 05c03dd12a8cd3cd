"""What becomes of one path of the data space: it is pulled, known from now on, or kept twice. Done by several threads.

Nothing that is here is replaced.
"""

from __future__ import annotations

import os
from dataclasses import replace

from cloudify_scipion.agent.ports.facts import kind, mtime_of
from cloudify_scipion.agent.ports.tables.rows import Row
from cloudify_scipion.agent.work.content import digest_of, is_young, with_facts
from cloudify_scipion.agent.work.damaged import is_damaged, throw_damaged
from cloudify_scipion.agent.work.fetch import Seen, fetch, fetch_linked, link_row, make_link
from cloudify_scipion.agent.work.place import keep_beside
from cloudify_scipion.agent.work.pull_job import Job
from cloudify_scipion.agent.work.world import World


def pull_path(world: World, job: Job) -> Seen:
    """Pull it if nothing is here; else compare."""
    local = world.tree.stat(job.path)
    if job.form == "l":
        return _pull_link(world, job, local)
    if local is None:
        return fetch_linked(world, job.path, job.path, job.base, job.first, drop=job.row is not None)
    return _compare(world, job, local)


def _compare(world: World, job: Job, local: os.stat_result) -> Seen:
    digest, facts = digest_of(world.space, job.path)
    row = job.row
    if row is not None and digest == row.hash:
        if row.doubted():
            return Seen()  # so we see it, others do not: the next push saves it again
        if row.kind == "f":
            return Seen([(job.path, _as_there(world, row, facts))])
    if row is None and kind(local) == "f" and (seen := _adopt(world, job, digest, facts)) is not None:
        return seen
    if is_damaged(world, job, local, facts):
        return throw_damaged(world, job, facts)
    return _both(world, job)


def _adopt(world: World, job: Job, digest: str, facts: os.stat_result) -> Seen | None:
    """A file that the index does not know is here, too: the same one, or what came of it; None if it is another."""
    own, own_facts = digest_of(world.tree, job.path)
    ours = job.base is not None and job.base.hash == digest
    if own != digest and not ours:
        return None
    origin = job.base.origin if ours and job.base else world.theirs
    held = _as_there(world, Row("f", hash=digest, origin=origin), facts)
    newer = replace(held, size=own_facts.st_size, racy=1)  # the next push saves it
    return Seen([(job.path, with_facts(world, held, own_facts) if own == digest else newer)])


def _as_there(world: World, row: Row, facts: os.stat_result) -> Row:
    """The same with the facts of the file in the data space."""
    return replace(row, rsize=facts.st_size, rmtime=mtime_of(facts), rracy=is_young(world, facts))


def _pull_link(world: World, job: Job, local: os.stat_result | None) -> Seen:
    target, row = world.space.readlink(job.path), job.row
    if row is not None and row.held() and (row.kind, row.target) == ("l", target):
        return Seen([(job.path, replace(row, rmtime=job.mtime))])
    if local is None:
        make_link(world, target, job.path)
    elif kind(local) != "l" or world.tree.readlink(job.path) != target:
        return _both(world, job)
    row = link_row(world, job.path, target, job.base.origin if job.base else world.theirs)
    return Seen([(job.path, replace(row, rmtime=job.mtime))], pulled=0)


def _both(world: World, job: Job) -> Seen:
    """Changed on both sides, or something else here: the other version gets another name, there and here."""
    beside = keep_beside(world, job.path)
    seen = Seen(conflicts=1)
    if job.form == "f":
        seen = replace(fetch(world, beside, beside, None), conflicts=1)
    elif job.form == "l":
        target = world.space.readlink(beside)
        make_link(world, target, beside)
        seen.rows.append((beside, link_row(world, beside, target, 0)))
    if job.row is not None:
        seen.rows.append((job.path, job.row.without_remote()))
    return seen
