"""What a data space makes of a file's time and of its holes, found out with one file of our own."""

from __future__ import annotations

import os
from dataclasses import dataclass

from cloudify_scipion.agent.ports.facts import mtime_of
from cloudify_scipion.agent.work.world import World

TICKS = (1, 100, 1000, 1_000_000, 10_000_000, 1_000_000_000, 2_000_000_000, 60_000_000_000)
"""The steps in which file systems keep times (ns)."""
_THEN = 1_500_000_031_123_456_789
_DATA, _WHOLE = 4096, 4_000_000
"""Bytes: few enough that a data space without holes has room for them, and more than any of its blocks."""


@dataclass(frozen=True)
class Kept:
    """`tick`: times are kept in steps of so many ns; `holes`: what was never written takes no room, and it says so."""

    tick: int = 1
    holes: bool = False


def try_file(world: World, path: bytes) -> Kept:
    """Make that file, by the calls of an upload. Raises OSError."""
    space = world.space
    fd = space.create(path)
    try:
        space.write(fd, os.urandom(_DATA))
        space.truncate(fd, _WHOLE)
        space.set_times(fd, _THEN)
    finally:
        space.close(fd)
    space.forget()
    facts = space.stat(path)
    if facts is None:
        return Kept()
    return Kept(tick_of(_THEN, mtime_of(facts)), _DATA <= facts.st_blocks * 512 <= _WHOLE // 2)


def tick_of(told: int, kept: int) -> int:
    """The step in which a time is kept, by what became of one (ns); 1 if none is known that explains it."""
    return next((tick for tick in TICKS if kept in (told // tick * tick, -(-told // tick) * tick)), 1)
