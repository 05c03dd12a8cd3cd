"""What has come takes the place of what was here, and both have a name of the user's all the while.

Wherever this is killed, neither is lost: at worst, one of them keeps the name of a conflict.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable

from cloudify_scipion.agent.ports.calls import UNSUPPORTED
from cloudify_scipion.agent.ports.facts import mtime_of
from cloudify_scipion.agent.ports.files import move_between
from cloudify_scipion.agent.work.conflicts import free_name
from cloudify_scipion.agent.work.world import World


def swapped(
    world: World, temporary: bytes, path: bytes, exchange: Callable[[bytes], bool], spare: bool
) -> bool:
    """Give an unfinished file or link of the volume the name of a conflict, and let it `exchange` places from there.

    `exchange` says whether what has come out is what was to go; if not, it has put it back. `spare`: that keeps the
    name of the conflict; else it goes.
    """
    name = free_name(world, path, there=spare)
    move_between(world.state, temporary, world.tree, name)
    new = world.tree.stat(name)
    try:
        done = exchange(name)
    except OSError:
        _withdraw(world, name, new)
        raise
    if not done:
        _withdraw(world, name, new)
    elif spare:
        world.tell(f"{os.fsdecode(path)} was changed in the data space: what was here is kept as {os.fsdecode(name)}")
    else:
        world.tree.unlink(name)
    return done


def try_exchange(world: World, one: bytes, other: bytes) -> bool:
    """Exchange two paths; False where the volume has no such call."""
    try:
        world.tree.exchange(one, other)
    except OSError as error:
        if error.errno not in UNSUPPORTED:
            raise
        return False
    return True


def _withdraw(world: World, name: bytes, new: os.stat_result | None) -> None:
    """What has come goes again, unless somebody has written to it where it was."""
    with contextlib.suppress(OSError):  # then it keeps the name of a conflict
        there = world.tree.stat(name)
        if there is not None and new is not None and _facts(there) == _facts(new):
            world.tree.unlink(name)


def _facts(stat: os.stat_result) -> tuple[int, int, int]:
    return stat.st_ino, stat.st_size, mtime_of(stat)
