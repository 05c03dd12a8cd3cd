"""What Scipion's layout of a project tells: a run lies in `Runs/NNNNNN_Class`, its scratch files in `tmp` in that."""

from __future__ import annotations

import re

_RUN = re.compile(rb"(?:(?:.*/)?)Runs/\d{6}_\w+(?=/)")


def run_of(path: bytes) -> bytes:
    """The folder of the run that a path belongs to; empty if it is in none."""
    found = _RUN.match(path)
    return found[0] if found else b""


def is_scratch(path: bytes) -> bool:
    """Whether Scipion tidies a file away by itself, when a step has ended."""
    run = run_of(path)
    return bool(run) and path[len(run) :].startswith(b"/tmp/")
