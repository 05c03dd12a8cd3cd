"""Moving to the trash in the data space, where nothing is ever replaced; and knowing what lies there."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from cloudify_scipion.agent.plan.names import (
    MAX_NAME,
    TRASH,
    joined,
    origin_of,
    path_in_trash,
    split,
    trash_folder,
    trash_name,
)
from cloudify_scipion.agent.ports.facts import kind
from cloudify_scipion.agent.ports.tables.rows import Row
from cloudify_scipion.agent.ports.tables.trash import Kept
from cloudify_scipion.agent.ports.whole_files import make_folders, write_new
from cloudify_scipion.agent.work.content import Changed
from cloudify_scipion.agent.work.space.keep_beside import move
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
        temporary = world.session.unfinished()
        write_new(world.space, temporary, row.target)
        try:
            world.space.rename(temporary, name)  # what is there already stays
        except OSError:
            world.space.unlink(temporary)
            raise

    name = _placed(world, row.origin, path, True, write)
    return Thrown(name, path, len(row.target), row.origin, gone)


def _placed(world: World, origin: int, path: bytes, link: bool, put: Callable[[bytes], object]) -> bytes:
    """The first free name, once something was put there."""
    folder = trash_folder(world.clock.hour(), origin)
    longest = world.learnt.able.names.longest if world.learnt.able else MAX_NAME
    for name in _names(folder, path, link, longest):
        if folder not in world.learnt.trash_folders:
            make_folders(world.space, folder, 0o700)
            world.learnt.trash_folders.add(folder)
        try:
            with contextlib.suppress(FileExistsError):
                put(name)
                return name
        except FileNotFoundError:
            world.learnt.trash_folders.discard(folder)  # somebody empties the trash: the next try makes it again
            raise
    raise Changed(0, "there are too many versions of it in the trash", os.fsdecode(path))


def _names(folder: bytes, path: bytes, link: bool, longest: int) -> Iterator[bytes]:
    return (joined(folder, trash_name(path, number, link, longest)) for number in range(1, MANY))


def note_trash(world: World, thrown: Iterable[Thrown]) -> None:
    """Know what was moved there."""
    for one in thrown:
        world.index.trash.add(
            Kept(one.name, one.path, one.size, one.origin, world.lived(), world.clock.boot(), world.clock.iso(),
                 one.gone, one.beyond)
        )  # fmt: skip


def know_trash(world: World) -> None:
    """Know what lies there: what a killed work has left, or an index that was lost, and not what others took away.

    What was not known counts as new, in the order of its names: nobody knows how long it has been there.
    """
    folders, now = _folders(world), world.lived()
    if folders is None:
        return
    for folder in folders:
        try:
            there = set(world.space.names(folder))
        except OSError:
            continue  # gone, or it cannot be looked at now: what is known of it stays known
        known = world.index.trash.names(folder)
        for name in sorted(joined(folder, name) for name in there):
            if name not in known:
                _know(world, name, now)
        for name in known:
            if split(name)[1] not in there:
                world.index.trash.drop(name)
    for kept in list(world.index.trash.elsewhere(folders)):
        world.index.trash.drop(kept)
    world.commit_and_tell()


def _folders(world: World) -> list[bytes] | None:
    """None where it cannot be looked at now."""
    try:
        return [joined(TRASH, name) for name in world.space.names(TRASH)]
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError:
        return None


def _know(world: World, name: bytes, now: float) -> None:
    facts = None
    with contextlib.suppress(OSError):
        facts = world.space.stat(name)
    if facts is not None and kind(facts) in ("f", "l"):
        world.index.trash.add(Kept(name, path_in_trash(name), facts.st_size, origin_of(name), now))
