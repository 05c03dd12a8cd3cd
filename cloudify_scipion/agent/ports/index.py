"""What the agent knows: the index of the working copy and of what the data space holds of it. One SQLite file.

It lies on the volume, outside the user's tree. Losing it loses no data: then everything is compared by content.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from cloudify_scipion.agent.plan.names import joined, readable, split, whole_way

ROOT = 1
SCHEMA = """
CREATE TABLE IF NOT EXISTS dirs(
  id INTEGER PRIMARY KEY, parent INTEGER, name BLOB, ino INTEGER, mode INTEGER, digest BLOB, remote INTEGER,
  UNIQUE(parent, name));
CREATE INDEX IF NOT EXISTS dirs_ino ON dirs(ino);
CREATE TABLE IF NOT EXISTS files(
  dir INTEGER, name BLOB, kind TEXT, mode INTEGER, size INTEGER, mtime INTEGER, ctime INTEGER, ino INTEGER,
  racy INTEGER, hash TEXT, local TEXT, target BLOB, link BLOB, stored BLOB, origin INTEGER, point INTEGER,
  rsize INTEGER, rmtime INTEGER, rracy INTEGER, PRIMARY KEY(dir, name)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS files_ino ON files(ino);
CREATE INDEX IF NOT EXISTS files_link ON files(link) WHERE link<>x'';
CREATE TABLE IF NOT EXISTS intents(path BLOB, hash TEXT, PRIMARY KEY(path, hash)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS busy(path BLOB PRIMARY KEY, tries INTEGER);
CREATE TABLE IF NOT EXISTS journal(number INTEGER PRIMARY KEY, path BLOB, gone INTEGER);
CREATE TABLE IF NOT EXISTS trash(name BLOB PRIMARY KEY, size INTEGER, origin INTEGER, at REAL);
CREATE TABLE IF NOT EXISTS events(number INTEGER PRIMARY KEY, at TEXT, kind TEXT, text TEXT);
CREATE TABLE IF NOT EXISTS questions(id TEXT PRIMARY KEY, text TEXT, answers TEXT, answer TEXT);
CREATE TABLE IF NOT EXISTS listing(path BLOB PRIMARY KEY, kind TEXT, mode INTEGER, size INTEGER, mtime INTEGER);
CREATE TABLE IF NOT EXISTS listed(path BLOB PRIMARY KEY);
CREATE TABLE IF NOT EXISTS base(path BLOB PRIMARY KEY, row TEXT);
CREATE TABLE IF NOT EXISTS state(key TEXT PRIMARY KEY, value TEXT);
CREATE TEMP TABLE IF NOT EXISTS todo(
  number INTEGER PRIMARY KEY, path BLOB, kind TEXT, ino INTEGER, size INTEGER, mtime INTEGER);
CREATE TEMP TABLE IF NOT EXISTS gone(path BLOB PRIMARY KEY, size INTEGER);
INSERT OR IGNORE INTO dirs(id, parent, name, ino, mode, remote) VALUES (1, 0, x'', 0, 0, 1);
"""
_FILE = ("kind", "mode", "size", "mtime", "ctime", "ino", "racy", "hash", "local", "target", "link", "stored", "origin",
         "point", "rsize", "rmtime", "rracy")  # fmt: skip
_COLUMNS = ", ".join(_FILE)
_PUT = f"INSERT OR REPLACE INTO files(dir, name, {_COLUMNS}) VALUES (?, ?{', ?' * len(_FILE)})"
ABSENT = -1
"""`rsize` of what the data space does not hold any more."""
DOUBTED = -1
"""`rmtime` of what another way to the data space does not show as it was written: our own view of it is no proof."""


@dataclass(frozen=True)
class Row:
    """A file or symbolic link as both sides last had it in common.

    `size` to `ino` are the working copy's facts (times in nanoseconds); `racy` is true where a later change may have
    left them as they are, so the content is compared again. `hash` is the SHA-256 (hex) of the data space's content,
    `local` that of the working copy's file where it differs (SQLite). `rsize` and `rmtime` are the data space's
    facts, `rracy` as above. For the rest see `plan.manifest.Entry`.
    """

    kind: str
    mode: int = 0
    size: int = 0
    mtime: int = 0
    ctime: int = 0
    ino: int = 0
    racy: int = 0
    hash: str = ""
    local: str = ""
    target: bytes = b""
    link: bytes = b""
    stored: bytes = b""
    origin: int = 0
    point: int = 0
    rsize: int = ABSENT
    rmtime: int = 0
    rracy: int = 0

    def held(self) -> bool:
        """Whether the data space holds it, as far as is known."""
        return self.rsize != ABSENT

    def doubted(self) -> bool:
        """Whether our own view of it in the data space is known to be wrong."""
        return self.rsize == ABSENT and self.rmtime == DOUBTED

    def without_remote(self, doubted: bool = False) -> Row:
        """The same, to be saved again."""
        return replace(self, rsize=ABSENT, rmtime=DOUBTED if doubted else self.rmtime)

    def values(self) -> tuple[Any, ...]:
        """The columns."""
        return (self.kind, self.mode, self.size, self.mtime, self.ctime, self.ino, self.racy, self.hash, self.local,
                self.target, self.link, self.stored, self.origin, self.point, self.rsize, self.rmtime,
                self.rracy)  # fmt: skip


@dataclass(frozen=True)
class FolderRow:
    """A folder; `digest` stands for the facts of its files at the last scan, None where they must be compared."""

    id: int
    name: bytes
    ino: int
    mode: int
    digest: bytes | None
    remote: bool


class Index:
    """The index; changes are kept by `commit`, all or nothing."""

    def __init__(self, path: Path | str) -> None:
        self._db = sqlite3.connect(path, isolation_level=None, timeout=30)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=FULL")
        self._db.execute("PRAGMA cache_size=-16000")
        self._db.executescript(SCHEMA)
        self._ids: dict[bytes, int] = {b"": ROOT}
        self._without_digest: set[int] = set()

    def close(self) -> None:
        """Give up what was not committed."""
        self._db.close()

    def begin(self) -> None:
        """Start a change, if none is going on."""
        if not self._db.in_transaction:
            self._db.execute("BEGIN")

    def commit(self) -> None:
        """Keep everything since the last `commit`."""
        if self._db.in_transaction:
            self._db.execute("COMMIT")

    # folders

    def folder_id(self, path: bytes) -> int | None:
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

    def add_folder(self, path: bytes, ino: int = 0, mode: int = 0, remote: bool = False) -> int:
        """Know a folder, and those above it; returns its number."""
        known = self.folder_id(path)
        if known is not None:
            return known
        self.begin()
        parent = ROOT
        for above in whole_way(path):
            number = self.folder_id(above)
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

    def set_folder(self, number: int, **values: Any) -> None:
        """Change columns of a folder."""
        self.begin()
        self._without_digest.discard(number)
        words = ", ".join(f"{key}=?" for key in values)
        self._db.execute(f"UPDATE dirs SET {words} WHERE id=?", (*values.values(), number))

    def folders(self, parent: int) -> dict[bytes, FolderRow]:
        """The folders in a folder, by name."""
        rows = self._db.execute("SELECT id, name, ino, mode, digest, remote FROM dirs WHERE parent=?", (parent,))
        return {row[1]: FolderRow(row[0], row[1], row[2], row[3], row[4], bool(row[5])) for row in rows}

    def folder(self, number: int) -> FolderRow:
        """A known folder."""
        row = self._db.execute("SELECT id, name, ino, mode, digest, remote FROM dirs WHERE id=?", (number,)).fetchone()
        return FolderRow(row[0], row[1], row[2], row[3], row[4], bool(row[5]))

    def path_of(self, number: int) -> bytes:
        """A folder's path."""
        parts: list[bytes] = []
        while number != ROOT:
            number, name = self._db.execute("SELECT parent, name FROM dirs WHERE id=?", (number,)).fetchone()
            parts.insert(0, name)
        return b"/".join(parts)

    def folder_by_ino(self, ino: int) -> list[int]:
        """Known folders of that inode number."""
        return [row[0] for row in self._db.execute("SELECT id FROM dirs WHERE ino=? AND id<>1", (ino,))]

    def move_folder(self, number: int, path: bytes) -> None:
        """A folder and all below it are now at `path`."""
        self.begin()
        above, name = split(path)
        self._db.execute("UPDATE dirs SET parent=?, name=? WHERE id=?", (self.add_folder(above), name, number))
        self._ids = {b"": ROOT}

    def drop_folder(self, path: bytes) -> None:
        """Forget a folder and all below it."""
        number = self.folder_id(path)
        if number is None or number == ROOT:
            return
        self.begin()
        for inside in self.below(number):
            self._db.execute("DELETE FROM files WHERE dir=?", (inside,))
            self._db.execute("DELETE FROM dirs WHERE id=?", (inside,))
        self._ids = {b"": ROOT}

    def below(self, number: int) -> list[int]:
        """A folder and all folders below it."""
        query = """WITH RECURSIVE inside(id) AS (SELECT ? UNION ALL SELECT dirs.id FROM dirs JOIN inside ON
                   dirs.parent = inside.id) SELECT id FROM inside"""
        return [row[0] for row in self._db.execute(query, (number,))]

    # files

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

    def put(self, path: bytes, row: Row) -> None:
        """Know a file; it will stand in the next segment of the manifest."""
        above, name = split(path)
        folder = self.add_folder(above)
        self.begin()
        self._db.execute(_PUT, (folder, name, *row.values()))
        self._changed(folder)
        self._journal(path, gone=False)

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

    def all_folders(self) -> Iterator[tuple[int, bytes]]:
        """All folders (number, path), each after the one that it is in."""
        stack = [(ROOT, b"")]
        while stack:
            number, path = stack.pop()
            yield number, path
            inside = self._db.execute("SELECT id, name FROM dirs WHERE parent=? ORDER BY name DESC", (number,))
            stack += [(row[0], joined(path, row[1])) for row in inside]

    def totals(self) -> tuple[int, int]:
        """How many files and links there are, and their bytes."""
        count, size = self._db.execute("SELECT count(*), coalesce(sum(size), 0) FROM files").fetchone()
        return int(count), int(size)

    def unsaved(self) -> int:
        """How many known files the data space does not hold as they are here."""
        held = self._db.execute("SELECT count(*) FROM files WHERE rsize=?", (ABSENT,)).fetchone()[0]
        return int(held) + int(self._db.execute("SELECT count(*) FROM busy").fetchone()[0])

    # what is to be written into the manifest

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

    def journal(self) -> list[bytes]:
        """The paths that changed since the last segment."""
        return [row[0] for row in self._db.execute("SELECT DISTINCT path FROM journal ORDER BY path")]

    def journal_size(self) -> int:
        """How many changes wait for the next segment."""
        return int(self._db.execute("SELECT count(*) FROM journal").fetchone()[0])

    def clear_journal(self, last: int) -> None:
        """The changes up to `last` are written."""
        self.begin()
        self._db.execute("DELETE FROM journal WHERE number<=?", (last,))

    # what a scan of the working copy found

    def forget_changes(self) -> None:
        """Start a scan anew."""
        self.begin()
        self._db.execute("DELETE FROM todo")
        self._db.execute("DELETE FROM gone")

    def found_change(self, path: bytes, kind: str, ino: int, size: int, mtime: int) -> None:
        """A file or link is new, or not as it was."""
        self.begin()
        self._db.execute(
            "INSERT INTO todo(path, kind, ino, size, mtime) VALUES (?,?,?,?,?)", (path, kind, ino, size, mtime)
        )

    def found_gone(self, path: bytes, size: int) -> None:
        """A known file or link is not there."""
        self.begin()
        self._db.execute("INSERT OR REPLACE INTO gone VALUES (?, ?)", (path, size))

    def changes(self, after: int, limit: int) -> list[tuple[int, bytes, str, int]]:
        """Some of what is new or changed: (number, path, kind, size), those after a number."""
        query = "SELECT number, path, kind, size FROM todo WHERE number>? ORDER BY number LIMIT ?"
        return self._db.execute(query, (after, limit)).fetchall()

    def change_totals(self) -> tuple[int, int]:
        """How many files are new or changed, and their bytes."""
        count, size = self._db.execute("SELECT count(*), coalesce(sum(size), 0) FROM todo").fetchone()
        return int(count), int(size)

    def gone(self) -> list[bytes]:
        """What is not there any more."""
        return [row[0] for row in self._db.execute("SELECT path FROM gone ORDER BY path")]

    def gone_totals(self) -> tuple[int, int]:
        """How many files those are, and the bytes that they had."""
        count, size = self._db.execute("SELECT count(*), coalesce(sum(size), 0) FROM gone").fetchone()
        return int(count), int(size)

    def moved_files(self) -> list[tuple[bytes, bytes]]:
        """New names of files that are gone elsewhere: (old path, new path)."""
        if self.gone_totals()[0] == 0:
            return []
        found, taken = [], set()
        rows = self._db.execute("SELECT path, ino, size, mtime FROM todo WHERE kind='f'").fetchall()
        for path, ino, size, mtime in rows:
            for old, row in self.by_ino(ino):
                same = (row.kind, row.size, row.mtime) == ("f", size, mtime) and row.held() and not row.racy
                if same and old not in taken and self._is_gone(old) and self.get(path) is None:
                    taken.add(old)
                    found.append((old, path))
                    break
        return found

    def _is_gone(self, path: bytes) -> bool:
        return self._db.execute("SELECT 1 FROM gone WHERE path=?", (path,)).fetchone() is not None

    def settled_move(self, old: bytes) -> None:
        """A file has moved in the data space, too: it is not gone. Its content is still to be looked at."""
        self.begin()
        self._db.execute("DELETE FROM gone WHERE path=?", (old,))

    # what a scan of the data space found

    def list_remote(self, folder: bytes, entries: Iterable[tuple[bytes, str, int, int, int]]) -> None:
        """Keep what a folder of the data space holds: (path, kind, mode, size, mtime)."""
        self.begin()
        self._db.executemany("INSERT OR REPLACE INTO listing VALUES (?,?,?,?,?)", entries)
        self._db.execute("INSERT OR REPLACE INTO listed VALUES (?)", (folder,))

    def vanished(self, folder: bytes) -> None:
        """A folder was gone by the time that it was to be listed."""
        self.begin()
        self._db.execute("DELETE FROM listing WHERE path=?", (folder,))

    def is_listed(self, folder: bytes) -> bool:
        """Whether this scan has listed a folder already."""
        return self._db.execute("SELECT 1 FROM listed WHERE path=?", (folder,)).fetchone() is not None

    def listed_folders(self, folder: bytes) -> list[bytes]:
        """The folders in a listed folder."""
        low, high = (folder + b"/", folder + b"0") if folder else (b"", b"\xff" * 8)
        query = "SELECT path FROM listing WHERE kind='d' AND path>=? AND path<? ORDER BY path"
        depth = folder.count(b"/") + 1 if folder else 0
        return [row[0] for row in self._db.execute(query, (low, high)) if row[0].count(b"/") == depth]

    def listing(self, after: bytes, limit: int) -> list[tuple[bytes, str, int, int, int]]:
        """Some of what was listed, by path."""
        query = "SELECT path, kind, mode, size, mtime FROM listing WHERE path>? ORDER BY path LIMIT ?"
        return self._db.execute(query, (after, limit)).fetchall()

    def in_listing(self, path: bytes, kind: str) -> bool:
        """Whether the data space was seen to hold something of that kind at a path."""
        query = "SELECT 1 FROM listing WHERE path=? AND kind=?"
        return self._db.execute(query, (path, kind)).fetchone() is not None

    def forget_listing(self) -> None:
        """The scan is over."""
        self.begin()
        self._db.execute("DELETE FROM listing")
        self._db.execute("DELETE FROM listed")

    # what the manifest said, where the index knows nothing

    def set_base(self, entries: Iterable[tuple[bytes, dict[str, Any] | None]]) -> None:
        """Take entries of the manifest over the earlier ones; None: gone."""
        self.begin()
        for path, row in entries:
            if row is None:
                self._db.execute("DELETE FROM base WHERE path=?", (path,))
            else:
                self._db.execute("INSERT OR REPLACE INTO base VALUES (?, ?)", (path, json.dumps(row)))

    def base(self, path: bytes) -> dict[str, Any] | None:
        """What the manifest said of a path."""
        row = self._db.execute("SELECT row FROM base WHERE path=?", (path,)).fetchone()
        return json.loads(row[0]) if row else None

    def all_base(self) -> list[dict[str, Any]]:
        """All that it said, by path."""
        return [json.loads(row[0]) for row in self._db.execute("SELECT row FROM base ORDER BY path")]

    def forget_base(self) -> None:
        """The index knows everything now."""
        self.begin()
        self._db.execute("DELETE FROM base")

    # small things

    def get_state(self, key: str, default: Any = None) -> Any:
        """A value that was kept."""
        row = self._db.execute("SELECT value FROM state WHERE key=?", (key,)).fetchone()
        return json.loads(row[0]) if row else default

    def set_state(self, key: str, value: Any) -> None:
        """Keep a value of JSON types."""
        self.begin()
        self._db.execute("INSERT OR REPLACE INTO state VALUES (?, ?)", (key, json.dumps(value)))

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

    def event(self, at: str, kind: str, text: str) -> None:
        """Remember something worth telling; `kind` is event or alarm."""
        self.begin()
        self._db.execute("INSERT INTO events(at, kind, text) VALUES (?, ?, ?)", (at, kind, text))
        self._db.execute("DELETE FROM events WHERE number <= (SELECT max(number) - 10000 FROM events)")

    def events(self, limit: int = 1000, kind: str = "") -> list[tuple[str, str, str]]:
        """The latest events (at, kind, text), oldest first."""
        where = "WHERE kind=?" if kind else ""
        query = f"SELECT at, kind, text FROM events {where} ORDER BY number DESC LIMIT ?"
        return list(reversed(self._db.execute(query, (kind, limit) if kind else (limit,)).fetchall()))

    def ask(self, name: str, text: str, answers: list[str]) -> str:
        """Ask a person; returns the answer, empty while there is none."""
        self.begin()
        self._db.execute(
            "INSERT INTO questions VALUES (?,?,?,'') ON CONFLICT(id) DO UPDATE SET text=excluded.text",
            (name, readable(text), json.dumps(answers)),
        )
        return str(self._db.execute("SELECT answer FROM questions WHERE id=?", (name,)).fetchone()[0])

    def answer(self, name: str, word: str) -> bool:
        """Take a person's answer; False if nobody asked, or that is none of the answers."""
        row = self._db.execute("SELECT answers FROM questions WHERE id=?", (name,)).fetchone()
        if row is None or word not in json.loads(row[0]):
            return False
        self.begin()
        self._db.execute("UPDATE questions SET answer=? WHERE id=?", (word, name))
        return True

    def answer_to(self, name: str) -> str:
        """The answer to a question, empty if there is none."""
        row = self._db.execute("SELECT answer FROM questions WHERE id=?", (name,)).fetchone()
        return str(row[0]) if row else ""

    def settled(self, name: str) -> None:
        """A question is answered and done, or has become pointless."""
        self.begin()
        self._db.execute("DELETE FROM questions WHERE id=?", (name,))

    def questions(self) -> list[dict[str, Any]]:
        """What waits for an answer."""
        rows = self._db.execute("SELECT id, text, answers FROM questions WHERE answer='' ORDER BY id")
        return [{"id": row[0], "text": row[1], "answers": json.loads(row[2])} for row in rows]

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
        return int(self._db.execute("SELECT coalesce(sum(size), 0) FROM trash").fetchone()[0])

    def expendable(self) -> list[tuple[bytes, int]]:
        """Trash that we wrote ourselves, oldest first: (name, size)."""
        rows = self._db.execute("SELECT name, size FROM trash WHERE origin>0 ORDER BY at, name")
        return [(row[0], int(row[1])) for row in rows]

    def _remember(self, path: bytes, number: int) -> None:
        if len(self._ids) > 20_000:
            self._ids = {b"": ROOT}
        self._ids[path] = number
