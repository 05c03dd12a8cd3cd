"""What looks like an accident rather than like somebody's wish; then deletions wait for an answer.

What Scipion tidies away is none: a run lies in `Runs/NNNNNN_Class`, its scratch files in `tmp` in that.
"""

from __future__ import annotations

import re

_RUN = re.compile(rb"(?:(?:.*/)?)Runs/\d{6}_\w+(?=/)")
MASS_FILES = 20
"""Fewer deleted files than this are nobody's accident."""
MASS_SHARE = 0.3
"""Share of all files or bytes; a Scipion protocol that is deleted has rarely more."""


def mass_deletion(gone: int, gone_bytes: int, files: int, size: int) -> bool:
    """Whether so many of `files` files (`size` bytes) being gone at once is held; all of a small project, too."""
    if gone == 0:
        return False
    if gone == files:
        return True
    return gone >= MASS_FILES and (gone > MASS_SHARE * files or gone_bytes > MASS_SHARE * size > 0)


def run_of(path: bytes) -> bytes:
    """The folder of the run that a path belongs to; empty if it is in none."""
    found = _RUN.match(path)
    return found[0] if found else b""


def is_scratch(path: bytes) -> bool:
    """Whether Scipion tidies a file away by itself, when a step has ended."""
    run = run_of(path)
    return bool(run) and path[len(run) :].startswith(b"/tmp/")
