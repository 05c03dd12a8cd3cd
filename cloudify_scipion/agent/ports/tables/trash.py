"""What lies in the data space's trash."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from cloudify_scipion.agent.plan.names import split
from cloudify_scipion.agent.plan.trash import Version
from cloudify_scipion.agent.ports.tables.store import Table

_SOME = 500
_KEPT = "SELECT name, path, size, origin, came, boot, at, gone, beyond, number FROM trash"
_OF = {"project": "origin>0", "originals": "origin=0", "strangers": "origin<0"}


@dataclass(frozen=True)
class Kept:
    """Something in the trash. `came` is in lived seconds, `at` for people; `boot` is the boot that it came in.

    `origin`: see `plan.manifest.Entry`. `gone`: it was deleted, not replaced. `beyond`: a person has agreed that the
    trash takes it, whatever its limit. `number` counts what came, 0 before that.
    """

    name: bytes
    path: bytes
    size: int
    origin: int
    came: float = 0.0
    boot: str = ""
    at: str = ""
    gone: bool = False
    beyond: bool = False
    number: int = 0


class Trash(Table):
    """What came, in that order."""

    def add(self, kept: Kept) -> None:
        """Know what was moved to the trash."""
        self._store.begin()
        self._db.execute(
            "INSERT OR REPLACE INTO trash(name, path, size, origin, came, boot, at, gone, beyond)"
            " VALUES (?,?,?,?,?,?,?,?,?)",
            (kept.name, kept.path, kept.size, kept.origin, kept.came, kept.boot, kept.at, kept.gone, kept.beyond),
        )

    def drop(self, name: bytes) -> None:
        """It is gone from there."""
        self._store.begin()
        self._db.execute("DELETE FROM trash WHERE name=?", (name,))

    def bytes_of(self, of: str) -> int:
        """How much the trash holds `of` project, originals or strangers."""
        return self._sum(_OF[of])

    def counted(self, before: float) -> tuple[int, int]:
        """Bytes of the project's versions that count, and those of them that came no later than `before`."""
        counted = f"{_OF['project']} AND NOT beyond"
        return self._sum(counted), self._sum(f"{counted} AND came<=?", before)

    def mark(self) -> list[int]:
        """Numbers that are others where something else lies there."""
        query = "SELECT count(*), coalesce(max(number), 0), coalesce(sum(number), 0) FROM trash"
        return list(self._db.execute(query).fetchone())

    def end(self) -> int:
        """The number of what came last."""
        return int(self._db.execute("SELECT coalesce(max(number), 0) FROM trash").fetchone()[0])

    def expendable(self, upto: int | None = None) -> Iterator[Version]:
        """The project's own versions (those that came before number `upto`), oldest first; may be dropped meanwhile."""
        last, after = self.end() if upto is None else upto, 0
        query = "SELECT number, name, size, came FROM trash WHERE origin>0 AND number>? AND number<=? ORDER BY number"
        while rows := self._db.execute(f"{query} LIMIT {_SOME}", (after, last)).fetchall():
            yield from (Version(*row[1:]) for row in rows)
            after = rows[-1][0]

    def came_since(self, paths: Iterable[bytes], since: float, boot: str) -> dict[bytes, list[bytes]]:
        """The names of the project's versions of some paths that were replaced since then, in this boot."""
        found: dict[bytes, list[bytes]] = {}
        query = "SELECT name FROM trash WHERE path=? AND origin>0 AND NOT gone AND came>? AND boot=?"
        for path in paths:
            names = [row[0] for row in self._db.execute(query, (path, since, boot))]
            if names:
                found[path] = names
        return found

    def latest(self, limit: int = -1) -> Iterator[Kept]:
        """What lies there, the latest first."""
        for row in self._db.execute(f"{_KEPT} ORDER BY number DESC LIMIT ?", (limit,)):
            yield _kept(row)

    def get(self, name: bytes) -> Kept | None:
        """What is known of a name there."""
        row = self._db.execute(f"{_KEPT} WHERE name=?", (name,)).fetchone()
        return _kept(row) if row else None

    def names(self, folder: bytes) -> set[bytes]:
        """What is known below a folder of the trash."""
        rows = self._db.execute("SELECT name FROM trash WHERE name>? AND name<?", (folder + b"/", folder + b"0"))
        return {row[0] for row in rows}

    def elsewhere(self, folders: Iterable[bytes]) -> Iterator[bytes]:
        """The names of what is known in none of these folders."""
        known = set(folders)
        for (name,) in self._db.execute("SELECT name FROM trash").fetchall():
            if split(name)[0] not in known:
                yield name

    def _sum(self, where: str, *values: float) -> int:
        query = f"SELECT total(size) FROM trash WHERE {where}"
        return int(self._db.execute(query, values).fetchone()[0])


def _kept(row: tuple[Any, ...]) -> Kept:
    gone, beyond = bool(row[7]), bool(row[8])
    return Kept(row[0], row[1], row[2], row[3], row[4], row[5], row[6], gone, beyond, row[9])
