"""What is to stand in the next segment of the manifest."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from cloudify_scipion.agent.ports.tables.store import Table


class Journal(Table):
    """The paths that changed since the last segment."""

    def note(self, path: bytes) -> None:
        """Let a path stand in the next segment as it is then, or as gone."""
        self.note_all([path])

    def note_all(self, paths: Iterable[bytes]) -> None:
        """Let these paths stand in the next segment, each as it is then, or as gone."""
        self._store.begin()
        self._db.executemany("INSERT INTO journal(path, gone) VALUES (?, 0)", ((path,) for path in paths))

    def end(self) -> int:
        """The number of the last change."""
        return int(self._db.execute("SELECT coalesce(max(number), 0) FROM journal").fetchone()[0])

    def paths(self) -> Iterator[bytes]:
        """The paths that changed since the last segment."""
        return (row[0] for row in self._db.execute("SELECT DISTINCT path FROM journal ORDER BY path"))

    def size(self) -> int:
        """How many changes wait for the next segment."""
        return int(self._db.execute("SELECT count(*) FROM journal").fetchone()[0])

    def clear(self, last: int) -> None:
        """The changes up to `last` are written."""
        self._store.begin()
        self._db.execute("DELETE FROM journal WHERE number<=?", (last,))
