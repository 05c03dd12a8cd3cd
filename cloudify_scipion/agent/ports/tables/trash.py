"""What lies in the data space's trash."""

from __future__ import annotations

from cloudify_scipion.agent.ports.tables.store import Store


class Trash(Store):
    """Names, sizes and origins."""

    def add_trash(self, name: bytes, size: int, origin: int, at: float) -> None:
        """Know what was moved to the trash."""
        self.begin()
        self._db.execute("INSERT OR REPLACE INTO trash VALUES (?, ?, ?, ?)", (name, size, origin, at))

    def drop_trash(self, name: bytes) -> None:
        """It is gone from there."""
        self.begin()
        self._db.execute("DELETE FROM trash WHERE name=?", (name,))

    def trash_bytes(self) -> int:
        """How much the trash holds."""
        return int(self._db.execute("SELECT total(size) FROM trash").fetchone()[0])

    def expendable(self) -> list[tuple[bytes, int]]:
        """Trash that we wrote ourselves, oldest first: (name, size)."""
        rows = self._db.execute("SELECT name, size FROM trash WHERE origin>0 ORDER BY at, name")
        return [(row[0], int(row[1])) for row in rows]
