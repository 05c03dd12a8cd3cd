"""The names of conflicts: both of two versions are kept, one of them under such a name.

A subfolder of a data space may be another file system: there a rename is refused (EXDEV), and what moves is copied.
"""

from __future__ import annotations

import contextlib
import errno
import os

from cloudify_scipion.agent.plan.names import (
    MAX_NAME,
    PART,
    RESERVED,
    TEMPORARY,
    conflict_name,
    joined,
    split,
    temporary_name,
)
from cloudify_scipion.agent.ports.calls import close_read
from cloudify_scipion.agent.ports.facts import kind, mtime_of
from cloudify_scipion.agent.ports.holes import Sink, pieces
from cloudify_scipion.agent.ports.whole_files import new_file
from cloudify_scipion.agent.work.content import Changed
from cloudify_scipion.agent.work.world import World

MANY = 10_000
"""Names that are tried for versions of one file."""


def move(world: World, old: bytes, new: bytes, replace: bool = False) -> bool:
    """Rename a file or link, or copy it whole to its new place where that is another file system; True if copied.

    What is at `new` is replaced only if that is wanted, else FileExistsError.
    """
    try:
        world.space.rename(old, new, replace=replace)
        return False
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
    _copy_over(world, old, new, replace)
    return True


def _copy_over(world: World, old: bytes, new: bytes, replace: bool) -> None:
    """Under another name beside the new one first, so that it is whole there or not at all."""
    facts = world.space.stat(old)
    if facts is None:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), os.fsdecode(old))
    beside = _name_beside(world, new)
    if kind(facts) == "l":
        world.space.symlink(world.space.readlink(old), beside)
    elif kind(facts) == "f":
        _copy(world, old, beside)
    else:
        raise OSError(errno.EXDEV, os.strerror(errno.EXDEV), os.fsdecode(new))
    try:
        world.space.rename(beside, new, replace=replace)
    except OSError:
        with contextlib.suppress(OSError):
            world.space.unlink(beside)
        raise
    world.space.unlink(old)


def _name_beside(world: World, path: bytes) -> bytes:
    name = temporary_name(world.session.generation, world.session.nonce())
    if path.startswith(RESERVED + b"/"):
        return joined(TEMPORARY, name)
    return joined(split(path)[0], PART + name)


def _copy(world: World, old: bytes, new: bytes) -> None:
    """Raises OSError if it is being changed: then it stays where it is."""
    fd, before = world.space.open_with_facts(old)
    try:
        with new_file(world.space, new, before.st_mode & 0o777 | 0o600) as target:
            sink = Sink(world.space, target)
            for piece in pieces(fd, before.st_size):
                sink.add(piece)
            sink.end()
            with contextlib.suppress(OSError):  # not every file system has owners and times
                world.space.chown(target, before.st_uid, before.st_gid)
            with contextlib.suppress(OSError):
                world.space.set_times(target, mtime_of(before))
            after = os.fstat(fd)
            if (sink.size, mtime_of(before)) != (after.st_size, mtime_of(after)):
                raise OSError(errno.ETXTBSY, "it is being changed", os.fsdecode(old))
    finally:
        close_read(fd)


def free_name(world: World, path: bytes) -> bytes:
    """The name of a conflict that is free here and in the data space."""
    names = (conflict_name(path, world.clock.stamp(), number) for number in range(1, MANY))
    return next(name for name in names if world.tree.stat(name) is None and world.space.stat(name) is None)


def keep_beside(world: World, path: bytes) -> bytes:
    """Give what a stranger put at `path` the name of a conflict; returns that. Raises Changed if none is free."""
    return move_beside(world, path, path)


def move_beside(world: World, path: bytes, there: bytes) -> bytes:
    """Give what lies `there`, and belongs at `path`, the name of a conflict, as `keep_beside` does."""
    stamp = world.clock.stamp()
    longest = world.learnt.able.names.longest if world.learnt.able else MAX_NAME
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
