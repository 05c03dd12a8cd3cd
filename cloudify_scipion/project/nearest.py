"""The known name that somebody may have meant. A wrong guess is worse than none, so only small slips are mended."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from difflib import SequenceMatcher
from os.path import commonprefix

LISTED = 20
"""More names than this are not printed in a message."""
LONGEST = 100
"""A longer word is no slip, and would take long to compare."""


def nearest(word: str, known: Iterable[str]) -> str:
    """`; did you mean 'x'?` if one known name is meant beyond much doubt, else nothing."""
    if len(word) > LONGEST:
        return ""
    names = sorted({str(name) for name in known}, reverse=True)
    found = _of_other_case(word, names) or _of_few_slips(word, names) or _with_part(word, names)
    return f"; did you mean {found!r}?" if found else ""


def nearest_or_all(word: str, known: Collection[str], where: str = "") -> str:
    """As `nearest`, or `; known are a, b`; where they are too many to print, `where` the list is."""
    listed = f"known are {', '.join(map(str, known)) or 'none'}" if len(known) <= LISTED else where
    return nearest(word, known) or (f"; {listed}" if listed else "")


def _of_other_case(word: str, names: list[str]) -> str:
    return next((name for name in names if name.casefold() == word.casefold()), "")


def _of_few_slips(word: str, names: list[str]) -> str:
    """The name with the fewest wrong letters, one in four at most; `scipion-em-` in front of both does not count."""
    slips = {name: _slips(*_without_same_head(word, name)) for name in names}
    best = min(slips, key=lambda name: slips[name], default="")
    return best if best and slips[best] <= 0.25 else ""


def _with_part(word: str, names: list[str]) -> str:
    """The name with that word in it, or with a word that begins so: `Paris` means `Europe/Paris`.

    Of several, the one that the others go on from, if there is one.
    """
    begins = rf"(?<![^\W_]){re.escape(word)}"
    for pattern, least in ((rf"{begins}(?![^\W_])", 2), (begins, 4)):
        found = [name for name in names if len(word) >= least and re.search(pattern, name, re.IGNORECASE)]
        first = min(found, key=len, default="")
        if first and all(name.casefold().startswith(first.casefold()) for name in found):
            return first
    return ""


def _without_same_head(word: str, name: str) -> tuple[str, str]:
    cut = len(re.sub(r"[^\W_]*\Z", "", commonprefix([word, name])))
    return word[cut:], name[cut:]


def _slips(word: str, name: str) -> float:
    """The part of the longer word that has no counterpart in the other."""
    same = sum(block.size for block in SequenceMatcher(None, word, name, autojunk=False).get_matching_blocks())
    longer = max(len(word), len(name))
    return 1 - same / longer if longer else 0.0
