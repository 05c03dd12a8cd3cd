"""The trash in the data space: what was replaced or deleted there, within limits."""

from __future__ import annotations

from collections.abc import Iterable

from cloudify_scipion.agent.plan.names import TRASH, origin_of
from cloudify_scipion.agent.plan.sizes import shown
from cloudify_scipion.agent.ports.files import files_below
from cloudify_scipion.agent.work.world import World, again


def note_trash(world: World, thrown: Iterable[tuple[bytes, int, int]]) -> None:
    """Know what was moved there: (name, bytes, origin)."""
    for name, size, origin in thrown:
        world.index.add_trash(name, size, origin, world.clock.now())


def know_trash(world: World) -> None:
    """Where the index was lost, what lies in the trash is looked up, so that its limit holds."""
    for name, facts in again(lambda: list(files_below(world.space, TRASH))):
        world.index.add_trash(name, facts.st_size, origin_of(name), facts.st_mtime)


def prune(world: World) -> None:
    """Over the limit, versions that we wrote go, oldest first. What others wrote stays, with an alarm."""
    over = world.index.trash_bytes() - world.config.trash_bytes
    if over <= 0:
        return
    for name, size in world.index.expendable():
        if over <= 0:
            break
        world.beat()
        try:
            again(lambda name=name: world.space.unlink(name))  # type: ignore[misc]
        except OSError:
            continue  # it counts as over the limit
        world.index.drop_trash(name)
        over -= size
    if over > 0:
        world.tell(
            f"the trash in the data space is {shown(over)} over its limit with originals that do not expire",
            "alarm",
        )
    world.keep()
