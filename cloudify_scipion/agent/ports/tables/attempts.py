"""What a push was about to do, and what it could not do yet."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass

from cloudify_scipion.agent.ports.tables.store import Table


@dataclass(frozen=True)
class Failed:
    """A path that could not be saved so many times: its bytes, why, whether it was for lack of room, and until when
    (seconds of a boot) it is not tried again."""

    tries: int
    size: int
    reason: str
    room: bool
    boot: str
    until: float


class Attempts(Table):
    """Intents, and files that were still being written."""

    def intend(self, intents: Iterable[tuple[bytes, str]]) -> None:
        """Write down that contents are about to be put in place, and keep that at once."""
        self._store.begin()
        self._db.executemany("INSERT OR REPLACE INTO intents VALUES (?, ?)", intents)
        self._store.commit()

    def intents(self) -> dict[bytes, set[str]]:
        """The contents that interrupted pushes may have put in place, by path."""
        found: dict[bytes, set[str]] = {}
        for path, digest in self._db.execute("SELECT path, hash FROM intents"):
            found.setdefault(path, set()).add(digest)
        return found

    def fulfil(self, paths: Iterable[bytes]) -> None:
        """They are in place, or will not be."""
        self._store.begin()
        self._db.executemany("DELETE FROM intents WHERE path=?", ((path,) for path in paths))

    def count_try(self, path: bytes) -> None:
        """A file could not be saved, because it was still being written."""
        self._store.begin()
        self._db.execute("INSERT INTO busy VALUES (?, 1) ON CONFLICT(path) DO UPDATE SET tries=tries+1", (path,))

    def busy(self, tries: int = 1) -> list[bytes]:
        """The files that were still being written, so often in a row or oftener."""
        return [row[0] for row in self._db.execute("SELECT path FROM busy WHERE tries>=? ORDER BY path", (tries,))]

    def busiest(self, limit: int) -> list[bytes]:
        """Some of the files that were still being written, those first that were so most often."""
        rows = self._db.execute("SELECT path FROM busy ORDER BY tries DESC, path LIMIT ?", (limit,))
        return [row[0] for row in rows]

    def not_busy(self, paths: Iterable[bytes]) -> None:
        """They were saved, or are gone."""
        self._store.begin()
        these = [(path,) for path in paths]
        self._db.executemany("DELETE FROM busy WHERE path=?", these)
        self._db.executemany("DELETE FROM failed WHERE path=?", these)

    def only_changed_are_busy(self) -> None:
        """Whatever the last scan did not find changed is not being written any more; it may be gone."""
        self._store.begin()
        self._db.execute("DELETE FROM busy WHERE path NOT IN (SELECT path FROM todo)")
        self._db.execute("DELETE FROM failed WHERE path NOT IN (SELECT path FROM todo)")

    def tried(self, asked: Sequence[str] = ()) -> int:
        """How many paths were still being written, could not be saved, or wait for the answer to one of `asked`."""
        waiting = f"SELECT path FROM asked WHERE question IN ({', '.join('?' * len(asked))})"
        query = f"SELECT count(*) FROM (SELECT path FROM busy UNION SELECT path FROM failed UNION {waiting})"
        return int(self._db.execute(query, asked).fetchone()[0])

    def note_failed(self, path: bytes, failed: Failed) -> None:
        """A path could not be saved."""
        self._store.begin()
        self._db.execute("INSERT OR REPLACE INTO failed VALUES (?,?,?,?,?,?,?)", (path, *astuple(failed)))

    def forget_crowded(self) -> None:
        """What could not be saved for lack of room is not put off any more: some was made."""
        self._store.begin()
        self._db.execute("DELETE FROM failed WHERE room")

    def failed(self, path: bytes) -> Failed | None:
        """What is known of a path that could not be saved."""
        row = self._db.execute(
            "SELECT tries, size, reason, room, boot, until FROM failed WHERE path=?", (path,)
        ).fetchone()
        return Failed(row[0], row[1], row[2], bool(row[3]), row[4], row[5]) if row else None
