"""Whether the volume has room for what is to be pulled."""

from __future__ import annotations

from cloudify_scipion.agent.errors import NoRoom
from cloudify_scipion.agent.plan.sizes import shown
from cloudify_scipion.agent.work.listing import LISTING, listed
from cloudify_scipion.agent.work.pull_job import known_of
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
        world.commit()
        raise NoRoom(
            f"the data take {shown(need)}, and the volume has {shown(free)} left",
            "ask for a larger volume, or pull less (data.project.include, exclude)",
        )
    world.progress.start("pulling", files, need)


def _needed(world: World) -> tuple[int, int]:
    """How many files are to be pulled, and the bytes that they take."""
    files = need = 0
    for batch in listed(world):
        known = known_of(world, batch)
        for path, form, _, size, *_ in batch:
            base = known.bases.get(path)
            if form != "f" or path in known.rows or not is_wanted(world, path, base is not None):
                continue
            if world.tree.stat(path) is None:
                files += 1
                if not (base and base.get("ln") and base.get("s", 0) == size):  # another name of the same file
                    need += (size + 4095) // 4096 * 4096
    return files, need
