"""A restore on trial: the index that a new machine would have, and what was read of the data space to make it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from cloudify_scipion.agent.ports.index import Index

_SCHEMA = """
PRAGMA synchronous=OFF;
PRAGMA journal_mode=TRUNCATE;
CREATE TABLE read(path BLOB PRIMARY KEY, stored BLOB, digest TEXT, mode INTEGER, mtime INTEGER, database INTEGER)
  WITHOUT ROWID;
CREATE TABLE names(ino INTEGER, path BLOB, first BLOB, PRIMARY KEY(ino, path)) WITHOUT ROWID;
"""
_SOME = 500


@dataclass(frozen=True)
class Read:
    """A file of the data space that was read whole: where it lies if not at its path, and what was found."""

    stored: bytes
    digest: str
    mode: int
    mtime: int
    database: int


class Trial(Index):
    """Kept in a file of its own, which nobody needs afterwards."""

    reserves = False

    def __init__(self, path: Path | str) -> None:
        super().__init__(path)
        self.db.executescript(_SCHEMA)

    def note_read(self, found: Iterable[tuple[bytes, Read]]) -> None:
        """Know what was read."""
        self.begin()
        rows = ((path, r.stored, r.digest, r.mode, r.mtime, r.database) for path, r in found)
        self.db.executemany("INSERT OR REPLACE INTO read VALUES (?,?,?,?,?,?)", rows)

    def what_was_read(self, paths: Sequence[bytes]) -> dict[bytes, Read]:
        """Of many paths."""
        found: dict[bytes, Read] = {}
        for i in range(0, len(paths), _SOME):
            some = paths[i : i + _SOME]
            query = f"SELECT * FROM read WHERE path IN ({', '.join('?' * len(some))})"
            found |= {row[0]: Read(*row[1:]) for row in self.db.execute(query, some)}
        return found

    def databases(self) -> Iterator[bytes]:
        """The files that begin as SQLite's do, by path."""
        after = b""
        query = "SELECT path FROM read WHERE database AND path>? ORDER BY path LIMIT ?"
        while rows := self.db.execute(query, (after, _SOME)).fetchall():
            yield from (row[0] for row in rows)
            after = rows[-1][0]

    def note_name(self, ino: int, path: bytes, first: bytes) -> None:
        """A file of the volume has several names; this is one, and would be another name of the `first`, or that."""
        self.begin()
        self.db.execute("INSERT INTO names VALUES (?, ?, ?)", (ino, path, first))

    def parted_names(self) -> Iterator[tuple[bytes, bytes]]:
        """Each of those names that would not be a name of the same file as another one, with that."""
        others = "FROM names AS o WHERE o.ino=names.ino"
        query = (
            f"SELECT path, (SELECT min(o.first) {others}) AS one FROM names WHERE first<>one "
            f"OR NOT EXISTS (SELECT 1 {others} AND o.path=names.first) ORDER BY path"
        )
        yield from self.db.execute(query)
