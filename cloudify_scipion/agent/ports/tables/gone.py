"""What the last scan of the working copy did not find any more, and what becomes of it: forgotten with the process."""

from __future__ import annotations

from collections.abc import Sequence

from cloudify_scipion.agent.plan.names import whole_way
from cloudify_scipion.agent.ports.tables.people import People
from cloudify_scipion.agent.ports.tables.rows import Row
from cloudify_scipion.agent.ports.tables.store import Store, Table

OPEN, TIDY, AGREED, HELD = FATES = range(4)
"""What becomes of a file that is gone: not decided, tidied away by Scipion, agreed to by a person, or kept for now."""


class Gone(Table):
    """Known files and links that are not there any more."""

    def __init__(self, store: Store, people: People) -> None:
        super().__init__(store)
        self._people = people

    def found(self, path: bytes, row: Row, covered: bool = False) -> None:
        """A known file or link is not there; `covered`: a folder is in its place."""
        self._store.begin()
        if covered:
            self._db.execute("INSERT OR IGNORE INTO covered VALUES (?)", (path,))
        size = row.size if row.held() else 0
        self._db.execute("INSERT OR REPLACE INTO gone VALUES (?, ?, ?, ?)", (path, size, row.origin, OPEN))

    def paths(
        self, fates: Sequence[int] = FATES, after: bytes = b"", limit: int = -1, covered: bool | None = None
    ) -> list[bytes]:
        """What is not there any more and has one of these fates; those after a path.

        `covered`: only that in whose place a folder is, or only the rest.
        """
        which = "" if covered is None else f"AND path {'' if covered else 'NOT '}IN (SELECT path FROM covered)"
        query = f"SELECT path FROM gone WHERE path>? AND {_one_of(fates)} {which} ORDER BY path LIMIT ?"
        return [row[0] for row in self._db.execute(query, (after, limit))]

    def totals(self, fates: Sequence[int] = FATES) -> tuple[int, int]:
        """How many files those are, and the bytes that they had."""
        query = f"SELECT count(*), total(size) FROM gone WHERE {_one_of(fates)}"
        count, size = self._db.execute(query).fetchone()
        return int(count), int(size)

    def bytes_of_ours(self, fate: int) -> int:
        """The bytes of those that the project wrote."""
        query = "SELECT coalesce(sum(size), 0) FROM gone WHERE fate=? AND origin>0"
        return int(self._db.execute(query, (fate,)).fetchone()[0])

    def set_fate(self, path: bytes, fate: int) -> None:
        """Decide what becomes of one."""
        self._db.execute("UPDATE gone SET fate=? WHERE path=?", (fate, path))

    def forget(self, path: bytes) -> None:
        """It is there again, or deleted."""
        self._db.execute("DELETE FROM gone WHERE path=?", (path,))
        self._db.execute("DELETE FROM covered WHERE path=?", (path,))

    def covered_total(self) -> int:
        """How many files are gone and still to be deleted in whose places folders are."""
        return int(self._db.execute("SELECT count(*) FROM covered").fetchone()[0])

    def is_covered(self, path: bytes) -> bool:
        """Whether that is one of them."""
        return self._db.execute("SELECT 1 FROM covered WHERE path=?", (path,)).fetchone() is not None

    def covers(self, path: bytes) -> bool:
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

    def as_asked(self, question: str, upto: int) -> list[bytes]:
        """What is not there any more and was asked about so."""
        asked = "SELECT path FROM asked WHERE question=? AND number<=?"
        query = f"SELECT path FROM gone WHERE path IN ({asked}) ORDER BY path"
        return [row[0] for row in self._db.execute(query, (question, upto))]

    def hold(self, question: str) -> None:
        """Let exactly what is held wait for the answer to a question."""
        held = self._db.execute("SELECT path, size FROM gone WHERE fate=?", (HELD,))
        self._people.hold_all(question, held.fetchall())
        query = "DELETE FROM asked WHERE question=? AND path NOT IN (SELECT path FROM gone WHERE fate=?)"
        self._db.execute(query, (question, HELD))

    def has(self, path: bytes) -> bool:
        """Whether it was known and is not there any more."""
        return self._db.execute("SELECT 1 FROM gone WHERE path=?", (path,)).fetchone() is not None

    def settled_move(self, old: bytes) -> None:
        """A file has moved in the data space, too: it is not gone. Its content is still to be looked at."""
        self._store.begin()
        self._db.execute("DELETE FROM gone WHERE path=?", (old,))


def _one_of(fates: Sequence[int]) -> str:
    return f"fate IN ({', '.join(map(str, fates))})"
