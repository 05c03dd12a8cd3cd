"""A database of the data space and what lies beside it there come together, or what lies beside it does not come.

A -wal or a journal that SQLite finds beside another database than its own destroys that. So nothing of the kind ever
comes beside a database that is here already, and no database beside what another one has left here.
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Callable, Sequence
from dataclasses import replace

from cloudify_scipion.agent.plan.names import BESIDE, MAX_NAME, ORIGINAL, base_of, split
from cloudify_scipion.agent.ports.databases.beside import facts_of, is_side, says_something
from cloudify_scipion.agent.ports.facts import kind, mtime_of
from cloudify_scipion.agent.ports.tables.rows import Row
from cloudify_scipion.agent.work.content import GRANULARITY_NS, Changed, digest_of, is_young, with_facts
from cloudify_scipion.agent.work.pull.exchange import gives_way, set_aside_older
from cloudify_scipion.agent.work.pull.fetch import (
    Arrived,
    Seen,
    arrive,
    fetch,
    forget_arrived,
    has_beside,
    is_name_here,
    name_here,
    put_here,
)
from cloudify_scipion.agent.work.pull.find_new import Incoming
from cloudify_scipion.agent.work.space.keep_beside import keep_beside
from cloudify_scipion.agent.work.trash.throw import Thrown, throw_away
from cloudify_scipion.agent.work.world import World

TURNS = 4


def pull_group(world: World, job: Incoming, alone: Callable[[Incoming], Seen]) -> Seen:
    """Pull a file and what lies beside it; `alone` pulls one path for itself."""
    sides = [side for side in job.beside if side.form == "f" and is_side(world.space, side.path)]
    seen = [alone(side) for side in job.beside if side not in sides]  # somebody's own, of such names
    single = replace(job, beside=())
    if job.as_known:
        seen += [settle_beside(world, side) for side in sides]
    elif sides and _has_room(world, job):
        seen += _together(world, job, sides)
    else:
        seen.append(alone(single))
        seen += [_along(world, side, seen[-1].kept) for side in sides] if seen[-1].kept else [
            settle_beside(world, side) for side in sides
        ]  # fmt: skip
    return _all(seen)


def _has_room(world: World, job: Incoming) -> bool:
    """Whether nothing is here, or what came from others, is as it came, and is to make room."""
    if world.tree.stat(job.path) is None:
        return not has_beside(world, job.path)
    return gives_way(world, job.path, job.row, job.mtime)


def is_beside_another(world: World, path: bytes) -> bool:
    """Whether SQLite would take a file of the data space, at a path here, for what belongs to a file that is here."""
    base = base_of(path)
    local = world.tree.stat(base) if base else None
    return kind(local) == "f" and is_side(world.space, path)


def settle_beside(world: World, side: Incoming) -> Seen:
    """What lies beside a database there that is here already: known, the same as here, or not to come so."""
    digest, facts = digest_of(world.space, side.path)
    young = is_young(world, facts)
    held = Row("f", hash=digest, local=digest, rsize=facts.st_size, rmtime=mtime_of(facts), rracy=young)
    if side.row is not None and side.row.held() and digest == side.row.hash:
        return Seen([(side.path, replace(side.row, rsize=held.rsize, rmtime=held.rmtime, rracy=young))])
    ours = side.base is not None and side.base.hash == digest
    held = replace(held, origin=side.base.origin if ours and side.base else world.learnt.theirs)
    local = facts_of(world.tree, side.path)
    if kind(local) == "f" and (own := digest_of(world.tree, side.path))[0] == digest:
        return Seen([(side.path, with_facts(world, held, own[1]))])
    if ours:
        return Seen([(side.path, replace(held, racy=1))])  # the next push sees that it is not so here
    if not says_something(world.space, side.path):
        name = throw_away(world, side.path, ORIGINAL)
        return Seen(trash=[Thrown(name, side.path, facts.st_size, ORIGINAL)])
    name = keep_beside(world, side.path)
    seen = replace(fetch(world, name, name, None), conflicts=1)
    if side.row is not None:
        seen.rows.append((side.path, side.row.without_remote()))
    return seen


def _along(world: World, side: Incoming, name: bytes) -> Seen:
    """Keep it beside a database that was kept under that name."""
    together = name + side.path[len(base_of(side.path)) :]
    with contextlib.suppress(FileExistsError):
        if len(split(together)[1]) <= MAX_NAME and world.tree.stat(together) is None:
            world.space.rename(side.path, together)
            seen = fetch(world, together, together, None)
            return replace(seen, rows=[(path, replace(row, local=row.hash)) for path, row in seen.rows], conflicts=1)
    return settle_beside(world, side)


def _together(world: World, job: Incoming, sides: Sequence[Incoming]) -> list[Seen]:
    """All as of one moment; but nothing that others have put beside a database of ours."""
    main, *arrived = _arrive(world, [job, *sides])
    ours = job.base is not None and job.base.origin > 0 and job.base.hash == main.row.hash
    foreign = [side for side in sides if ours and (side.base is None or side.base.kind != "f")]
    for one in [one for one in arrived if one.source in {side.path for side in foreign}]:
        forget_arrived(world, one)
        arrived.remove(one)
    seen = _put_all(world, job, main, arrived)
    return [*seen, *(settle_beside(world, side) for side in foreign)]


def _arrive(world: World, jobs: Sequence[Incoming]) -> list[Arrived]:
    """Download them, until none of them changes meanwhile. Raises Changed."""
    last: object = None
    for turn in range(TURNS):
        if turn:
            world.clock.sleep(GRANULARITY_NS / 1e9)
        before, arrived = _looks(world, jobs[0].path), list[Arrived]()
        try:
            for job in jobs:
                arrived.append(arrive(world, job.path, job.base))
            quiet = _looks(world, jobs[0].path) == before
            if quiet and (before == last or not any(one.row.rracy for one in arrived)):
                return arrived
        except BaseException:
            _forget(world, arrived)
            raise
        _forget(world, arrived)
        last = before
    raise Changed(errno.ETXTBSY, "it is being changed, or what lies beside it", os.fsdecode(jobs[0].path))


def _forget(world: World, arrived: Sequence[Arrived]) -> None:
    for one in arrived:
        forget_arrived(world, one)


def _looks(world: World, path: bytes) -> list[tuple[int, int] | None]:
    """Sizes and times of a file and of all that lies beside it."""
    there = [path, *(path + end for end in BESIDE if facts_of(world.space, path + end) is not None)]
    return [world.space.fresh(one) for one in there]


def _put_all(world: World, job: Incoming, main: Arrived, sides: Sequence[Arrived]) -> list[Seen]:
    """The database last: nobody ever sees it without what belongs to it."""
    seen: list[Seen] = []
    try:
        if world.tree.stat(job.path) is not None and gives_way(world, job.path, job.row, job.mtime):
            set_aside_older(world, job.path)
        for one in sides:
            made = put_here(world, one, one.source)
            seen.append(replace(made, rows=[(path, replace(row, local=row.hash)) for path, row in made.rows]))
        seen.append(_put_main(world, job, main))
    except OSError:
        for one in (main, *sides[len(seen) + 1 :]):
            forget_arrived(world, one)
        for one in sides[: len(seen)]:  # nobody has it open, as its database is not here
            _take_back(world, one)
        raise
    return seen


def _put_main(world: World, job: Incoming, main: Arrived) -> Seen:
    """The database itself, or another name of one that is here."""
    if job.base is None or job.first is None or not is_name_here(world, job.base, job.first, main.row.hash):
        return put_here(world, main, job.path, drop=job.row is not None)
    seen = name_here(world, job.path, job.base, main.row, drop=job.row is not None)
    forget_arrived(world, main)
    return seen


def _take_back(world: World, arrived: Arrived) -> None:
    facts = world.tree.stat(arrived.source)
    if facts is not None and os.path.samestat(facts, arrived.facts):
        world.tree.unlink(arrived.source)


def _all(seen: Sequence[Seen]) -> Seen:
    """All of it as one."""
    return Seen(
        [row for one in seen for row in one.rows],
        any(one.drop for one in seen),
        sum(one.pulled for one in seen),
        sum(one.conflicts for one in seen),
        [name for one in seen for name in one.trash],
    )
