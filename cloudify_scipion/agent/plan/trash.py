"""What may go from the trash, and what it can take. Ages are seconds that an agent has lived, sizes bytes.

Nothing that is younger than the minimum age goes without a person's word, whatever the limits; the oldest goes first,
by the order in which it came. Originals and strangers' versions never go: each kind is counted by itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

DAY, HOUR = 86_400.0, 3_600.0
SHARE = 4
"""The trash may hold one such part of the whole data space, whatever its limit."""
_SPARE, _SMALL = 10, 1000
"""What is smaller than one such part of the limit may go over it by one such part: no small file waits for long."""


@dataclass(frozen=True)
class Version:
    """What lies in the trash: when it `came`, in lived seconds."""

    name: bytes
    size: int
    came: float


@dataclass(frozen=True)
class Budget:
    """What the project's own versions may take: `used` of the `limit`, `old` of it may go."""

    limit: int
    used: int
    old: int

    def takes(self, size: int) -> bool:
        """Whether so much more has room, with all gone that is old enough."""
        spare = self.limit // _SPARE if size <= self.limit // _SMALL else 0
        return size <= 0 or self.used - self.old + size <= self.limit + spare

    def with_more(self, size: int) -> Budget:
        """The budget that is left when so much more lies there."""
        return Budget(self.limit, self.used + size, self.old)


def limit_for(asked: int, whole: int) -> int:
    """How much the trash may hold in a data space of `whole` bytes (0: nobody knows)."""
    return min(asked, whole // SHARE) if whole > 0 else asked


def is_old(came: float, now: float, minimum: float) -> bool:
    """Whether what came to the trash then may go."""
    return now - came >= minimum


def going(versions: Iterable[Version], now: float, minimum: float) -> Iterator[Version]:
    """Those that may go, of `versions` in the order in which they came."""
    return (version for version in versions if is_old(version.came, now, minimum))


def lived(before: float, since: float, now: float, same_boot: bool) -> float:
    """Lived seconds: time counts from one look to the next within one boot; who was away learns nothing of it."""
    return before + max(0.0, now - since) if same_boot else before
