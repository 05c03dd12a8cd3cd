"""Large files that could not be saved are not sent again by every push: less and less often, by the clock that does
not jump. Small ones are, since that costs nothing."""

from __future__ import annotations

from cloudify_scipion.agent.ports.tables.attempts import Failed
from cloudify_scipion.agent.work.world import World

LARGE = 1 << 20
"""Bytes from which a file is put off."""
FIRST_SECONDS, MOST_SECONDS = 600.0, 6 * 3600.0


def put_off(world: World, path: bytes, size: int, reason: str, room: bool) -> None:
    """Remember that a file could not be saved, and when it is its turn again."""
    known = world.index.failed_once(path)
    tries = known.tries + 1 if known else 1
    wait = min(MOST_SECONDS, FIRST_SECONDS * 2 ** min(tries - 2, 10)) if size >= LARGE and tries > 1 else 0.0
    world.index.note_failed(path, Failed(tries, size, reason, room, world.clock.boot(), world.clock.elapsed() + wait))


def waits(world: World, path: bytes, size: int) -> Failed | None:
    """Why a file is not tried now; None if it is its turn: also where it became smaller, or the machine was booted."""
    known = world.index.failed_once(path)
    if known is None or known.boot != world.clock.boot() or size < known.size:
        return None
    return known if world.clock.elapsed() < known.until else None
