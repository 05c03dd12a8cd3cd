"""What the facts of a file say."""

from __future__ import annotations

import os
import stat

_LATEST = 2**63 - 1


def kind(facts: os.stat_result | None) -> str:
    """f (regular file), l (symbolic link), d (folder), ? for pipes, sockets and devices; empty if nothing is there."""
    if facts is None:
        return ""
    mode = facts.st_mode
    return "f" if stat.S_ISREG(mode) else "d" if stat.S_ISDIR(mode) else "l" if stat.S_ISLNK(mode) else "?"


def mtime_of(facts: os.stat_result) -> int:
    """A file's time in nanoseconds, as far as an index can hold it (the years 1677 to 2262)."""
    mtime = facts.st_mtime_ns
    return mtime if -_LATEST <= mtime <= _LATEST else within(mtime)


def ctime_of(facts: os.stat_result) -> int:
    """The time of a file's last change of any kind, likewise."""
    return within(facts.st_ctime_ns)


def ino_of(facts: os.stat_result) -> int:
    """A file's inode number, as an index can hold it: file systems use all 64 bits, SQLite's numbers have a sign."""
    return facts.st_ino if facts.st_ino <= _LATEST else facts.st_ino - 2 * (_LATEST + 1)


def local_facts(facts: os.stat_result) -> tuple[int, int, int, int, int]:
    """Mode, size, time, time of the inode and inode, as the index has them of a file in the working copy."""
    return facts.st_mode, facts.st_size, mtime_of(facts), ctime_of(facts), ino_of(facts)


def within(nanoseconds: int) -> int:
    """The nearest time that an index can hold."""
    return max(-_LATEST, min(nanoseconds, _LATEST))
