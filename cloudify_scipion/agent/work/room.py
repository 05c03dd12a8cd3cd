"""Whether the volume has room for what is to be pulled."""

from __future__ import annotations

from cloudify_scipion.agent.errors import NoRoom
from cloudify_scipion.agent.plan.sizes import shown
from cloudify_scipion.agent.work.listing import LISTING, listed
from cloudify_scipion.agent.work.wanted import is_wanted
from cloudify_scipion.agent.work.world import World

RESERVE_BYTES = 64_000_000
"""Room that a pull leaves on the volume."""


def check_room(world: World) -> None:
    """Raise NoRoom if what is to be pulled does not fit, before it starts."""
    files, need = _needed(world)
    free = world.tree.free()
    if need and need + RESERVE_BYTES > free:
        world.index.set_state(LISTING, None)
        world.index.commit()
        raise NoRoom(
            f"the data take {shown(need)}, and the volume has {shown(free)} left",
            "ask for a larger volume, or pull less (data.project.include, exclude)",
        )
    world.progress.start("pulling", files, need)


def _needed(world: World) -> tuple[int, int]:
    """How many files are to be pulled, and the bytes that they take."""
    files = need = 0
    for path, form, _, size, _ in listed(world):
        if form == "f" and _is_new(world, path):
            files += 1
            base = world.index.base(path)
            if not (base and base.get("ln") and base.get("s", 0) == size):  # another name of the same file
                need += (size + 4095) // 4096 * 4096
    return files, need


def _is_new(world: World, path: bytes) -> bool:
    return world.index.get(path) is None and is_wanted(world, path) and world.tree.stat(path) is None
