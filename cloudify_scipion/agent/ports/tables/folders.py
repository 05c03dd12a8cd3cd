"""The folders of the working copy, by number, name and inode."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from cloudify_scipion.agent.plan.names import joined, split, whole_way
from cloudify_scipion.agent.ports.tables.rows import ODDLY, ROOT, THERE, FolderRow
from cloudify_scipion.agent.ports.tables.store import Store, Table

CACHED = 20_000
"""How many paths are remembered with their numbers."""


class Folders(Table):
    """The tree of folders."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self._ids: dict[bytes, int] = {b"": ROOT}
        self._without_digest: set[int] = set()

    def number(self, path: bytes) -> int | None:
        """The number of a known folder."""
        todo = []
        while path not in self._ids:
            todo.append(path)
            path, _ = split(path)
        number = self._ids[path]
        for inside in reversed(todo):
            name = split(inside)[1]
            found = self._db.execute("SELECT id FROM dirs WHERE parent=? AND name=?", (number, name)).fetchone()
            if not found:
                return None
            number = int(found[0])
            self._remember(inside, number)
        return number

    def add(self, path: bytes, ino: int = 0, mode: int = 0, remote: bool = False) -> int:
        """Know a folder, and those above it; returns its number."""
        known = self.number(path)
        if known is not None:
            return known
        self._store.begin()
        parent = ROOT
        for above in whole_way(path):
            number = self.number(above)
            if number is None:
                values = (ino, mode, int(remote)) if above == path else (0, 0, 0)
                cursor = self._db.execute(
                    "INSERT INTO dirs(parent, name, ino, mode, remote) VALUES (?,?,?,?,?)",
                    (parent, split(above)[1], *values),
                )
                assert cursor.lastrowid is not None
                number = cursor.lastrowid
                self._remember(above, number)
            parent = number
        return parent

    def update(self, number: int, **values: Any) -> None:
        """Change columns of a folder."""
        self._store.begin()
        self._without_digest.discard(number)
        words = ", ".join(f"{key}=?" for key in values)
        self._db.execute(f"UPDATE dirs SET {words} WHERE id=?", (*values.values(), number))

    def compare_again(self, number: int) -> None:
        """A folder's digest stands for what the index knows of its files: that is otherwise now."""
        if number not in self._without_digest:
            self._db.execute("UPDATE dirs SET digest=NULL WHERE id=?", (number,))
            self._without_digest.add(number)

    def inside(self, parent: int) -> dict[bytes, FolderRow]:
        """The folders in a folder, by name."""
        rows = self._db.execute("SELECT id, name, ino, mode, digest, remote FROM dirs WHERE parent=?", (parent,))
        return {row[1]: _folder_row(row) for row in rows}

    def get(self, number: int) -> FolderRow:
        """A known folder."""
        row = self._db.execute("SELECT id, name, ino, mode, digest, remote FROM dirs WHERE id=?", (number,)).fetchone()
        return _folder_row(row)

    def is_oddly(self, path: bytes) -> bool:
        """Whether a folder or one above it has a name that the data space cannot hold."""
        numbers = filter(None, map(self.number, whole_way(path)))
        return any(self.get(number).odd for number in numbers)

    def names_there(self, path: bytes) -> set[bytes]:
        """The names in a folder that lie in the data space's folder, too, as far as is known."""
        number = self.number(path)
        query = """SELECT name FROM files WHERE dir=:folder AND stored=x''
                   UNION ALL SELECT name FROM dirs WHERE parent=:folder AND remote=1 AND id<>1"""
        return {row[0] for row in self._db.execute(query, {"folder": number})}

    def path_of(self, number: int) -> bytes:
        """A folder's path."""
        parts: list[bytes] = []
        while number != ROOT:
            number, name = self._db.execute("SELECT parent, name FROM dirs WHERE id=?", (number,)).fetchone()
            parts.insert(0, name)
        return b"/".join(parts)

    def by_ino(self, ino: int) -> list[int]:
        """Known folders of that inode number."""
        return [row[0] for row in self._db.execute("SELECT id FROM dirs WHERE ino=? AND id<>1", (ino,))]

    def move(self, number: int, path: bytes) -> None:
        """A folder and all below it are now at `path`."""
        self._store.begin()
        above, name = split(path)
        self._db.execute("UPDATE dirs SET parent=?, name=? WHERE id=?", (self.add(above), name, number))
        self._ids = {b"": ROOT}

    def drop(self, path: bytes) -> None:
        """Forget a folder and all below it."""
        number = self.number(path)
        if number is None or number == ROOT:
            return
        self._store.begin()
        for inside in self.below(number):
            self._db.execute("DELETE FROM files WHERE dir=?", (inside,))
            self._db.execute("DELETE FROM dirs WHERE id=?", (inside,))
        self._ids = {b"": ROOT}

    def below(self, number: int) -> list[int]:
        """A folder and all folders below it."""
        query = """WITH RECURSIVE inside(id) AS (SELECT ? UNION ALL SELECT dirs.id FROM dirs JOIN inside ON
                   dirs.parent = inside.id) SELECT id FROM inside"""
        return [row[0] for row in self._db.execute(query, (number,))]

    def all(self) -> Iterator[tuple[int, bytes]]:
        """All folders (number, path), each after the one that it is in."""
        stack = [(ROOT, b"")]
        while stack:
            number, path = stack.pop()
            yield number, path
            inside = self._db.execute("SELECT id, name FROM dirs WHERE parent=? ORDER BY name DESC", (number,))
            stack += [(row[0], joined(path, row[1])) for row in inside]

    def _remember(self, path: bytes, number: int) -> None:
        if len(self._ids) > CACHED:
            self._ids = {b"": ROOT}
        self._ids[path] = number


def _folder_row(row: tuple[Any, ...]) -> FolderRow:
    return FolderRow(row[0], row[1], row[2], row[3], row[4], row[5] == THERE, row[5] == ODDLY)
