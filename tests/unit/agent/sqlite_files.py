"""SQLite files for tests: databases in all states in which a program may leave them."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

from tests.unit.agent.rig import Rig

ENDS = ("-wal", "-journal", "-shm")
KEY = bytes((i * 7 + 13) % 255 + 1 for i in range(4096))


def connect(path: Path, mode: str = "delete") -> sqlite3.Connection:
    """A program that has it open; nothing of its log is written back unasked."""
    path.parent.mkdir(parents=True, exist_ok=True)
    database = sqlite3.connect(path, isolation_level=None)
    database.execute(f"PRAGMA journal_mode={mode}")
    database.execute("PRAGMA wal_autocheckpoint=0")
    return database


def fill(database: sqlite3.Connection, word: str, rows: int = 50) -> None:
    """Commit so many rows."""
    database.execute("CREATE TABLE IF NOT EXISTS t(x)")
    database.execute("BEGIN")
    database.executemany("INSERT INTO t VALUES (?)", [(word * 40,)] * rows)
    database.execute("COMMIT")


def begin(database: sqlite3.Connection, rows: int = 400) -> None:
    """A transaction that has begun to change the file, and has a journal."""
    database.execute("PRAGMA cache_size=3")
    database.execute("BEGIN")
    database.execute("CREATE TABLE IF NOT EXISTS t(x)")
    database.executemany("INSERT INTO t VALUES (?)", [("unfinished" * 50,)] * rows)


def left(folder: Path, target: Path, name: str, end: str) -> None:
    """What a dead program has left: a database with a hot journal, or a log with committed rows."""
    source = folder / f"program{end}"
    shutil.rmtree(source, ignore_errors=True)
    database = connect(source / name, "wal" if end == "-wal" else "delete")
    fill(database, "old", 10)
    if end == "-wal":
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        fill(database, "log", 10)
    else:
        begin(database)
    for path in source.iterdir():
        if not path.name.endswith("-shm"):
            shutil.copy(path, target / path.name)
    database.close()


def count(path: Path) -> int:
    """What SQLite finds when it opens a copy, with all that lies beside it."""
    with tempfile.TemporaryDirectory() as folder:
        for end in ("", *ENDS):
            if path.with_name(path.name + end).exists():
                shutil.copy(path.with_name(path.name + end), Path(folder, path.name + end))
        with closing(sqlite3.connect(Path(folder, path.name))) as database:
            assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            return int(database.execute("SELECT count(*) FROM t").fetchone()[0])


def encrypted(data: bytes, plain: int) -> bytes:
    """As programs do that encrypt all but the beginning of each file."""
    return data[:plain] + bytes(byte ^ KEY[i % 4096] for i, byte in enumerate(data[plain:], plain))


def beside(folder: Path, name: str) -> list[str]:
    """The ends of what lies beside a file there."""
    return [end for end in ENDS if (folder / f"{name}{end}").exists()]


def another(rig: Rig, folder: Path) -> Rig:
    """A new machine, after its first pull."""
    made = Rig(folder, rig.space, machine="m2", generation=rig.generation + 1, clock=rig.clock)
    made.pull()
    return made
