"""What a scan of the data space found there."""

from __future__ import annotations

from collections.abc import Iterable

from cloudify_scipion.agent.plan.names import BESIDE
from cloudify_scipion.agent.ports.tables.store import Table


class Listing(Table):
    """The folders that were listed so far, with what they hold."""

    def keep(self, folder: bytes, entries: Iterable[tuple[bytes, str, int, int, int, int]]) -> None:
        """Keep what a folder of the data space holds: (path, kind, mode, size, mtime, ctime)."""
        self._store.begin()
        self._db.executemany("INSERT OR REPLACE INTO listing VALUES (?,?,?,?,?,?)", entries)
        self._db.execute("INSERT OR REPLACE INTO listed VALUES (?)", (folder,))

    def vanished(self, folder: bytes) -> None:
        """A folder was gone by the time that it was to be listed."""
        self._store.begin()
        self._db.execute("DELETE FROM listing WHERE path=?", (folder,))

    def is_listed(self, folder: bytes) -> bool:
        """Whether this scan has listed a folder already."""
        return self._db.execute("SELECT 1 FROM listed WHERE path=?", (folder,)).fetchone() is not None

    def folders(self, folder: bytes) -> list[bytes]:
        """The folders in a listed folder."""
        low, high = (folder + b"/", folder + b"0") if folder else (b"", b"\xff" * 8)
        query = "SELECT path FROM listing WHERE kind='d' AND path>=? AND path<? ORDER BY path"
        depth = folder.count(b"/") + 1 if folder else 0
        return [row[0] for row in self._db.execute(query, (low, high)) if row[0].count(b"/") == depth]

    def some(self, after: bytes, limit: int) -> list[tuple[bytes, str, int, int, int, int]]:
        """Some of what was listed, by path."""
        query = "SELECT path, kind, mode, size, mtime, ctime FROM listing WHERE path>? ORDER BY path LIMIT ?"
        return self._db.execute(query, (after, limit)).fetchall()

    def beside(self, first: bytes, last: bytes) -> list[tuple[bytes, str, int, int, int, int]]:
        """What lies, by its name, beside the files from one path to another as SQLite's files lie beside a database."""
        names = " OR ".join(f"substr(path, -{len(end)}) = x'{end.hex()}'" for end in BESIDE)
        query = f"SELECT path, kind, mode, size, mtime, ctime FROM listing WHERE path BETWEEN ? AND ? AND ({names})"
        return self._db.execute(query, (first, last + max(BESIDE))).fetchall()

    def has(self, path: bytes, kind: str) -> bool:
        """Whether the data space was seen to hold something of that kind at a path."""
        query = "SELECT 1 FROM listing WHERE path=? AND kind=?"
        return self._db.execute(query, (path, kind)).fetchone() is not None

    def forget(self) -> None:
        """The scan is over."""
        self._store.begin()
        self._db.execute("DELETE FROM listing")
        self._db.execute("DELETE FROM listed")
