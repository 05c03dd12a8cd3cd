"""Which names a data space can hold, and which it cannot tell apart. Names are bytes."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from cloudify_scipion.agent.plan.names import MAX_NAME, is_text

ENDS = b" ."
"""What Windows' file systems take away from the end of a name."""
DEVICES = (b"con", b"prn", b"aux", b"nul")
CONTROLS = "".join(map(chr, (*range(1, 32), 127)))
MARKS = ':?*"<>|\\'
"""What Windows' file systems refuse."""
OTHERS = "!#$%&'()+,;=@[]^`{}~"
_LENGTHS = (MAX_NAME, 200, 143, 100)
_ALL_MARKS, _ALL_OTHERS, _LONGEST = b"ms" + MARKS.encode() + b"x", b"os" + OTHERS.encode() + b"x", b"l" * MAX_NAME
_CONTROL, _NO_TEXT, _COMPOSED, _DECOMPOSED = b"c\x01x\n", b"t\xff", "a\u00e9".encode(), "be\u0301".encode()
_ENDS = {chr(end): b"e%d" % end + bytes([end]) for end in ENDS}
_SINGLE = {mark: b"m%d" % ord(mark) + mark.encode() + b"x" for mark in MARKS + OTHERS}
SPELLED = (_COMPOSED, _DECOMPOSED, b"low")
"""Those of which others may be spellings."""
FIRST = (_ALL_MARKS, _ALL_OTHERS, _LONGEST, _CONTROL, _NO_TEXT, _COMPOSED, _DECOMPOSED, b"UP", b"low", b"nul",
         *_ENDS.values())  # fmt: skip
"""Names to be tried in an empty folder. None of them is another one, folded."""


def folded(name: bytes) -> bytes:
    """One spelling for all names that some file system takes for one: in case, in Unicode's forms, in blanks and dots
    at the end. Of two names that have one here, many data spaces hold both."""
    if name.isascii():
        return name.lower().rstrip(ENDS) or name
    text = unicodedata.normalize("NFD", os.fsdecode(name)).casefold()
    return os.fsencode(unicodedata.normalize("NFD", text)).rstrip(ENDS) or name


def likenesses(path: bytes) -> list[bytes]:
    """Paths whose last name a file system might take for that of `path`."""
    above, slash, name = path.rpartition(b"/")
    text = os.fsdecode(name)
    like = {os.fsencode(unicodedata.normalize(form, text)) for form in ("NFC", "NFD")}
    like |= {os.fsencode(text.swapcase()), name.rstrip(ENDS)}
    return [above + slash + other for other in sorted(like - {name, b""})]


@dataclass(frozen=True)
class Names:
    """The names that come back as they were given. `longest` is in bytes; `refused` are single characters.

    `ends`: those that may not end a name; `text`: only valid UTF-8; `nfc`, `nfd`: Unicode's composed and decomposed
    forms; `upper`, `lower`: letters of either case; `devices`: names such as `NUL`; `folds`: some names are one.
    """

    longest: int = MAX_NAME
    refused: str = ""
    ends: str = ""
    text: bool = False
    nfc: bool = True
    nfd: bool = True
    upper: bool = True
    lower: bool = True
    devices: bool = True
    folds: bool = False

    def hold(self, path: bytes) -> bool:
        """Whether every part of a path can be a name."""
        return self in _EVERY or all(map(self._holds, path.split(b"/")))

    def _holds(self, name: bytes) -> bool:
        if len(name) > self.longest or (name and self.ends and chr(name[-1]) in self.ends):
            return False
        if not self.devices and name.lower().split(b".")[0] in DEVICES:
            return False
        if not (self.upper and self.lower) and not self._cased(name):
            return False
        if self.refused and any(character in self.refused for character in os.fsdecode(name)):
            return False
        return name.isascii() or ((not self.text or is_text(name)) and self._formed(name))

    def _cased(self, name: bytes) -> bool:
        text = os.fsdecode(name)
        return (self.upper or text == text.lower()) and (self.lower or text == text.upper())

    def _formed(self, name: bytes) -> bool:
        text = os.fsdecode(name)
        composed, decomposed = (unicodedata.normalize(form, text) for form in ("NFC", "NFD"))
        return composed == decomposed or ((self.nfc or text != composed) and (self.nfd or text != decomposed))


_EVERY = (Names(), Names(folds=True))


def further(there: Collection[bytes]) -> list[bytes]:
    """What to try as well if of `FIRST` only these come back as they were given."""
    marks = [_SINGLE[mark] for name, many in ((_ALL_MARKS, MARKS), (_ALL_OTHERS, OTHERS)) for mark in many
             if name not in there]  # fmt: skip
    return marks + ([b"l" * length for length in _LENGTHS[1:]] if _LONGEST not in there else [])


def come_back(made: Sequence[bytes], listed: Collection[bytes]) -> set[bytes]:
    """Which of the names that could be made are shown as they were given.

    A listing that lacks some may be late: then only what is shown under another name is known not to come back.
    """
    others = set(map(folded, set(listed) - set(made)))
    whole = len(listed) >= len(made)
    return {name for name in made if name in listed or (not whole and folded(name) not in others)}


def found_out(there: Collection[bytes], folds: bool) -> Names:
    """What a data space's names are, by those of `FIRST` and `further` that come back as they were given."""
    marks = (MARKS if _ALL_MARKS not in there else "") + (OTHERS if _ALL_OTHERS not in there else "")
    return Names(
        longest=next((length for length in _LENGTHS if b"l" * length in there), _LENGTHS[-1]),
        refused="".join(mark for mark in marks if _SINGLE[mark] not in there) + (CONTROLS * (_CONTROL not in there)),
        ends="".join(end for end, name in _ENDS.items() if name not in there),
        text=_NO_TEXT not in there,
        nfc=_COMPOSED in there,
        nfd=_DECOMPOSED in there,
        upper=b"UP" in there,
        lower=b"low" in there,
        devices=b"nul" in there,
        folds=folds,
    )
