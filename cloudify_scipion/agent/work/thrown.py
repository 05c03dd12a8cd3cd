"""Moving to the trash in the data space, where nothing is ever replaced."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from cloudify_scipion.agent.plan.names import MAX_NAME, joined, trash_folder, trash_name
from cloudify_scipion.agent.ports.files import make_folders, new_file
from cloudify_scipion.agent.ports.tables.rows import Row
from cloudify_scipion.agent.work.across import move
from cloudify_scipion.agent.work.content import Changed
from cloudify_scipion.agent.work.world import World

MANY = 10_000
"""Names that are tried for versions of one file."""


@dataclass(frozen=True)
class Thrown:
    """What was moved to the trash: its name there, the path that it had, and whose it was. `gone`: it was deleted."""

    name: bytes
    path: bytes
    size: int
    origin: int
    gone: bool = False
    beyond: bool = False
    """A person has agreed that the trash takes it, whatever its limit."""


def throw_away(world: World, there: bytes, origin: int, path: bytes = b"") -> bytes:
    """Move what lies `there`, the content of `path`, to the trash; returns its name."""
    return _placed(world, origin, path or there, False, lambda name: move(world, there, name))


def keep_link(world: World, path: bytes, row: Row, gone: bool = True) -> Thrown:
    """Keep in the trash where a link pointed to that only the manifest knows."""

    def write(name: bytes) -> None:
        with new_file(world.space, name) as fd:
            world.space.write(fd, row.target)

    name = _placed(world, row.origin, path, True, write)
    return Thrown(name, path, len(row.target), row.origin, gone)


def _placed(world: World, origin: int, path: bytes, link: bool, put: Callable[[bytes], object]) -> bytes:
    """The first free name, once something was put there."""
    folder = trash_folder(world.clock.hour(), origin)
    longest = world.able.names.longest if world.able else MAX_NAME
    for name in _names(folder, path, link, longest):
        if folder not in world.made:
            make_folders(world.space, folder, 0o700)
            world.made.add(folder)
        try:
            with contextlib.suppress(FileExistsError):
                put(name)
                return name
        except FileNotFoundError:
            world.made.discard(folder)  # somebody empties the trash: the next try makes it again
            raise
    raise Changed(0, "there are too many versions of it in the trash", os.fsdecode(path))


def _names(folder: bytes, path: bytes, link: bool, longest: int) -> Iterator[bytes]:
    return (joined(folder, trash_name(path, number, link, longest)) for number in range(1, MANY))
