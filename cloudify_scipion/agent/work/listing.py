"""The listing of the data space, in the index; what a killed work has listed stays listed for a while."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator

from cloudify_scipion.agent.errors import Temporary
from cloudify_scipion.agent.plan.names import PART, generation_of, is_part, joined
from cloudify_scipion.agent.ports.facts import ctime_of, kind, mtime_of
from cloudify_scipion.agent.work.local_scan import is_folder
from cloudify_scipion.agent.work.nested import Nested, is_project, refuse_or_tell
from cloudify_scipion.agent.work.spelled import Listed, as_ours
from cloudify_scipion.agent.work.world import World

LISTING, LISTING_SECONDS = "listing", 3600.0
"""In which boot and when of it the listing was begun that a killed work has left; older ones are made again."""
BATCH = 400


Unlisted = list[tuple[bytes, str]]
"""Paths of the data space that could not be looked at, and why."""


def list_space(world: World) -> Unlisted:
    """List every folder, several at a time, one level after the other; what was listed before a crash stays listed.

    Returns what could not be: the rest is looked at all the same.
    """
    bad: Unlisted = []
    nested: list[bytes] = []
    world.progress.start("listing the data space")
    boot, begun = world.index.get_state(LISTING) or ("", 0.0)
    if boot != world.clock.boot() or world.clock.elapsed() - begun >= LISTING_SECONDS:
        world.index.forget_listing()
        world.index.set_state(LISTING, [world.clock.boot(), world.clock.elapsed()])
    level: list[bytes] = [b""]
    while level:
        level = list(_list_level(world, level, bad, nested))
        world.commit()
    refuse_or_tell(world, nested)
    return bad


def _list_level(world: World, level: list[bytes], bad: Unlisted, nested: list[bytes]) -> Iterator[bytes]:
    """List these folders; yields those in them."""
    unknown = []
    for path in level:
        if world.index.is_listed(path):
            yield from world.index.listed_folders(path)
        else:
            unknown.append(path)
    for path, rows in world.each(lambda path: _look(world, path), unknown):
        gone = isinstance(rows, FileNotFoundError | NotADirectoryError) and not is_folder(world.space, path)
        if path and gone:
            world.index.vanished(path)  # since the folder above was listed
        elif isinstance(rows, Nested):
            nested.append(path)
        elif isinstance(rows, OSError) and path:
            bad.append((path, f"the folder cannot be listed in the data space: {rows.strerror}"))
        elif isinstance(rows, OSError):
            raise Temporary(f"the data space cannot be listed: {rows.strerror}", "it is tried again by itself")
        else:
            bad += [(joined(path, name), f"it cannot be looked at in the data space: {error.strerror}")
                    for name, error in world.space.unseen_in(path)]  # fmt: skip
            rows = as_ours(world, path, rows)
            world.index.list_remote(path, rows)
            world.progress.add(len(rows), 0)
            yield from (row[0] for row in rows if row[1] == "d")


def _look(world: World, folder: bytes) -> list[Listed]:
    entries = world.space.entries(folder)
    for name in (name for name, _ in entries if is_part(name)):
        _clear_part(world, folder, name)
    if folder and is_project(world.space, folder, entries):
        raise Nested(errno.EXDEV, "it is the folder of another project", os.fsdecode(folder))
    return [
        (joined(folder, name), kind(facts), facts.st_mode, facts.st_size, mtime_of(facts), ctime_of(facts))
        for name, facts in entries
        if not is_part(name)
    ]


def _clear_part(world: World, folder: bytes, name: bytes) -> None:
    """A killed work has left it, unless it is a later machine's."""
    if generation_of(name[len(PART) :]) <= world.generation:
        with contextlib.suppress(OSError):
            world.space.unlink(joined(folder, name))


def listed(world: World) -> Iterator[list[Listed]]:
    """All that is listed, so many at a time, in the order of the paths."""
    after = b""
    while rows := world.index.listing(after, BATCH):
        yield rows
        after = rows[-1][0]


def forget_listing(world: World) -> None:
    """The next work lists everything anew."""
    world.index.forget_listing()
    world.index.set_state(LISTING, None)
