"""The SQLite file, its tables, and what is kept together or not at all."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

from cloudify_scipion.agent.ports.ballast import give_up, reserve

VERSION = 3
"""Of the tables. An index of another version is put aside like a damaged one: all is compared by content then."""
SCHEMA = """
CREATE TABLE IF NOT EXISTS dirs(
  id INTEGER PRIMARY KEY, parent INTEGER, name BLOB, ino INTEGER, mode INTEGER, digest BLOB, remote INTEGER,
  UNIQUE(parent, name));
CREATE INDEX IF NOT EXISTS dirs_ino ON dirs(ino);
CREATE TABLE IF NOT EXISTS files(
  dir INTEGER, name BLOB, kind TEXT, mode INTEGER, size INTEGER, mtime INTEGER, ctime INTEGER, ino INTEGER,
  racy INTEGER, hash TEXT, local TEXT, target BLOB, link BLOB, stored BLOB, origin INTEGER, point INTEGER,
  rsize INTEGER, rmtime INTEGER, rracy INTEGER, rctime INTEGER, PRIMARY KEY(dir, name)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS files_ino ON files(ino);
CREATE INDEX IF NOT EXISTS files_link ON files(link) WHERE link<>x'';
CREATE TABLE IF NOT EXISTS intents(path BLOB, hash TEXT, PRIMARY KEY(path, hash)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS busy(path BLOB PRIMARY KEY, tries INTEGER);
CREATE TABLE IF NOT EXISTS failed(
  path BLOB PRIMARY KEY, tries INTEGER, size INTEGER, reason TEXT, room INTEGER, boot TEXT, until REAL);
CREATE TABLE IF NOT EXISTS journal(number INTEGER PRIMARY KEY, path BLOB, gone INTEGER);
CREATE TABLE IF NOT EXISTS trash(
  number INTEGER PRIMARY KEY AUTOINCREMENT, name BLOB UNIQUE, path BLOB, size INTEGER, origin INTEGER, came REAL,
  boot TEXT, at TEXT, gone INTEGER, beyond INTEGER);
CREATE INDEX IF NOT EXISTS trash_path ON trash(path);
CREATE TABLE IF NOT EXISTS events(number INTEGER PRIMARY KEY, at TEXT, kind TEXT, text TEXT);
CREATE TABLE IF NOT EXISTS questions(
  id TEXT PRIMARY KEY, text TEXT, answers TEXT, answer TEXT, number INTEGER, upto INTEGER);
CREATE TABLE IF NOT EXISTS asked(
  question TEXT, path BLOB, size INTEGER, number INTEGER, PRIMARY KEY(question, path)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS listing(
  path BLOB PRIMARY KEY, kind TEXT, mode INTEGER, size INTEGER, mtime INTEGER, ctime INTEGER);
CREATE TABLE IF NOT EXISTS listed(path BLOB PRIMARY KEY);
CREATE TABLE IF NOT EXISTS base(path BLOB PRIMARY KEY, row TEXT);
CREATE TABLE IF NOT EXISTS state(key TEXT PRIMARY KEY, value TEXT);
CREATE TEMP TABLE IF NOT EXISTS todo(
  number INTEGER PRIMARY KEY, path BLOB, kind TEXT, ino INTEGER, size INTEGER, mtime INTEGER);
CREATE TEMP TABLE IF NOT EXISTS groups(path BLOB PRIMARY KEY) WITHOUT ROWID;
CREATE TEMP TABLE IF NOT EXISTS gone(path BLOB PRIMARY KEY, size INTEGER, origin INTEGER, fate INTEGER);
CREATE TEMP TABLE IF NOT EXISTS covered(path BLOB PRIMARY KEY) WITHOUT ROWID;
INSERT OR IGNORE INTO dirs(id, parent, name, ino, mode, remote) VALUES (1, 0, x'', 0, 0, 1);
"""


class OtherVersion(sqlite3.DatabaseError):
    """An index whose tables are not those of this version."""


class Table:
    """A part of the index, with tables of its own; changes are kept by the whole index."""

    def __init__(self, store: Store) -> None:
        self._store, self._db = store, store.db


class Store:
    """The connection; changes are kept by `commit`, all or nothing."""

    reserves = False
    """Whether room is kept beside it for the time when the volume is full."""

    def __init__(self, path: Path | str, reading: bool = False) -> None:
        self._folder, self.reading = Path(path).parent, reading
        if reading:  # no content is made or changed
            self.db = sqlite3.connect(f"{Path(path).absolute().as_uri()}?mode=ro", uri=True, timeout=30)
            self._check_version()
            return
        if self.reserves:
            give_up(self._folder)
        self.db = sqlite3.connect(path, isolation_level=None, timeout=30)
        self.db.execute("PRAGMA journal_mode=WAL")
        self.db.execute("PRAGMA synchronous=FULL")
        self.db.execute("PRAGMA cache_size=-16000")
        self._check_version()
        self.db.executescript(SCHEMA)

    def _check_version(self) -> None:
        """Raise OtherVersion; a new file becomes one of this version."""
        (version,) = self.db.execute("PRAGMA user_version").fetchone()
        if not version and not self.db.execute("SELECT 1 FROM sqlite_master").fetchone():
            self.db.execute(f"PRAGMA user_version={VERSION}")
        elif version != VERSION:
            self.db.close()
            which = "a later" if version > VERSION else "an earlier"
            raise OtherVersion(f"the index is of {which} version of this software ({version}, not {VERSION})")

    def close(self) -> None:
        """Give up what was not committed."""
        self.db.close()
        if self.reserves and not self.reading:
            reserve(self._folder)

    def begin(self) -> None:
        """Start a change, if none is going on."""
        if not self.db.in_transaction:
            self.db.execute("BEGIN")

    def commit(self) -> None:
        """Keep everything since the last `commit`."""
        if self.db.in_transaction:
            self.db.execute("COMMIT")

    def get_state(self, key: str, default: Any = None) -> Any:
        """A value that was kept."""
        row = self.db.execute("SELECT value FROM state WHERE key=?", (key,)).fetchone()
        return json.loads(row[0]) if row else default

    def set_state(self, key: str, value: Any) -> None:
        """Keep a value of JSON types."""
        self.begin()
        self.db.execute("INSERT OR REPLACE INTO state VALUES (?, ?)", (key, json.dumps(value)))
