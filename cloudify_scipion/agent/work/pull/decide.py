"""What becomes of one path of the data space: it is pulled, known from now on, or kept twice. Done by several threads.

Nothing that is here is replaced, but for a file that has the content with which it was pulled, and that others have
changed in the data space.
"""

from __future__ import annotations

import os
from dataclasses import replace

from cloudify_scipion.agent.plan.manifest import Entry
from cloudify_scipion.agent.plan.names import ORIGINAL
from cloudify_scipion.agent.plan.news import Side, is_newer_there
from cloudify_scipion.agent.plan.ruins import is_beginning, is_part, is_void
from cloudify_scipion.agent.ports.databases.beside import has_change_beside, is_database
from cloudify_scipion.agent.ports.facts import ctime_of, kind, mtime_of
from cloudify_scipion.agent.ports.streams import open_reader
from cloudify_scipion.agent.ports.tables.rows import Row
from cloudify_scipion.agent.work.content import CHUNK, blocks_of_both, digest_of, is_young, with_facts
from cloudify_scipion.agent.work.databases.pull_together import is_beside_another, pull_group, settle_beside
from cloudify_scipion.agent.work.pull.exchange import (
    BLOCK,
    file_instead,
    give_newer,
    gives_way,
    is_unused,
    link_instead,
    set_aside_older,
    set_facts,
)
from cloudify_scipion.agent.work.pull.fetch import InTheWay, Seen, fetch, fetch_linked, link_row, make_link
from cloudify_scipion.agent.work.pull.find_new import Incoming
from cloudify_scipion.agent.work.space.keep_beside import keep_beside
from cloudify_scipion.agent.work.trash.throw import Thrown, throw_away
from cloudify_scipion.agent.work.world import World


def pull_path(world: World, job: Incoming) -> Seen:
    """Pull it if nothing is here; else compare."""
    local = world.tree.stat(job.path)
    if job.beside:
        return pull_group(world, job, lambda one: pull_path(world, one))
    if job.form == "l":
        return pull_link(world, job, local) or _both(world, job)
    if local is None and is_beside_another(world, job.path):
        return settle_beside(world, job)
    if local is None:
        try:
            return fetch_linked(world, job.path, job.path, job.base, job.first, drop=job.row is not None)
        except InTheWay:
            return _both(world, job)
    return _compare(world, job, local)


def _compare(world: World, job: Incoming, local: os.stat_result) -> Seen:
    digest, facts = digest_of(world.space, job.path)
    row = job.row
    if row is not None and digest == row.hash:
        if row.doubted():
            return Seen()  # so we see it, others do not: the next push saves it again
        if row.kind == "f":
            return Seen([(job.path, _as_there(world, row, facts))])
    if kind(local) == "f" and (seen := _ours(world, job, local, digest, facts)) is not None:
        return seen
    if kind(local) == "l" and (seen := _our_file_for_link(world, job, local, digest, facts)) is not None:
        return seen
    if is_damaged(world, job, local):
        return throw_damaged(world, job, facts)
    if row is not None and row.held() and row.origin <= 0:
        seen = file_instead(world, job.path, job.path, None, row, spare=True)
        if seen is not None and row.kind == "f" and local.st_mode != row.mode:  # somebody has set it here
            seen.rows = [(path, set_facts(world, path, new, local.st_mode, new.mtime)) for path, new in seen.rows]
        if seen is not None:
            return seen
    if row is not None and row.held() and row.origin <= 0 and kind(local) == "f":
        if gives_way(world, job.path, row, job.mtime):
            set_aside_older(world, job.path)
            return replace(fetch(world, job.path, job.path, None), conflicts=1)
        as_it_came = digest_of(world.tree, job.path)[0] == (row.local or row.hash)
        if as_it_came and not (is_unused(world, job.path) and has_change_beside(world.tree, job.path)):
            return Seen()  # somebody has it open: another time
    known = row is None or row.held()
    if known and kind(local) == "f" and (seen := _went_on(world, job.path, local, facts)) is not None:
        return seen
    return _both(world, job)


def _went_on(world: World, path: bytes, local: os.stat_result, facts: os.stat_result) -> Seen | None:
    """The whole in the place of what is but the beginning of it, also where the index does not know that it is.

    None where it is not, or where it was written later than what is in the data space: somebody may have cut it short.
    """
    later = mtime_of(local) > mtime_of(facts)
    if later or not 0 < local.st_size < facts.st_size or is_database(world.tree, path):
        return None
    if not is_part(blocks_of_both(world.tree, path, world.space, path, BLOCK)):
        return None
    known = Row("f", hash=digest_of(world.tree, path)[0], rsize=0)
    return file_instead(world, path, path, None, known, spare=True)


def _ours(world: World, job: Incoming, local: os.stat_result, digest: str, facts: os.stat_result) -> Seen | None:
    """What to know where one content is on both sides, or the one there is ours, of whatever time; None if neither.

    The newer of two has the file's name here.
    """
    base = job.base if job.base is not None and job.base.hash == digest else None
    own, own_facts = digest_of(world.tree, job.path)
    sqlite = digest if own == digest and is_database(world.tree, job.path) else ""
    origin = base.origin if base else world.learnt.theirs
    held = _as_there(world, Row("f", hash=digest, local=sqlite, origin=origin), facts)
    if own == digest:
        return Seen([(job.path, with_facts(world, held, own_facts))])
    if base is None:
        return None
    side = Side.OTHER if job.row is None else job.side
    as_saved = (local.st_size, mtime_of(local)) == (base.size, base.mtime)  # a database, say: its copy there is another
    if not as_saved and is_newer_there(side, mtime_of(local), base.mtime):
        return give_newer(world, job.path, base, job.row)
    return Seen([(job.path, replace(held, size=facts.st_size, racy=1))])  # the next push saves what is here


def _our_file_for_link(
    world: World, job: Incoming, local: os.stat_result, digest: str, facts: os.stat_result
) -> Seen | None:
    """Of a file of ours there and a link here, the newer one has the name; None if the file is none of ours."""
    base = job.base
    if base is None or (base.kind, base.hash) != ("f", digest):
        return None
    if is_newer_there(Side.OTHER if job.row is None else job.side, mtime_of(local), base.mtime):
        return give_newer(world, job.path, base, job.row)
    held = _as_there(world, Row("f", hash=digest, origin=base.origin, racy=1), facts)
    return Seen([(job.path, held)])  # the next push saves what is here


def _as_there(world: World, row: Row, facts: os.stat_result) -> Row:
    """The row with the facts of the file in the data space."""
    return replace(
        row, rsize=facts.st_size, rmtime=mtime_of(facts), rracy=is_young(world, facts), rctime=ctime_of(facts)
    )


def _both(world: World, job: Incoming) -> Seen:
    """Changed on both sides, or something else here: the other version gets another name, there and here."""
    beside = keep_beside(world, job.path)
    seen = Seen(conflicts=1, kept=beside)
    if job.form == "f":
        seen = replace(fetch(world, beside, beside, None), conflicts=1, kept=beside)
    elif job.form == "l":
        target = world.space.readlink(beside)
        make_link(world, target, beside)
        seen.rows.append((beside, link_row(world, beside, target, 0)))
    if job.row is not None:
        seen.rows.append((job.path, job.row.without_remote()))
    return seen


def pull_link(world: World, job: Incoming, local: os.stat_result | None) -> Seen | None:
    """Pull it if nothing is here; else compare. None where both are to be kept."""
    target, row = world.space.readlink(job.path), job.row
    if row is not None and row.held() and (row.kind, row.target) == ("l", target):
        return Seen([(job.path, replace(row, rmtime=job.mtime))])
    if local is None:
        make_link(world, target, job.path)
    elif kind(local) != "l" or world.tree.readlink(job.path) != target:
        seen = _instead(world, job, local, target) if kind(local) in ("f", "l") else None
        return seen and replace(seen, rows=[(path, replace(known, rmtime=job.mtime)) for path, known in seen.rows])
    known = link_row(world, job.path, target, job.base.origin if job.base else world.learnt.theirs)
    return Seen([(job.path, replace(known, rmtime=job.mtime))])


def _instead(world: World, job: Incoming, local: os.stat_result, target: bytes) -> Seen | None:
    """Something else is here: the newer has the name. None if neither is known to be."""
    base, row = job.base, job.row
    if base is not None and (base.kind, base.target) == ("l", target):
        return _ours_instead(world, job, local, base)
    if row is None or not row.held() or row.origin > 0:
        return None
    return link_instead(world, target, job.path, row, world.learnt.theirs, spare=True)


def _ours_instead(world: World, job: Incoming, local: os.stat_result, base: Entry) -> Seen | None:
    if not is_newer_there(Side.OTHER if job.row is None else job.side, mtime_of(local), base.mtime):
        # the next push saves what is here
        return Seen([(job.path, Row("l", target=base.target, origin=base.origin, rsize=0, racy=1))])
    return give_newer(world, job.path, base, job.row)


def is_damaged(world: World, job: Incoming, local: os.stat_result) -> bool:
    """Whether a file in the data space is a ruin of what is here."""
    if job.row is not None and job.row.size > 0:
        with open_reader(world.space, job.path) as stream:
            if is_void(iter(lambda: stream.read(CHUNK), b"")):
                return True
    here = job.intended and kind(local) == "f"
    return here and is_beginning(blocks_of_both(world.space, job.path, world.tree, job.path))


def throw_damaged(world: World, job: Incoming, facts: os.stat_result) -> Seen:
    """Move it to the trash; the next push saves the file again."""
    name = throw_away(world, job.path, ORIGINAL)
    world.tell(f"{os.fsdecode(job.path)} was empty, zeros or cut short in the data space: it is saved again", "alarm")
    rows = [(job.path, job.row.without_remote())] if job.row is not None else []
    return Seen(rows, trash=[Thrown(name, job.path, facts.st_size, ORIGINAL)])
