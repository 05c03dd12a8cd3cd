"""Which of two is the newer: what the index knows, or the manifest in the data space. Volumes, machines and data spaces
are put back to earlier states, and copied.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum

from cloudify_scipion.agent.plan.manifest import NONE


class Side(Enum):
    """What the data space's manifest is, beside what the index last knew of it."""

    SAME = "the same"
    NEWER = "newer"
    """It goes on from there: the volume is an older copy, or a work was killed."""
    OLDER = "older"
    """It ends before that: the data space is an older copy."""
    OTHER = "another"
    """It has gone another way since some earlier point: which of two versions is newer is told by their times."""


def compare(number: int, digest: str, there: Sequence[int], digest_at: Callable[[int], str]) -> Side:
    """Compare the last segment that is known (0: none) with the numbers of those that are there.

    `digest_at` reads one of them; it is asked only where the number is no answer.
    """
    last = max(there, default=0)
    if number == 0 or last < number:
        return Side.SAME if last == number else Side.OLDER if number else Side.NEWER
    if digest == NONE or number not in there:
        return Side.NEWER if last > number else Side.SAME
    if digest_at(number) != digest:
        return Side.OTHER
    return Side.NEWER if last > number else Side.SAME


def is_newer_there(side: Side, here_mtime: int, there_mtime: int) -> bool:
    """Whether of two versions of a file, both ours, that in the data space is to have the file's name here."""
    if side is Side.OTHER:
        return there_mtime > here_mtime
    return side is Side.NEWER
