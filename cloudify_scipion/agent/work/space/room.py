"""Whether the data space has room: for a large file, and for a day more.

Others live there, too, so it is never filled to the last byte. It says of itself how much is left; where a quota may
be, that is tried.
"""

from __future__ import annotations

import contextlib
import errno
from dataclasses import astuple, dataclass

from cloudify_scipion.agent.plan.room import Changed, is_low
from cloudify_scipion.agent.plan.text import shown
from cloudify_scipion.agent.plan.trash import HOUR
from cloudify_scipion.agent.ports.read_tree import ReadTree
from cloudify_scipion.agent.ports.tree import Tree
from cloudify_scipion.agent.work.world import World

LEFT_SHARE, LEFT_BYTES = 20, 1_000_000_000
"""So much is left to others: a twentieth of the space, or so many bytes if that is less."""
LEAST_LIMIT = 1 << 20
"""Bytes of a file: no data space has a smaller limit for one, so that such a refusal is of that file alone."""
_STEP_SHARE, _STEP_LEAST, _STEP_MOST = 64, 1 << 20, 1 << 26
CHANGED, LOW, TRIED = "changed", "low", "tried-room"
"""What was saved lately, whether the alarm was given, and when (in lived seconds) room was last tried."""
LEFT, QUOTA = "left", "quota"
"""By what it is low."""
MOST_TRIED = 10_000_000_000
"""Bytes for which room is tried at most."""
_FULL = (errno.ENOSPC, errno.EDQUOT)
"""EFBIG is none: the largest size of one file says nothing of the room."""


class NoRoomThere(OSError):
    """A file does not fit what is free."""


class TooLarge(OSError):
    """The data space takes no single file of that size, whatever room it has."""


def must_not_be_too_large(world: World, size: int) -> None:
    """Raise TooLarge if a smaller file was so in this work: nothing of it is sent then."""
    limit = world.learnt.too_large
    if limit is not None and size >= limit:
        raise TooLarge(
            errno.EFBIG, f"it has {shown(size)}, and a file of {shown(limit)} is too large for the data space"
        )


def too_large(world: World, size: int, taken: int) -> TooLarge:
    """What it means that the data space took no more than so many bytes. A limit is remembered for this work."""
    if size > LEAST_LIMIT:
        world.learnt.too_large = min(size, world.learnt.too_large or size)
    return TooLarge(
        errno.EFBIG,
        f"it has {shown(size)}, and the data space takes no more than {shown(taken)} of it: too large for a file there",
    )


@dataclass
class Room:
    """Watches a copy into the data space: raises NoRoomThere before others have no room any more."""

    space: Tree
    size: int
    """Bytes of the whole file, for the message."""
    _unwatched: int = 0
    _step: int = 0

    def must_hold(self, data: int) -> None:
        """Raise NoRoomThere unless so many bytes fit."""
        free, left = _free(self.space)
        if free is None:
            return
        if data > free - left:
            raise NoRoomThere(errno.ENOSPC, f"it has {shown(self.size)}, and {shown(free)} are free in the data space")
        self._step = max(_STEP_LEAST, min(_STEP_MOST, free // _STEP_SHARE))
        self._unwatched = 0

    def written(self, data: int) -> None:
        """So many bytes more were written: is there room for as many again?"""
        self._unwatched += data
        if self._step and self._unwatched >= self._step:
            self.must_hold(self._step)


def _free(space: ReadTree) -> tuple[int | None, int]:
    """Free bytes there, None if that is not told; and how many are left to others.

    Some clients say 0 whatever there is: that is found out by trying.
    """
    free, total = space.room()
    left = min(total // LEFT_SHARE, LEFT_BYTES)
    return (free if total > 0 and free > 0 else None), left


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
    path = world.session.unfinished()
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
