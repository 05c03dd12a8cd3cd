"""Which paths of a data space are pulled: patterns with `*`, `?` and `**`, as in the project file."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

_WAY, _ALL, _RUN, _ONE = "**/", "**", "*", "?"
_MANY = (_WAY, _ALL, _RUN)
"""What may stand for nothing."""


def selected(path: bytes, include: Sequence[str], exclude: Sequence[str]) -> bool:
    """Whether a file is pulled: it fits any of `include` (empty: everything), and none of `exclude`."""
    text = os.fsdecode(path)
    wanted = not include or any(fits(pattern, text) for pattern in include)
    return wanted and not any(fits(pattern, text) for pattern in exclude)


def fits(pattern: str, text: str) -> bool:
    """Whether a path fits: `**` spans folders, `*` and `?` do not; a folder means all in it.

    An accented letter is the same however it is written in bytes (NFC, NFD).

    All ways through the pattern are followed at once, as bits of a number. So the time is in proportion to both
    lengths, whatever the pattern says: project files come from strangers.
    """
    machine = _machine(_composed(pattern))
    text = _composed(text)
    places = machine.closed(1)
    for character in text:
        if character == "/" and places & machine.end:
            return True  # what fits so far is a folder above
        places = machine.after(places, character)
        if not places:
            return False
    return bool(places & machine.end)


def _composed(text: str) -> str:
    return text if text.isascii() else unicodedata.normalize("NFC", text)


@dataclass(frozen=True)
class _Machine:
    """What is at the places of a pattern, a bit for each. `eats` (by character) and `ones` (any but a /) lead to the
    next; `stays` keep any character, `runs` any but a /. A `**/` has two places: `ways` may be passed over with the
    next, and that stays, or leads on by a / (`outs`). `skips` may be passed over. `end` is behind the last."""

    eats: dict[str, int]
    ones: int
    stays: int
    runs: int
    ways: int
    outs: int
    skips: int
    end: int

    def closed(self, places: int) -> int:
        """With all places to which no character is needed; never many in a row, see `_tokens`."""
        while (more := places | (places & self.skips) << 1 | (places & self.ways) << 2) != places:
            places = more
        return places

    def after(self, places: int, character: str) -> int:
        """Where one may be after a character."""
        slash = character == "/"
        onward = self.eats.get(character, 0) | (self.outs if slash else self.ones)
        kept = self.stays if slash else self.stays | self.runs
        return self.closed((places & onward) << 1 | places & kept)


@lru_cache(maxsize=256)
def _machine(pattern: str) -> _Machine:
    eats: dict[str, int] = {}
    ones = stays = runs = ways = outs = skips = 0
    bit = 1
    for token in _tokens(pattern):
        if token == _WAY:
            ways, skips, bit = ways | bit, skips | bit, bit << 1
            stays, outs = stays | bit, outs | bit
        elif token == _ALL:
            stays, skips = stays | bit, skips | bit
        elif token == _RUN:
            runs, skips = runs | bit, skips | bit
        elif token == _ONE:
            ones |= bit
        else:
            eats[token[1:]] = eats.get(token[1:], 0) | bit
        bit <<= 1
    return _Machine(eats, ones, stays, runs, ways, outs, skips, bit)


def _tokens(pattern: str) -> list[str]:
    """The parts of a pattern, without those that change nothing beside another; a plain character has a = before it."""
    found: list[str] = []
    for token in _split(pattern.strip("/")):
        if token == _ALL:
            while found and found[-1] in _MANY:
                found.pop()
        if token in _MANY and found and found[-1] in (token, _ALL):
            continue
        found.append(token)
    return found


def _split(text: str) -> Iterator[str]:
    at = 0
    while at < len(text):
        token = next((token for token in (_WAY, _ALL, _RUN, _ONE) if text.startswith(token, at)), "=" + text[at])
        yield token
        at += len(token) if token[0] != "=" else 1
