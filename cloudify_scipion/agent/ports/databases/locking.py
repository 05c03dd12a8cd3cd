"""A database that is opened for reading, and SQLite's lock on it: held for moments, so that nobody has to wait long.

SQLite opens paths by itself and follows links. So it is handed the way through an open folder, and before anything is
read of what it opened, that must be the very file that we opened without following any link. To close any descriptor
of a file gives up all locks that the process has on it: so all this is done in a process of its own, one database
after the other.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from collections.abc import Iterator
from fcntl import F_GETFL, fcntl
from typing import Self
from urllib.parse import quote

_LOOK_SECONDS = 0.01
_UNREADABLE = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR)
_RECOVER = (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN)
"""What SQLite says where it would first have to roll back or replay what a dead writer has left."""


class Locked(Exception):
    """Somebody else has locked it, or it changes all the time."""


class Unreadable(Exception):
    """SQLite cannot read it."""


class LeftBehind(Exception):
    """A writer died, and what it left beside it counts."""


class Database:
    """The connection."""

    def __init__(self, folder: int, name: str, fd: int) -> None:
        self.fd = fd
        self._uri = f"file:/proc/self/fd/{folder}/{quote(os.fsencode(name))}?mode=ro&readonly_shm=1"

    def __enter__(self) -> Self:
        with _told_apart():
            self._connection = sqlite3.connect(self._uri, uri=True, timeout=0, isolation_level=None)
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    @property
    def connection(self) -> sqlite3.Connection:
        """For SQLite's own backup."""
        return self._connection

    def has_wal(self) -> bool:
        """Whether readers see what they see from a write-ahead log on, and hinder no writer."""
        with _told_apart():
            return bool(self._connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal")

    def lock(self, seconds: float) -> None:
        """Nobody changes the file, or what we see of it, until `unlock`; others' lock is waited for so long.

        Raises Locked, Unreadable, LeftBehind.
        """
        since = time.monotonic()
        while True:
            try:
                self._begin()
                break
            except Locked:
                if time.monotonic() - since >= seconds:
                    raise
                time.sleep(_LOOK_SECONDS)
        _must_be_same(self.fd)

    def _begin(self) -> None:
        try:
            with _told_apart():
                self._connection.execute("BEGIN")
                self._connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        except BaseException:
            self.unlock()
            raise

    def unlock(self) -> None:
        """Let others write."""
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")


@contextlib.contextmanager
def _told_apart() -> Iterator[None]:
    """SQLite's errors by what they mean for us."""
    try:
        yield
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
        if code == sqlite3.SQLITE_FULL:
            raise
        if code in _UNREADABLE:
            raise Unreadable(str(error)) from error
        raise (LeftBehind if code in _RECOVER else Locked)(str(error)) from error


def _must_be_same(fd: int) -> None:
    """What SQLite has opened, which is without O_NONBLOCK, unlike all that we open in a tree."""
    wanted = os.fstat(fd)
    for name in os.listdir("/proc/self/fd"):  # noqa: PTH208 - names are numbers
        with contextlib.suppress(OSError):
            if os.path.samestat(os.fstat(int(name)), wanted) and not fcntl(int(name), F_GETFL) & os.O_NONBLOCK:
                return
    raise Locked("another file was put in its place")
