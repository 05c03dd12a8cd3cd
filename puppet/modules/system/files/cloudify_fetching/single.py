"""A program that fetches one file and says nothing of it, such as curl."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from cloudify_fetching.watch import File

_LENGTH = re.compile(r"^content-length:\s*(\d+)\s*$", re.IGNORECASE | re.MULTILINE)


class One:
    """The reader of such a program; `headers` is where it writes what the mirror answered before the file."""

    def __init__(self, place: str, name: str, part: Path, headers: Path) -> None:
        self._file = File(place, name, part)
        self._headers = headers

    def line(self, line: str) -> str:
        """See the protocol Reader."""
        return line.strip()

    def waiting(self) -> Sequence[File]:
        """See the protocol Reader."""
        file = self._file
        return [File(file.place, file.name, file.part, self._size())]

    def came(self, place: str) -> tuple[int, int]:
        """See the protocol Reader."""
        return (0, 0)

    def gave_up(self) -> None:
        """See the protocol Reader: its exit code says so."""

    def left(self) -> str:
        """See the protocol Reader."""
        return ""

    def _size(self) -> int:
        """Of the last answer: others before it have led there."""
        try:
            found = _LENGTH.findall(self._headers.read_text(errors="replace"))
        except OSError:
            return 0
        return int(found[-1]) if found else 0
