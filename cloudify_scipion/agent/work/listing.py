"""The listing of the data space, in the index; what a killed work has listed stays listed for a while."""

from __future__ import annotations

import os
from collections.abc import Iterator

from cloudify_scipion.agent.errors import Unsaved
from cloudify_scipion.agent.plan.names import joined
from cloudify_scipion.agent.ports.facts import ctime_of, kind, mtime_of
from cloudify_scipion.agent.work.spelled import Listed, as_ours
from cloudify_scipion.agent.work.world import World

LISTING, LISTING_SECONDS = "listing", 3600.0
"""In which boot and when of it the listing was begun that a killed work has left; older ones are made again."""
BATCH = 400


def list_space(world: World) -> None:
    """List every folder, several at a time, one level after the other; what was listed before a crash stays listed."""
    world.progress.start("listing the data space")
    boot, begun = world.index.get_state(LISTING) or ("", 0.0)
    if boot != world.clock.boot() or world.clock.elapsed() - begun >= LISTING_SECONDS:
        world.index.forget_listing()
        world.index.set_state(LISTING, [world.clock.boot(), world.clock.elapsed()])
    level: list[bytes] = [b""]
    while level:
        level = list(_list_level(world, level))
        world.commit()


def _list_level(world: World, level: list[bytes]) -> Iterator[bytes]:
    """List these folders; yields those in them."""
    unknown = []
    for path in level:
        if world.index.is_listed(path):
            yield from world.index.listed_folders(path)
        else:
            unknown.append(path)
    for path, rows in world.each(lambda path: _look(world, path), unknown):
        if path and isinstance(rows, FileNotFoundError | NotADirectoryError):
            world.index.vanished(path)  # since the folder above was listed
        elif isinstance(rows, OSError):
            raise Unsaved(f"{os.fsdecode(path)} in the data space cannot be listed: {rows.strerror}", "scan again")
        else:
            rows = as_ours(world, path, rows)
            world.index.list_remote(path, rows)
            world.progress.add(len(rows), 0)
            yield from (row[0] for row in rows if row[1] == "d")


def _look(world: World, folder: bytes) -> list[Listed]:
    return [
        (joined(folder, name), kind(facts), facts.st_mode, facts.st_size, mtime_of(facts), ctime_of(facts))
        for name, facts in world.space.entries(folder)
    ]


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
