"""Files and symbolic links as both sides last had them in common."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from cloudify_scipion.agent.plan.names import joined, split
from cloudify_scipion.agent.ports.tables.folders import Folders
from cloudify_scipion.agent.ports.tables.journal import Journal
from cloudify_scipion.agent.ports.tables.rows import ABSENT, Row

WAITING = "waiting"
"""How many files wait in folders in whose places held files were."""
_FILE = ("kind", "mode", "size", "mtime", "ctime", "ino", "racy", "hash", "local", "target", "link", "stored", "origin",
         "point", "rsize", "rmtime", "rracy", "rctime")  # fmt: skip
_COLUMNS = ", ".join(_FILE)
_PUT = f"INSERT OR REPLACE INTO files(dir, name, {_COLUMNS}) VALUES (?, ?{', ?' * len(_FILE)})"


class Files(Folders, Journal):
    """The files of every folder."""

    def files(self, folder: int) -> dict[bytes, Row]:
        """The files and links of a folder, by name."""
        rows = self._db.execute(f"SELECT name, {_COLUMNS} FROM files WHERE dir=?", (folder,))
        return {row[0]: Row(*row[1:]) for row in rows}

    def get(self, path: bytes) -> Row | None:
        """What is known of a path."""
        above, name = split(path)
        folder = self.folder_id(above)
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
            folder = self.folder_id(above)
            query = f"SELECT name, {_COLUMNS} FROM files WHERE dir=? AND name BETWEEN ? AND ?"
            for row in self._db.execute(query, (folder, min(wanted), max(wanted))):
                if row[0] in wanted:
                    found[joined(above, row[0])] = Row(*row[1:])
        return found

    def put(self, path: bytes, row: Row) -> None:
        """Know a file; it will stand in the next segment of the manifest."""
        self.put_all([(path, row)])

    def put_all(self, rows: Sequence[tuple[bytes, Row]]) -> None:
        """The same of many files."""
        self.begin()
        values = []
        for path, row in rows:
            above, name = split(path)
            folder = self.add_folder(above)
            self._changed(folder)
            values.append((folder, name, *row.values()))
        self._db.executemany(_PUT, values)
        self._db.executemany("INSERT INTO journal(path, gone) VALUES (?, 0)", ((path,) for path, _ in rows))

    def seen_there(self, paths: Iterable[bytes], moment: int) -> None:
        """What the data space held of these files at a moment of its clock was what is known of them."""
        self.begin()
        query = "UPDATE files SET rctime=? WHERE dir=? AND name=?"
        parts = ((self.folder_id(above), name) for above, name in map(split, paths))
        self._db.executemany(query, ((moment, folder, name) for folder, name in parts))

    def drop(self, path: bytes) -> None:
        """Forget a file."""
        above, name = split(path)
        folder = self.folder_id(above)
        if folder is not None:
            self.begin()
            self._db.execute("DELETE FROM files WHERE dir=? AND name=?", (folder, name))
            self._changed(folder)
        self._journal(path, gone=True)

    def _changed(self, folder: int) -> None:
        """A folder's digest stands for what the index knows: that is otherwise now."""
        if folder not in self._without_digest:
            self._db.execute("UPDATE dirs SET digest=NULL WHERE id=?", (folder,))
            self._without_digest.add(folder)

    def by_ino(self, ino: int) -> list[tuple[bytes, Row]]:
        """Known files of that inode number."""
        rows = self._db.execute(f"SELECT dir, name, {_COLUMNS} FROM files WHERE ino=?", (ino,)).fetchall()
        return [(joined(self.path_of(row[0]), row[1]), Row(*row[2:])) for row in rows]

    def shared_inodes(self) -> list[int]:
        """Inode numbers that several known files have: names of one file, or numbers that were used again."""
        rows = self._db.execute("SELECT ino FROM files WHERE ino<>0 GROUP BY ino HAVING count(*)>1")
        return [row[0] for row in rows.fetchall()]

    def linked(self) -> list[tuple[bytes, Row]]:
        """The files that are known as hard links of another one."""
        rows = self._db.execute(f"SELECT dir, name, {_COLUMNS} FROM files WHERE link<>x''").fetchall()
        return [(joined(self.path_of(row[0]), row[1]), Row(*row[2:])) for row in rows]

    def all_files(self) -> Iterator[tuple[bytes, Row]]:
        """Everything, folder by folder."""
        for folder, path in list(self.all_folders()):
            for name, row in sorted(self.files(folder).items()):
                yield joined(path, name), row

    def doubt_all(self) -> None:
        """Whatever the facts in the data space say: the contents there are to be compared."""
        self.begin()
        self._db.execute("UPDATE files SET rracy=1 WHERE rsize<>?", (ABSENT,))

    def totals(self) -> tuple[int, int]:
        """How many files and links there are, and their bytes."""
        count, size = self._db.execute("SELECT count(*), total(size) FROM files").fetchone()
        return int(count), int(size)

    def unsaved(self) -> int:
        """How many known files the data space does not hold as they are here."""
        absent = self._db.execute("SELECT count(*) FROM files WHERE rsize=?", (ABSENT,)).fetchone()[0]
        tried = "SELECT count(*) FROM (SELECT path FROM busy UNION SELECT path FROM failed)"
        return int(absent) + int(self._db.execute(tried).fetchone()[0]) + int(self.get_state(WAITING) or 0)
