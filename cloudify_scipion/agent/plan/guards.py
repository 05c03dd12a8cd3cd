"""What looks like an accident rather than like somebody's wish; then deletions wait for an answer."""

from __future__ import annotations

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
