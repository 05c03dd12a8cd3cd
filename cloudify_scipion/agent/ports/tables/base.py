"""What the manifest said, where the index knows nothing."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from cloudify_scipion.agent.ports.tables.store import Table

_SOME = 1000
"""How many are read at once."""


class Base(Table):
    """The manifest's entries, until the first pull is complete."""

    def take(self, entries: Iterable[tuple[bytes, dict[str, Any] | None]]) -> None:
        """Take entries of the manifest over the earlier ones; None: gone."""
        self._store.begin()
        for path, row in entries:
            if row is None:
                self._db.execute("DELETE FROM base WHERE path=?", (path,))
            else:
                self._db.execute("INSERT OR REPLACE INTO base VALUES (?, ?)", (path, json.dumps(row)))

    def rows(self, paths: Sequence[bytes]) -> dict[bytes, dict[str, Any]]:
        """What it said of many paths."""
        found: dict[bytes, dict[str, Any]] = {}
        for i in range(0, len(paths), _SOME):
            some = paths[i : i + _SOME]
            query = f"SELECT path, row FROM base WHERE path IN ({', '.join('?' * len(some))})"
            found |= {path: json.loads(row) for path, row in self._db.execute(query, some)}
        return found

    def is_known(self) -> bool:
        """Whether the manifest has said anything."""
        return self._db.execute("SELECT 1 FROM base LIMIT 1").fetchone() is not None

    def names(self, folder: bytes) -> set[bytes]:
        """The names in a folder of what lies in the data space under them."""
        low, high = (folder + b"/", folder + b"0") if folder else (b"", b"\xff" * 8)
        names = set()
        for path, row in self._db.execute("SELECT path, row FROM base WHERE path>? AND path<?", (low, high)):
            name = path[len(low) :]
            if b"/" not in name and "at" not in json.loads(row):
                names.add(name)
        return names

    def all(self) -> Iterator[dict[str, Any]]:
        """All that it said, by path; the index may be changed meanwhile."""
        after = b""
        while rows := self._db.execute(
            "SELECT path, row FROM base WHERE path>? ORDER BY path LIMIT ?", (after, _SOME)
        ).fetchall():
            yield from (json.loads(row[1]) for row in rows)
            after = rows[-1][0]

    def forget(self, but: Iterable[bytes] = ()) -> None:
        """The index knows everything now, `but` for what is at these paths or below them."""
        kept = [row for path in but for row in self._at_or_below(path)]
        self._store.begin()
        self._db.execute("DELETE FROM base")
        self._db.executemany("INSERT OR REPLACE INTO base VALUES (?, ?)", kept)

    def _at_or_below(self, path: bytes) -> list[tuple[bytes, str]]:
        query = "SELECT path, row FROM base WHERE path=? OR (path>? AND path<?)"
        return self._db.execute(query, (path, path + b"/", path + b"0")).fetchall()
