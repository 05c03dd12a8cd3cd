"""What a push was about to do, and what it could not do yet."""

from __future__ import annotations

from collections.abc import Iterable

from cloudify_scipion.agent.ports.tables.store import Store


class Attempts(Store):
    """Intents, and files that were still being written."""

    def intend(self, intents: Iterable[tuple[bytes, str]]) -> None:
        """Write down that contents are about to be put in place, and keep that at once."""
        self.begin()
        self._db.executemany("INSERT OR REPLACE INTO intents VALUES (?, ?)", intents)
        self.commit()

    def intents(self) -> dict[bytes, set[str]]:
        """The contents that interrupted pushes may have put in place, by path."""
        found: dict[bytes, set[str]] = {}
        for path, digest in self._db.execute("SELECT path, hash FROM intents"):
            found.setdefault(path, set()).add(digest)
        return found

    def fulfil(self, paths: Iterable[bytes]) -> None:
        """They are in place, or will not be."""
        self.begin()
        self._db.executemany("DELETE FROM intents WHERE path=?", ((path,) for path in paths))

    def count_try(self, path: bytes) -> None:
        """A file could not be saved, because it was still being written."""
        self.begin()
        self._db.execute("INSERT INTO busy VALUES (?, 1) ON CONFLICT(path) DO UPDATE SET tries=tries+1", (path,))

    def busy(self, tries: int = 1) -> list[bytes]:
        """The files that were still being written, so often in a row or oftener."""
        return [row[0] for row in self._db.execute("SELECT path FROM busy WHERE tries>=? ORDER BY path", (tries,))]

    def not_busy(self, paths: Iterable[bytes]) -> None:
        """They were saved, or are gone."""
        self.begin()
        self._db.executemany("DELETE FROM busy WHERE path=?", ((path,) for path in paths))

    def only_changed_are_busy(self) -> None:
        """Whatever the last scan did not find changed is not being written any more; it may be gone."""
        self.begin()
        self._db.execute("DELETE FROM busy WHERE path NOT IN (SELECT path FROM todo)")
