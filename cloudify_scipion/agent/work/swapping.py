"""What has come takes the place of what was here.

What is to be kept of that has a name of the user's all the while: killed anywhere, neither is lost, and at worst one of
them keeps the name of a conflict without need.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from cloudify_scipion.agent.ports.calls import UNSUPPORTED
from cloudify_scipion.agent.ports.facts import mtime_of
from cloudify_scipion.agent.ports.files import exchange_between, move_between
from cloudify_scipion.agent.ports.in_use import nobody_else_has_it
from cloudify_scipion.agent.ports.tree import Tree
from cloudify_scipion.agent.work.conflicts import free_name
from cloudify_scipion.agent.work.scratch import naming
from cloudify_scipion.agent.work.world import World


@dataclass(frozen=True)
class Old:
    """What is to go: whether it `may_go` still, whether it `is_out` once it lies in a tree at a path, and its open
    descriptor if it is a file, which nobody else may have open."""

    may_go: Callable[[], bool]
    is_out: Callable[[Tree, bytes], bool]
    fd: int = -1

    @contextlib.contextmanager
    def alone(self) -> Iterator[bool]:
        """Whether nobody else has it open, and nobody can open it meanwhile."""
        if self.fd < 0:
            yield True
            return
        with nobody_else_has_it(self.fd) as alone:
            yield alone


def swapped(world: World, temporary: bytes, path: bytes, old: Old, spare: bool) -> bool:
    """Put an unfinished file or link of the volume in the place of the old one; back again if it was another by then.

    Returns whether it was done. `spare`: what goes keeps the name of a conflict, which the new one has first.
    """
    if not spare:
        return _exchanged(world, world.state, temporary, path, old)
    name = free_name(world, path)
    move_between(world.state, temporary, world.tree, name)
    new = world.tree.stat(name)
    try:
        done = _exchanged(world, world.tree, name, path, old)
    except OSError:
        _withdraw(world, name, new)
        raise
    if done:
        world.tell(f"{os.fsdecode(path)} was changed in the data space: what was here is kept as {os.fsdecode(name)}")
    else:
        _withdraw(world, name, new)
    return done


def _exchanged(world: World, tree: Tree, name: bytes, path: bytes, old: Old) -> bool:
    with old.alone() as alone:
        if not alone or not old.may_go() or not _try_exchange(world, tree, name, path):
            return False
    try:
        with naming(world) if tree is world.state else contextlib.nullcontext():
            out = old.is_out(tree, name)
    except OSError:  # nobody knows what was replaced: it comes back
        exchange_between(tree, name, world.tree, path)
        raise
    with old.alone() as alone:
        if alone and out:
            return True
        exchange_between(tree, name, world.tree, path)
    return False


def _try_exchange(world: World, tree: Tree, name: bytes, path: bytes) -> bool:
    """False where the volume has no such call."""
    try:
        exchange_between(tree, name, world.tree, path)
    except OSError as error:
        if error.errno not in UNSUPPORTED:
            raise
        return False
    return True


def _withdraw(world: World, name: bytes, new: os.stat_result | None) -> None:
    """What has come goes again, unless somebody has written to it where it was."""
    with contextlib.suppress(OSError):  # then it keeps the name of a conflict
        there = world.tree.stat(name)
        if there is not None and new is not None and identity(there) == identity(new):
            world.tree.unlink(name)


def identity(stat: os.stat_result) -> tuple[int, int, int]:
    """What stays when a file gets another name, and changes when it is written or another takes its place."""
    return stat.st_ino, stat.st_size, mtime_of(stat)
