"""Room on the volume that is kept for the agent: a file that is given up when the user has filled the disk.

The index must be able to grow at the very moment when most is at risk, and so must copies of databases.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

NAME = "ballast"
BYTES = 16 << 20
LEAST = 1 << 20
"""Less is not worth it: then the volume is full already, or tiny."""
SCARCE = 8 << 20
"""With less free than this a work would end by a full disk."""


def give_up(folder: Path) -> None:
    """Before the index is opened: where next to nothing is free, what was reserved is."""
    with contextlib.suppress(OSError):
        if _free(folder) < SCARCE:
            (folder / NAME).unlink(missing_ok=True)


def reserve(folder: Path) -> None:
    """When there is plenty: reserve it again, a quarter of what is free at most."""
    path = folder / NAME
    part = path.with_suffix(".part")
    with contextlib.suppress(OSError):
        if path.exists():
            return
        size = min(BYTES, _free(folder) // 4)
        if size < LEAST or _free(folder) < SCARCE + size:
            return
        try:
            with part.open("wb") as stream:
                os.posix_fallocate(stream.fileno(), 0, size)
            part.rename(path)
        finally:
            part.unlink(missing_ok=True)


def _free(folder: Path) -> int:
    facts = os.statvfs(folder)
    return facts.f_bavail * facts.f_frsize
