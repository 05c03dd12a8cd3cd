"""Programs that write to a database: processes of their own, which commit or die when they are told to."""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
from collections.abc import Sequence
from pathlib import Path

MODES = ("delete", "persist", "truncate", "wal")
LARGE = "." * 5000
"""Rows of this size do not fit the smallest cache: SQLite writes them to the file before they are committed."""


class Writer:
    """One that has a transaction open, if it `began`: else somebody else has, or it is no database."""

    def __init__(self, path: Path, mode: str, rows: Sequence[str], spill: bool) -> None:
        self.path, self._committed = path, False
        orders, self._orders = os.pipe()
        self._reports, reports = os.pipe()
        self._pid = os.fork()
        if not self._pid:
            _live(path, mode, [row + LARGE if spill else row for row in rows], orders, reports)
        os.close(orders)
        os.close(reports)
        self.began = os.read(self._reports, 1) == b"+"
        if not self.began:
            self.die()

    def commit(self, close: bool) -> None:
        """Close it, too; or keep it open, so that a write-ahead log stays: one that did so waits to be closed."""
        if self._committed and not close:
            return
        self._committed = True
        os.write(self._orders, b"c" if close else b"k")
        os.read(self._reports, 1)
        if close:
            self._gone()

    def die(self) -> None:
        """What it has begun lies beside the database."""
        os.kill(self._pid, signal.SIGKILL)
        self._gone()

    def _gone(self) -> None:
        os.waitpid(self._pid, 0)
        os.close(self._orders)
        os.close(self._reports)


def _live(path: Path, mode: str, rows: Sequence[str], orders: int, reports: int) -> None:
    """The process, which comes back never."""
    try:
        with contextlib.closing(sqlite3.connect(path, timeout=0, isolation_level=None)) as database:
            database.execute("PRAGMA cache_size=1")
            begin(database, mode, rows)
            os.write(reports, b"+")
            order = os.read(orders, 1)
            database.execute("COMMIT")
            if order == b"k":
                os.write(reports, b"+")
                os.read(orders, 1)
    except sqlite3.Error:
        pass
    finally:
        os._exit(0)


def begin(database: sqlite3.Connection, mode: str, rows: Sequence[str]) -> None:
    """Begin a transaction with more rows. Raises sqlite3.Error."""
    database.execute(f"PRAGMA journal_mode={mode}")
    database.execute("BEGIN IMMEDIATE")
    database.execute("CREATE TABLE IF NOT EXISTS rows (text)")
    database.executemany("INSERT INTO rows VALUES (?)", [(row,) for row in rows])
