"""What a scan of the working copy found: forgotten with the process."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from cloudify_scipion.agent.plan.names import whole_way
from cloudify_scipion.agent.ports.tables.files import Files
from cloudify_scipion.agent.ports.tables.people import People
from cloudify_scipion.agent.ports.tables.rows import Row

OPEN, TIDY, AGREED, HELD = FATES = range(4)
"""What becomes of a file that is gone: not decided, tidied away by Scipion, agreed to by a person, or kept for now."""

_ALL = 2**63 - 1


class Changes(Files, People):
    """What is new or changed, and what is gone."""

    def forget_changes(self) -> None:
        """Start a scan anew."""
        self.begin()
        self._db.execute("DELETE FROM todo")
        self._db.execute("DELETE FROM gone")
        self._db.execute("DELETE FROM covered")
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

    def found_gone(self, path: bytes, row: Row, covered: bool = False) -> None:
        """A known file or link is not there; `covered`: a folder is in its place."""
        self.begin()
        if covered:
            self._db.execute("INSERT OR IGNORE INTO covered VALUES (?)", (path,))
        size = row.size if row.held() else 0
        self._db.execute("INSERT OR REPLACE INTO gone VALUES (?, ?, ?, ?)", (path, size, row.origin, OPEN))

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

    def gone(
        self, fates: Sequence[int] = FATES, after: bytes = b"", limit: int = -1, covered: bool | None = None
    ) -> list[bytes]:
        """What is not there any more and has one of these fates; those after a path.

        `covered`: only that in whose place a folder is, or only the rest.
        """
        which = "" if covered is None else f"AND path {'' if covered else 'NOT '}IN (SELECT path FROM covered)"
        query = f"SELECT path FROM gone WHERE path>? AND {_one_of(fates)} {which} ORDER BY path LIMIT ?"
        return [row[0] for row in self._db.execute(query, (after, limit))]

    def gone_totals(self, fates: Sequence[int] = FATES) -> tuple[int, int]:
        """How many files those are, and the bytes that they had."""
        query = f"SELECT count(*), total(size) FROM gone WHERE {_one_of(fates)}"
        count, size = self._db.execute(query).fetchone()
        return int(count), int(size)

    def gone_bytes_of_ours(self, fate: int) -> int:
        """The bytes of those that the project wrote."""
        query = "SELECT coalesce(sum(size), 0) FROM gone WHERE fate=? AND origin>0"
        return int(self._db.execute(query, (fate,)).fetchone()[0])

    def set_fate(self, path: bytes, fate: int) -> None:
        """Decide what becomes of one."""
        self._db.execute("UPDATE gone SET fate=? WHERE path=?", (fate, path))

    def forget_gone(self, path: bytes) -> None:
        """It is there again, or deleted."""
        self._db.execute("DELETE FROM gone WHERE path=?", (path,))
        self._db.execute("DELETE FROM covered WHERE path=?", (path,))

    def covered_total(self) -> int:
        """How many files are gone and still to be deleted in whose places folders are."""
        return int(self._db.execute("SELECT count(*) FROM covered").fetchone()[0])

    def is_covered(self, path: bytes) -> bool:
        """Whether that is one of them."""
        return self._db.execute("SELECT 1 FROM covered WHERE path=?", (path,)).fetchone() is not None

    def is_under_gone(self, path: bytes) -> bool:
        """Whether a path lies in such a folder, or is one."""
        return any(map(self.is_covered, whole_way(path)))

    def agree_covered(self) -> None:
        """All of those may go, whatever the limits."""
        self._db.execute("UPDATE gone SET fate=? WHERE path IN (SELECT path FROM covered)", (AGREED,))

    def set_fates(self, old: int, new: int) -> None:
        """Decide what becomes of all that had that fate."""
        self._db.execute("UPDATE gone SET fate=? WHERE fate=?", (new, old))

    def agree(self, question: str, upto: int) -> None:
        """A person has agreed that what was asked about under a number, or before, is deleted."""
        query = "UPDATE gone SET fate=? WHERE path IN (SELECT path FROM asked WHERE question=? AND number<=?)"
        self._db.execute(query, (AGREED, question, upto))

    def gone_as_asked(self, question: str, upto: int) -> list[bytes]:
        """What is not there any more and was asked about so."""
        asked = "SELECT path FROM asked WHERE question=? AND number<=?"
        query = f"SELECT path FROM gone WHERE path IN ({asked}) ORDER BY path"
        return [row[0] for row in self._db.execute(query, (question, upto))]

    def hold_gone(self, question: str) -> None:
        """Let exactly what is held wait for the answer to a question."""
        held = self._db.execute("SELECT path, size FROM gone WHERE fate=?", (HELD,))
        self.hold_all(question, held.fetchall())
        query = "DELETE FROM asked WHERE question=? AND path NOT IN (SELECT path FROM gone WHERE fate=?)"
        self._db.execute(query, (question, HELD))

    def hold_only_changed(self, question: str) -> None:
        """What is not changed any more does not wait."""
        self.begin()
        query = "DELETE FROM asked WHERE question=? AND path NOT IN (SELECT path FROM todo)"
        self._db.execute(query, (question,))

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
                if same and old not in taken and self.is_gone(old) and self.get(path) is None:
                    taken.add(old)
                    found.append((old, path))
                    break
        return found

    def is_gone(self, path: bytes) -> bool:
        """Whether it was known and is not there any more."""
        return self._db.execute("SELECT 1 FROM gone WHERE path=?", (path,)).fetchone() is not None

    def settled_move(self, old: bytes) -> None:
        """A file has moved in the data space, too: it is not gone. Its content is still to be looked at."""
        self.begin()
        self._db.execute("DELETE FROM gone WHERE path=?", (old,))


def _one_of(fates: Sequence[int]) -> str:
    return f"fate IN ({', '.join(map(str, fates))})"
