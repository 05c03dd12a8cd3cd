"""What the last scan of the working copy found new or changed: forgotten with the process."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from cloudify_scipion.agent.ports.tables.files import Files
from cloudify_scipion.agent.ports.tables.gone import Gone
from cloudify_scipion.agent.ports.tables.store import Store, Table

_ALL = 2**63 - 1


class Changes(Table):
    """Files and links that are to be saved."""

    def __init__(self, store: Store, files: Files, gone: Gone) -> None:
        super().__init__(store)
        self._files, self._gone = files, gone

    def forget(self) -> None:
        """Start a scan anew."""
        self._store.begin()
        for table in ("todo", "gone", "covered"):
            self._db.execute(f"DELETE FROM {table}")
        self._db.execute("DELETE FROM groups")

    def found(self, path: bytes, kind: str, ino: int, size: int, mtime: int) -> None:
        """A file or link is new, or not as it was."""
        self._store.begin()
        self._db.execute(
            "INSERT INTO todo(path, kind, ino, size, mtime) VALUES (?,?,?,?,?)", (path, kind, ino, size, mtime)
        )

    def found_groups(self, paths: Iterable[bytes]) -> None:
        """Databases beside which SQLite keeps something, or kept something that was saved."""
        self._store.begin()
        self._db.executemany("INSERT OR IGNORE INTO groups VALUES (?)", ((path,) for path in paths))

    def groups(self, paths: Sequence[bytes]) -> set[bytes]:
        """Which of these paths those are."""
        query = "SELECT path FROM groups WHERE path BETWEEN ? AND ?"
        found = self._db.execute(query, (min(paths, default=b""), max(paths, default=b""))).fetchall()
        return {row[0] for row in found} & set(paths)

    def some(self, after: int, limit: int, below: int = _ALL) -> list[tuple[int, bytes, str, int]]:
        """Some of what is new or changed and smaller than `below`: (number, path, kind, size), those after a number."""
        query = "SELECT number, path, kind, size FROM todo WHERE number>? AND size<? ORDER BY number LIMIT ?"
        return self._db.execute(query, (after, below, limit)).fetchall()

    def large(self, after: tuple[int, int], limit: int) -> list[tuple[int, bytes, str, int]]:
        """Some of what is new or changed (number, path, kind, size), smallest first: those after a (size, number)."""
        query = "SELECT number, path, kind, size FROM todo WHERE (size, number)>(?, ?) ORDER BY size, number LIMIT ?"
        return self._db.execute(query, (*after, limit)).fetchall()

    def totals(self) -> tuple[int, int]:
        """How many files are new or changed, and their bytes."""
        count, size = self._db.execute("SELECT count(*), total(size) FROM todo").fetchone()
        return int(count), int(size)

    def hold_only_changed(self, question: str) -> None:
        """What is not changed any more does not wait."""
        self._store.begin()
        query = "DELETE FROM asked WHERE question=? AND path NOT IN (SELECT path FROM todo)"
        self._db.execute(query, (question,))

    def moved(self) -> list[tuple[bytes, bytes]]:
        """New names of files that are gone elsewhere: (old path, new path)."""
        if self._gone.totals()[0] == 0:
            return []
        found, taken = [], set()
        rows = self._db.execute(
            "SELECT path, ino, size, mtime FROM todo WHERE kind='f' AND path NOT IN (SELECT path FROM groups)"
        )
        for path, ino, size, mtime in rows:
            for old, row in self._files.by_ino(ino):
                same = (row.kind, row.size, row.mtime) == ("f", size, mtime) and row.held() and not row.racy
                if same and old not in taken and self._gone.has(old) and self._files.get(path) is None:
                    taken.add(old)
                    found.append((old, path))
                    break
        return found
