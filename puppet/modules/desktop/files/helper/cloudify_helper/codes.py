"""Which key codes take letters that the layout lacks, and which of them are given back. Pure.

The VNC server puts a letter that no key has on a code without any, and never takes it away again: when all codes are
taken, every further letter is lost. So those that were not typed for the longest go when room is short. The layout
(keymap.xkb) has the letters of many alphabets on its keys; these codes are for all others.

Programs read the layout when they come to a key, not when it was typed: a code gets its next letter as late as can be.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

SPARE = frozenset({*range(220, 235), *range(239, 256)})
"""The codes that keymap.xkb leaves free."""
QUIET = 0.7  # seconds without a key: no client has one of them left to read
SHORT = (0.6, 0.75)  # of all codes: with less room than that, letters go in a quiet moment, until there is that much
URGENT = (0.25, 0.55)  # the same, at once. Many together: each time all programs read the layout again

@dataclass
class Codes:
    """The codes for letters: which are taken, and when each was typed last (seconds of any clock)."""

    pool: frozenset[int] = SPARE
    _typed: dict[int, float] = field(default_factory=dict)
    _last: float = float("-inf")

    def typed(self, code: int, now: float) -> None:
        """A key went down."""
        self._last = now
        if code in self._typed:
            self._typed[code] = now

    def taken(self, codes: Sequence[int], now: float) -> None:
        """These have letters now. The server takes the highest free code first."""
        known = {code: self._typed.get(code, now) for code in sorted(codes, reverse=True) if code in self.pool}
        self._typed = known

    def give_back(self, now: float, pressed: frozenset[int] = frozenset()) -> list[int]:
        """The codes to free now; most of the time none. None of `pressed` is among them."""
        room = len(self.pool) - len(self._typed)
        quiet = now - self._last >= QUIET
        least, wanted = (share * len(self.pool) for share in (SHORT if quiet else URGENT))
        if room >= least:
            return []
        oldest = [code for code in sorted(self._typed, key=lambda code: self._typed[code]) if code not in pressed]
        return oldest[: round(wanted) - room]

    def wait(self) -> float | None:
        """After how many seconds without news `give_back` may answer otherwise; None: never."""
        return QUIET if len(self.pool) - len(self._typed) < len(self.pool) * SHORT[0] else None
