"""Whether volume and data space are those that are meant, and whether the data space can be written."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path

from cloudify_scipion.agent.errors import AgentError, GuardFailed, NoRoom, ReadOnlySpace, Temporary
from cloudify_scipion.agent.plan.names import ODD, RESERVED, TEMPORARY, joined
from cloudify_scipion.agent.plan.text import parse
from cloudify_scipion.agent.ports.read_tree import ReadTree
from cloudify_scipion.agent.ports.whole_files import make_folders, read_all, write_new
from cloudify_scipion.agent.work.space.probe import find_out
from cloudify_scipion.agent.work.world import World

_READ_ONLY = (errno.EROFS, errno.EACCES, errno.EPERM)
MARK = joined(RESERVED, b"space.json")


def open_space(world: World) -> None:
    """Make our own folders in it, and try what it can hold. Raises ReadOnlySpace if nothing can be written there."""
    for folder in (RESERVED, TEMPORARY, ODD):
        with writing(world, folder):
            make_folders(world.space, folder, 0o700)
    with writing(world, MARK):
        if read_all(world.space, MARK) is None:
            write_new(world.space, MARK, world.config.project.encode())
    with writing(world, TEMPORARY):
        find_out(world)


@contextlib.contextmanager
def writing(world: World, path: bytes = b"") -> Iterator[None]:
    """Whoever cannot write something of ours there learns what that means for the whole work."""
    try:
        yield
    except OSError as error:
        raise not_written(world, error, path) from error


def read_only(grant: str, reason: str) -> ReadOnlySpace:
    """The error. Where it is found out while mounting, the host says the same."""
    return ReadOnlySpace(
        f"nothing can be saved in the data space: it is mounted or granted read-only ({reason})", grant
    )


def not_written(world: World, error: OSError, path: bytes = b"") -> AgentError:
    """What it means for a whole work that something of ours cannot be written there: what lies at `path`."""
    where = f": {os.fsdecode(path)}" if path else ""
    if error.errno in _READ_ONLY:
        return read_only(world.config.grant, (error.strerror or str(error)) + where)
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        next_step = "the operator makes room or gives a larger quota; saving goes on then"
        return NoRoom("the data space is full" + where, next_step)
    return Temporary(f"the data space cannot be written: {error.strerror}{where}", "it is tried again by itself")


def check_space(world: World) -> None:
    """Raise GuardFailed unless it is mounted and is this project's."""
    check_mark(world.space)


def check_mark(space: ReadTree) -> None:
    """Raise GuardFailed unless the data space, by this way to it, shows our mark."""
    space.forget()
    try:
        mark = read_all(space, MARK)
    except OSError as error:
        raise GuardFailed(
            f"the data space does not answer: {error.strerror}: {os.fsdecode(MARK)}",
            "repair the project; if that does not help, the operator looks at this file in the data space",
        ) from error
    if mark is None:
        raise GuardFailed("the data space is not mounted, or has lost its mark", "repair the project")


def check_volume(world: World) -> None:
    """Raise GuardFailed unless the working copy is on the volume that is meant."""
    config = world.config
    try:
        mark = parse(config.mark.read_bytes())
        if not isinstance(mark, dict):
            raise ValueError("no object")
        version = mark.get("version", 1)
    except (OSError, ValueError) as error:
        raise GuardFailed(
            f"the volume is not mounted: {config.mark} cannot be read",
            "repair the project; nothing is saved until then",
        ) from error
    if version != 1:
        raise GuardFailed(
            f"the volume was made by a later version of this software: {config.mark} has version {version}, not 1",
            "install that version of the project's software again; nothing is saved until then",
        )
    if mark.get("volume") != config.volume or mark.get("project") != config.project:
        raise GuardFailed(
            f"another volume is mounted: {mark.get('volume')} of project {mark.get('project')}, not {config.volume}",
            "repair the project; nothing is saved until then",
        )
    places = config.mark, *(Path(os.fsdecode(folder.path)) for folder in (world.tree, world.state))
    if len({place.stat().st_dev for place in places}) != 1:
        raise GuardFailed("the working copy is not on the volume", "repair the project; nothing is saved until then")
