"""The names of conflicts: both of two versions are kept, one of them under such a name."""

from __future__ import annotations

import contextlib
import os

from cloudify_scipion.agent.plan.names import MAX_NAME, conflict_name
from cloudify_scipion.agent.work.across import move
from cloudify_scipion.agent.work.content import Changed
from cloudify_scipion.agent.work.world import World

MANY = 10_000
"""Names that are tried for versions of one file."""


def free_name(world: World, path: bytes) -> bytes:
    """The name of a conflict that is free here and in the data space."""
    names = (conflict_name(path, world.clock.stamp(), number) for number in range(1, MANY))
    return next(name for name in names if world.tree.stat(name) is None and world.space.stat(name) is None)


def keep_beside(world: World, path: bytes) -> bytes:
    """Give what a stranger put at `path` the name of a conflict; returns that. Raises Changed if none is free."""
    return move_beside(world, path, path)


def move_beside(world: World, path: bytes, there: bytes) -> bytes:
    """The same for what belongs at `path` and lies `there`."""
    stamp = world.clock.stamp()
    longest = world.able.names.longest if world.able else MAX_NAME
    for number in range(1, MANY):
        name = conflict_name(path, stamp, number, longest=longest)
        if world.tree.stat(name) is not None:
            continue
        with contextlib.suppress(FileExistsError):
            move(world, there, name)
            world.tell(
                f"{os.fsdecode(path)} was changed in the data space as well: that version is kept as "
                f"{os.fsdecode(name)}", "alarm",
            )  # fmt: skip
            return name
    raise Changed(0, "there are too many versions of it already", os.fsdecode(path))
