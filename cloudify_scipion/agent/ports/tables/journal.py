"""What is to stand in the next segment of the manifest."""

from __future__ import annotations

from collections.abc import Iterator

from cloudify_scipion.agent.ports.tables.store import Store


class Journal(Store):
    """The paths that changed since the last segment."""

    def _journal(self, path: bytes, gone: bool) -> None:
        self.begin()
        self._db.execute("INSERT INTO journal(path, gone) VALUES (?, ?)", (path, int(gone)))

    def note_change(self, path: bytes) -> None:
        """Let a path (a folder, say) stand in the next segment as it is then."""
        self._journal(path, gone=False)

    def note_gone(self, path: bytes) -> None:
        """Let the next segment say that a path is gone."""
        self._journal(path, gone=True)

    def journal_end(self) -> int:
        """The number of the last change."""
        return int(self._db.execute("SELECT coalesce(max(number), 0) FROM journal").fetchone()[0])

    def journal(self) -> Iterator[bytes]:
        """The paths that changed since the last segment."""
        return (row[0] for row in self._db.execute("SELECT DISTINCT path FROM journal ORDER BY path"))

    def journal_size(self) -> int:
        """How many changes wait for the next segment."""
        return int(self._db.execute("SELECT count(*) FROM journal").fetchone()[0])

    def clear_journal(self, last: int) -> None:
        """The changes up to `last` are written."""
        self.begin()
        self._db.execute("DELETE FROM journal WHERE number<=?", (last,))
