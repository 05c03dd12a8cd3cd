"""What only has another name now is renamed in the data space, too, instead of being sent again."""

from __future__ import annotations

import contextlib
import os
from dataclasses import replace

from cloudify_scipion.agent.plan.names import conflict_name, joined, split
from cloudify_scipion.agent.plan.spelling import folded
from cloudify_scipion.agent.work.databases.clear_beside import beside, old_beside
from cloudify_scipion.agent.work.lease import lease
from cloudify_scipion.agent.work.push.tally import Run
from cloudify_scipion.agent.work.space.names_there import ensure_folder, place_for
from cloudify_scipion.agent.work.world import World

MOVING = "moving"
"""The folder that is being moved: its old and its new path."""
THROUGH = "through"
"""Old, third and new name of what is being renamed in two steps."""


def move_folder(run: Run, number: int, old: bytes, new: bytes) -> bool:
    """Move a folder in the data space, if it is there and nothing is at its new place."""
    world = run.world
    if not world.index.folders.get(number).remote or _holds_odd(world, number) or place_for(world, new):
        return False
    try:
        lease.check(world)
        ensure_folder(world, split(new)[0], set())
        world.index.set_state(MOVING, [os.fsdecode(old), os.fsdecode(new)])
        world.commit_and_tell()
        _rename(world, old, new)
    except OSError:
        return False
    run.wrote()
    run.result.moved += 1
    _folder_moved(world, number, new)
    world.commit_and_tell()
    return True


def _rename(world: World, old: bytes, new: bytes) -> None:
    """Rename in the data space. Where it takes both names for one, it goes through a third one."""
    try:
        world.space.rename(old, new)
    except FileExistsError:
        if split(old)[0] != split(new)[0] or folded(old) != folded(new):
            raise
        through = conflict_name(old, world.clock.stamp())
        _remember(world, old, through, new)
        world.space.rename(old, through)
        world.space.forget()
        try:
            world.space.rename(through, new)
        except OSError:
            world.space.rename(through, old)
            raise
        finally:
            _remember(world)


def _remember(world: World, *names: bytes) -> None:
    world.index.set_state(THROUGH, [os.fsdecode(name) for name in names])
    world.commit_and_tell()


def _settle_through(world: World) -> None:
    """A work was killed between the two steps: what has the third name gets its old one again."""
    names = [os.fsencode(name) for name in world.index.get_state(THROUGH) or ()]
    if names and world.space.stat(names[1]) is not None:
        for name in names[0], names[2]:
            with contextlib.suppress(FileExistsError):
                world.space.rename(names[1], name)
                break
        world.space.forget()
    if names:
        _remember(world)


def _holds_odd(world: World, number: int) -> bool:
    """Whether the place of any content below a folder hangs on its path."""
    rows = (row for folder in world.index.folders.below(number) for row in world.index.files.inside(folder).values())
    return any(row.stored and row.kind == "f" for row in rows)


def settle_move(world: World) -> None:
    """A work was killed while it moved a folder in the data space: has it moved?"""
    _settle_through(world)
    moving = world.index.get_state(MOVING)
    if moving:
        old, new = os.fsencode(moving[0]), os.fsencode(moving[1])
        number = world.index.folders.number(old)
        moved = world.space.stat(old) is None and world.space.stat(new) is not None
        if number is not None and moved and world.index.folders.number(new) is None:
            _folder_moved(world, number, new)
        world.index.set_state(MOVING, None)
        world.session.unsettled = True
        world.commit_and_tell()


def _folder_moved(world: World, number: int, new: bytes) -> None:
    """It is there, with all below it."""
    world.space.forget()
    _note_all(world, number)
    world.index.folders.move(number, new)
    _note_all(world, number)
    world.index.set_state(MOVING, None)


def _note_all(world: World, number: int) -> None:
    note = world.index.journal.note
    for folder in world.index.folders.below(number):
        where = world.index.folders.path_of(folder)
        note(where)
        for name in world.index.files.inside(folder):
            note(joined(where, name))


def move_files(run: Run) -> None:
    """Rename the files whose inodes have another path now."""
    world = run.world
    moves = world.index.changes.moved()
    if not moves:
        return
    lease.check(world)
    world.index.attempts.intend(
        (new, row.hash) for old, new in moves if (row := world.index.files.get(old)) is not None
    )
    for old, new in moves:
        world.session.beat()
        _move_file(run, old, new)
    if run.able.changed:
        world.index.files.seen_there((new for _, new in moves), lease.moment(world))
    world.commit_and_tell()


def _move_file(run: Run, old: bytes, new: bytes) -> None:
    world = run.world
    row = world.index.files.get(old)
    if row is None or row.stored or place_for(world, new):
        return
    if row.local and (beside(old, world.index.files.rows) or old_beside(world.space, new, {})):
        return  # a database that has something beside it, or would have
    try:
        ensure_folder(world, split(new)[0], run.made)
        _rename(world, old, new)
    except OSError:
        return  # it is sent as new, and deleted at its old place
    run.wrote()
    run.result.moved += 1
    world.index.files.drop(old)
    world.index.files.put(new, replace(row, racy=1))
    world.index.gone.settled_move(old)
    world.index.attempts.fulfil([new])
