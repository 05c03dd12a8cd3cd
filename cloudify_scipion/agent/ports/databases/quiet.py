"""Whether a file stays as it is: what is looked at before and after it is copied."""

from __future__ import annotations

import os
import time

_TICK_SECONDS = 0.02
"""The kernel's clock of file times goes on every 1 to 10 ms: a file may change twice within."""
Look = tuple[int, int, int, int, bytes]
NOTHING: Look = (-1, 0, 0, 0, b"")


def look(fd: int, settle: bool = False) -> Look:
    """An open file's facts, and its first bytes, where SQLite counts the changes.

    `settle`: wait until any later change must give it another time.
    """
    if settle and abs(time.time() - os.fstat(fd).st_mtime) < _TICK_SECONDS:
        time.sleep(_TICK_SECONDS)
    facts = os.fstat(fd)
    return facts.st_ino, facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns, os.pread(fd, 100, 0)
