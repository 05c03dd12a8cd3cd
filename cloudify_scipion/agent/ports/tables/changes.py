"""What a scan of the working copy found: forgotten with the process."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from cloudify_scipion.agent.ports.tables.files import Files

_ALL = 2**63 - 1


class Changes(Files):
    """What is new or changed, and what is gone."""

    def forget_changes(self) -> None:
        """Start a scan anew."""
        self.begin()
        self._db.execute("DELETE FROM todo")
        self._db.execute("DELETE FROM gone")
        self._db.execute("DELETE FROM groups")

    def found_change(self, path: bytes, kind: str, ino: int, size: int, mtime: int) -> None:
        """A file or link is new, or not as it was."""
        self.begin()
        self._db.execute(
            "INSERT INTO todo(path, kind, ino, size, mtime) VALUES (?,?,?,?,?)", (path, kind, ino, size, mtime)
        )

    def found_groups(self, paths: Iterable[bytes]) -> None:
        """Databases beside which SQLite keeps something, or kept something that was saved."""
        self.begin()
        self._db.executemany("INSERT OR IGNORE INTO groups VALUES (?)", ((path,) for path in paths))

    def groups(self, paths: Sequence[bytes]) -> set[bytes]:
        """Which of these paths those are."""
        query = "SELECT path FROM groups WHERE path BETWEEN ? AND ?"
        found = self._db.execute(query, (min(paths, default=b""), max(paths, default=b""))).fetchall()
        return {row[0] for row in found} & set(paths)

    def found_gone(self, path: bytes, size: int) -> None:
        """A known file or link is not there."""
        self.begin()
        self._db.execute("INSERT OR REPLACE INTO gone VALUES (?, ?)", (path, size))

    def changes(self, after: int, limit: int, below: int = _ALL) -> list[tuple[int, bytes, str, int]]:
        """Some of what is new or changed and smaller than `below`: (number, path, kind, size), those after a number."""
        query = "SELECT number, path, kind, size FROM todo WHERE number>? AND size<? ORDER BY number LIMIT ?"
        return self._db.execute(query, (after, below, limit)).fetchall()

    def large_changes(self, after: tuple[int, int], limit: int) -> list[tuple[int, bytes, str, int]]:
        """The same of the others, smallest first: those after a (size, number)."""
        query = "SELECT number, path, kind, size FROM todo WHERE (size, number)>(?, ?) ORDER BY size, number LIMIT ?"
        return self._db.execute(query, (*after, limit)).fetchall()

    def change_totals(self) -> tuple[int, int]:
        """How many files are new or changed, and their bytes."""
        count, size = self._db.execute("SELECT count(*), total(size) FROM todo").fetchone()
        return int(count), int(size)

    def gone(self) -> list[bytes]:
        """What is not there any more."""
        return [row[0] for row in self._db.execute("SELECT path FROM gone ORDER BY path")]

    def gone_totals(self) -> tuple[int, int]:
        """How many files those are, and the bytes that they had."""
        count, size = self._db.execute("SELECT count(*), total(size) FROM gone").fetchone()
        return int(count), int(size)

    def moved_files(self) -> list[tuple[bytes, bytes]]:
        """New names of files that are gone elsewhere: (old path, new path)."""
        if self.gone_totals()[0] == 0:
            return []
        found, taken = [], set()
        rows = self._db.execute(
            "SELECT path, ino, size, mtime FROM todo WHERE kind='f' AND path NOT IN (SELECT path FROM groups)"
        )
        for path, ino, size, mtime in rows:
            for old, row in self.by_ino(ino):
                same = (row.kind, row.size, row.mtime) == ("f", size, mtime) and row.held() and not row.racy
                if same and old not in taken and self._is_gone(old) and self.get(path) is None:
                    taken.add(old)
                    found.append((old, path))
                    break
        return found

    def _is_gone(self, path: bytes) -> bool:
        return self._db.execute("SELECT 1 FROM gone WHERE path=?", (path,)).fetchone() is not None

    def settled_move(self, old: bytes) -> None:
        """A file has moved in the data space, too: it is not gone. Its content is still to be looked at."""
        self.begin()
        self._db.execute("DELETE FROM gone WHERE path=?", (old,))
