"""What comes back since a person wishes so: from the trash, under its name or beside what is there now; and what is
gone from the working copy and not deleted in the data space yet.
"""

from __future__ import annotations

import errno
import os
from itertools import count
from typing import Any

from cloudify_scipion.agent.plan.names import (
    BESIDE,
    TRASH,
    base_of,
    conflict_name,
    is_link_in_trash,
    joined,
    leads_down,
    path_in_trash,
    readable,
    split,
    trash_name,
    whole_way,
)
from cloudify_scipion.agent.plan.text import shown
from cloudify_scipion.agent.ports.databases.beside import facts_of
from cloudify_scipion.agent.ports.facts import kind
from cloudify_scipion.agent.ports.tables.gone import AGREED, HELD
from cloudify_scipion.agent.ports.tables.rows import Row
from cloudify_scipion.agent.ports.whole_files import read_all
from cloudify_scipion.agent.work.manifest.write import entry_of
from cloudify_scipion.agent.work.pull.fetch import fetch_as, make_link, make_local_folder, restore
from cloudify_scipion.agent.work.push.tally import Run
from cloudify_scipion.agent.work.questions import DELETIONS
from cloudify_scipion.agent.work.world import World

WANTED, RESTORED = "restore", "restored"
"""Names below the trash that somebody wants back, and what became of the last ones."""
MOST_WANTED, TOLD = 10_000, 20
_SPARE = 50_000_000
"""Bytes of the volume that no version takes."""
CAME_BESIDE = "beside"
"""What came back under other names, by those that it had, until what it was before is deleted."""


def want_back(world: World, name: str) -> None:
    """Remember that somebody wants a version back."""
    wanted = world.index.get_state(WANTED) or []
    if name and name not in wanted:
        world.index.set_state(WANTED, [*wanted, name][-MOST_WANTED:])


def bring_back(world: World) -> None:
    """Bring back what is wanted; the push that follows saves it. What cannot come is told, and asked for no more."""
    wanted = world.index.get_state(WANTED) or []
    told: list[dict[str, Any]] = list(world.index.get_state(RESTORED) or [])
    for name in wanted:
        world.session.beat()
        what = readable(os.fsdecode(_path_of(world, joined(TRASH, os.fsencode(name)))))
        try:
            came = readable(os.fsdecode(_bring(world, joined(TRASH, os.fsencode(name)))))
        except OSError as error:
            world.tell(f"{what} cannot be brought back from the trash: {error.strerror}", "alarm")
            told.append({"path": what, "as": "", "why": error.strerror, "at": world.clock.iso()})
        else:
            world.tell(f"{what} was brought back from the trash as {came}")
            told.append({"path": what, "as": came, "why": "", "at": world.clock.iso()})
    if wanted:
        world.tree.sync()
        world.index.set_state(WANTED, [])
        world.index.set_state(RESTORED, told[-TOLD:])
        world.commit_and_tell()


def _bring(world: World, name: bytes) -> bytes:
    """Copy a version into the working copy; returns its path there."""
    facts = world.space.stat(name) if leads_down(name) else None
    if facts is None:
        world.index.trash.drop(name)
        raise FileNotFoundError(errno.ENOENT, "it is not in the trash any more")
    path = _path_of(world, name)
    if kind(facts) == "l" or is_link_in_trash(name):
        target = world.space.readlink(name) if kind(facts) == "l" else read_all(world.space, name) or b""
        there = _place(world, name, path)
        make_link(world, target, there)
        return there
    free = world.tree.free() - _SPARE
    if facts.st_size > free:
        raise OSError(errno.ENOSPC, f"it has {shown(facts.st_size)}, and the volume {shown(max(0, free))} left")
    return fetch_as(world, name, None, (_place(world, name, path) for _ in count()))


def _path_of(world: World, name: bytes) -> bytes:
    """Which path a version in the trash had, as far as is known."""
    kept = world.index.trash.get(name)
    return kept.path if kept else path_in_trash(name)


def _place(world: World, name: bytes, path: bytes) -> bytes:
    """Its own path where nothing is; else beside, and where a folder cannot be made again, at the top."""
    try:
        make_local_folder(world, split(path)[0], 0o755)
        if not _is_taken(world, path):
            return path
    except (FileExistsError, NotADirectoryError):
        path = trash_name(path)
    return _free_name(world, path, split(split(name)[0])[1].split(b"-g")[0].decode("ascii", "replace"))


def _is_taken(world: World, path: bytes) -> bool:
    """Whether something is there; or beside it, what would be taken for a part of the database that comes back."""
    beside = [path + end for end in BESIDE]
    return bool(base_of(path)) or any(facts_of(world.tree, one) is not None for one in (path, *beside))


def restore_asked(run: Run) -> None:
    """Bring back what somebody wants back of what is gone; the rest waits for another answer."""
    world = run.world
    upto = world.index.people.answered(DELETIONS, "restore")
    for path in world.index.gone.as_asked(DELETIONS, upto) if upto else ():
        world.session.beat()
        row = world.index.files.get(path)
        if row is None or not row.held():
            continue
        world.index.gone.set_fate(path, HELD)
        try:
            _restore(world, path, row)
        except OSError as error:
            run.fail(path, f"it cannot be brought back: {error.strerror}")
    if upto:
        world.tree.sync()
        world.commit_and_tell()


def _restore(world: World, path: bytes, row: Row) -> None:
    """Under its name; where a file is in the place of a folder, or the reverse, it comes back beside that."""
    blocked = _blocked(world, path)
    if blocked:
        _restore_beside(world, path, row, blocked)
        world.index.gone.set_fate(path, AGREED)  # what it was before is safe now
    else:
        restore(world, path, row)
        world.index.gone.forget(path)


def _blocked(world: World, path: bytes) -> bytes:
    """What of a path has something else in its place: a folder on the way, itself, or the database beside which it is.

    Empty if nothing has.
    """
    for above in list(whole_way(path))[:-1]:
        facts = world.tree.stat(above)
        if facts is None:
            return b""
        if kind(facts) != "d":
            return above
    return next((one for one in (base_of(path), path) if one and world.index.gone.is_covered(one)), b"")


def _restore_beside(world: World, path: bytes, row: Row, blocked: bytes) -> None:
    names = world.index.get_state(CAME_BESIDE) or {}
    known = names.get(os.fsdecode(blocked))
    name = os.fsencode(known) if known else _free_name(world, blocked, world.clock.stamp())
    if not known:
        world.index.set_state(CAME_BESIDE, {**names, os.fsdecode(blocked): os.fsdecode(name)})
        world.tell(f"{os.fsdecode(blocked)} comes back as {os.fsdecode(name)}, since something else has its name")
        world.commit_and_tell()
    there = name + path[len(blocked) :]
    if world.tree.stat(there) is not None:
        return  # an earlier attempt was killed
    make_local_folder(world, there.rpartition(b"/")[0], 0o755)
    if row.kind == "l":
        make_link(world, row.target, there)
        return
    fetch_as(world, row.stored or path, entry_of(path, row), [there])


def _free_name(world: World, path: bytes, word: str) -> bytes:
    """`PATH.restored-WORD`, or with a number."""
    names = (conflict_name(path, word, number, "restored") for number in count(1))
    return next(name for name in names if world.tree.stat(name) is None)
