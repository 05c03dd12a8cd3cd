"""Files and symbolic links as both sides last had them in common."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from cloudify_scipion.agent.plan.names import joined, split
from cloudify_scipion.agent.ports.tables.folders import Folders
from cloudify_scipion.agent.ports.tables.journal import Journal
from cloudify_scipion.agent.ports.tables.rows import ABSENT, Row
from cloudify_scipion.agent.ports.tables.store import Store, Table

_FILE = ("kind", "mode", "size", "mtime", "ctime", "ino", "racy", "hash", "local", "target", "link", "stored", "origin",
         "point", "rsize", "rmtime", "rracy", "rctime")  # fmt: skip
_COLUMNS = ", ".join(_FILE)
_PUT = f"INSERT OR REPLACE INTO files(dir, name, {_COLUMNS}) VALUES (?, ?{', ?' * len(_FILE)})"


class Files(Table):
    """The files of every folder."""

    def __init__(self, store: Store, folders: Folders, journal: Journal) -> None:
        super().__init__(store)
        self._folders, self._journal = folders, journal

    def inside(self, folder: int) -> dict[bytes, Row]:
        """The files and links of a folder, by name."""
        rows = self._db.execute(f"SELECT name, {_COLUMNS} FROM files WHERE dir=?", (folder,))
        return {row[0]: Row(*row[1:]) for row in rows}

    def get(self, path: bytes) -> Row | None:
        """What is known of a path."""
        above, name = split(path)
        folder = self._folders.number(above)
        if folder is None:
            return None
        row = self._db.execute(f"SELECT {_COLUMNS} FROM files WHERE dir=? AND name=?", (folder, name)).fetchone()
        return Row(*row) if row else None

    def rows(self, paths: Iterable[bytes]) -> dict[bytes, Row]:
        """What is known of many paths: a query for each folder, between its first and last name."""
        names: dict[bytes, set[bytes]] = {}
        for path in paths:
            above, name = split(path)
            names.setdefault(above, set()).add(name)
        found = {}
        for above, wanted in names.items():
            folder = self._folders.number(above)
            query = f"SELECT name, {_COLUMNS} FROM files WHERE dir=? AND name BETWEEN ? AND ?"
            for row in self._db.execute(query, (folder, min(wanted), max(wanted))):
                if row[0] in wanted:
                    found[joined(above, row[0])] = Row(*row[1:])
        return found

    def put(self, path: bytes, row: Row) -> None:
        """Know a file; it will stand in the next segment of the manifest."""
        self.put_all([(path, row)])

    def put_all(self, rows: Sequence[tuple[bytes, Row]]) -> None:
        """Know many files; each will stand in the next segment of the manifest."""
        self._store.begin()
        values = []
        for path, row in rows:
            above, name = split(path)
            folder = self._folders.add(above)
            self._folders.compare_again(folder)
            values.append((folder, name, *row.values()))
        self._db.executemany(_PUT, values)
        self._journal.note_all(path for path, _ in rows)

    def seen_there(self, paths: Iterable[bytes], moment: int) -> None:
        """What the data space held of these files at a moment of its clock was what is known of them."""
        self._store.begin()
        query = "UPDATE files SET rctime=? WHERE dir=? AND name=?"
        parts = ((self._folders.number(above), name) for above, name in map(split, paths))
        self._db.executemany(query, ((moment, folder, name) for folder, name in parts))

    def drop(self, path: bytes) -> None:
        """Forget a file."""
        above, name = split(path)
        folder = self._folders.number(above)
        if folder is not None:
            self._store.begin()
            self._db.execute("DELETE FROM files WHERE dir=? AND name=?", (folder, name))
            self._folders.compare_again(folder)
        self._journal.note(path)

    def by_ino(self, ino: int) -> list[tuple[bytes, Row]]:
        """Known files of that inode number."""
        rows = self._db.execute(f"SELECT dir, name, {_COLUMNS} FROM files WHERE ino=?", (ino,)).fetchall()
        return [(joined(self._folders.path_of(row[0]), row[1]), Row(*row[2:])) for row in rows]

    def shared_inodes(self) -> list[int]:
        """Inode numbers that several known files have: names of one file, or numbers that were used again."""
        rows = self._db.execute("SELECT ino FROM files WHERE ino<>0 GROUP BY ino HAVING count(*)>1")
        return [row[0] for row in rows.fetchall()]

    def linked(self) -> list[tuple[bytes, Row]]:
        """The files that are known as hard links of another one."""
        rows = self._db.execute(f"SELECT dir, name, {_COLUMNS} FROM files WHERE link<>x''").fetchall()
        return [(joined(self._folders.path_of(row[0]), row[1]), Row(*row[2:])) for row in rows]

    def all(self) -> Iterator[tuple[bytes, Row]]:
        """Everything, folder by folder."""
        for folder, path in list(self._folders.all()):
            for name, row in sorted(self.inside(folder).items()):
                yield joined(path, name), row

    def doubt_all(self) -> None:
        """Whatever the facts in the data space say: the contents there are to be compared."""
        self._store.begin()
        self._db.execute("UPDATE files SET rracy=1 WHERE rsize<>?", (ABSENT,))

    def absent(self) -> int:
        """How many of them the data space does not hold."""
        return int(self._db.execute("SELECT count(*) FROM files WHERE rsize=?", (ABSENT,)).fetchone()[0])

    def totals(self) -> tuple[int, int]:
        """How many files and links there are, and their bytes."""
        count, size = self._db.execute("SELECT count(*), total(size) FROM files").fetchone()
        return int(count), int(size)
