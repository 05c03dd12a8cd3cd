"""An alarm before the data space is full: by what it says of itself, and by trying where a quota may be."""

from __future__ import annotations

import contextlib
import errno
from dataclasses import astuple

from cloudify_scipion.agent.plan.names import TEMPORARY, joined, temporary_name
from cloudify_scipion.agent.plan.room import Changed, is_low
from cloudify_scipion.agent.plan.sizes import shown
from cloudify_scipion.agent.plan.trash import HOUR
from cloudify_scipion.agent.work.world import World

CHANGED, LOW, TRIED = "changed", "low", "tried-room"
"""What was saved lately, whether the alarm was given, and when (in lived seconds) room was last tried."""
LEFT, QUOTA = "left", "quota"
"""By what it is low."""
MOST_TRIED = 10_000_000_000
"""Bytes for which room is tried at most."""
_FULL = (errno.ENOSPC, errno.EDQUOT)
"""EFBIG is none: the largest size of one file says nothing of the room."""


def watch_room(world: World, saved: int) -> None:
    """After so much was saved: is there room for a day more? Told once, as long as there is none."""
    now = world.lived()
    changed = Changed(*(world.index.get_state(CHANGED) or ())).with_more(saved, now)
    world.index.set_state(CHANGED, astuple(changed))
    free, whole = world.space.room()
    left, before = f"{shown(free)} of {shown(whole)} are left", world.index.get_state(LOW) or ""
    if is_low(free, whole, world.config.room_percent, changed.in_a_day()):
        _tell(world, before, LEFT, left, changed)
    elif _may_try(world, now):
        full = not _has_room(world, min(changed.in_a_day(), MOST_TRIED))
        _tell(world, before, QUOTA if full else "", "its quota has no room for as much again", changed)
    elif before == LEFT:
        world.index.set_state(LOW, "")


def _tell(world: World, before: str, low: str, why: str, changed: Changed) -> None:
    if low and low != before:
        world.tell(
            f"the data space is nearly full: {why}, and the project has saved {shown(changed.in_a_day())} in a day. "
            "The operator makes room or gives a larger quota",
            "alarm",
        )
    world.index.set_state(LOW, low)


def _may_try(world: World, now: float) -> bool:
    """Room is tried once an hour at most, and not by the first work of all."""
    last = world.index.get_state(TRIED)
    if last is None or now - last >= HOUR:
        world.index.set_state(TRIED, now)
    return last is not None and now - last >= HOUR


def _has_room(world: World, size: int) -> bool:
    """Try whether so much has room, without writing it; where that cannot be tried, there is."""
    path = joined(TEMPORARY, temporary_name(world.generation, world.nonce()))
    try:
        fd = world.space.create(path)
        try:
            world.space.reserve(fd, size)
        finally:
            world.space.close(fd)
    except OSError as error:
        return error.errno not in _FULL
    finally:
        with contextlib.suppress(OSError):
            world.space.unlink(path)
    return True
