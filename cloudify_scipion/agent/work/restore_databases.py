"""The databases of a restore on trial, opened in scratch copies with what would lie beside them."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cloudify_scipion.agent.plan.names import BESIDE
from cloudify_scipion.agent.ports.calls import patient
from cloudify_scipion.agent.ports.databases.beside import facts_of, has_change_beside
from cloudify_scipion.agent.ports.facts import kind
from cloudify_scipion.agent.ports.read_tree import ReadTree
from cloudify_scipion.agent.ports.tables.rows import Row
from cloudify_scipion.agent.ports.tables.trial import Trial
from cloudify_scipion.agent.work.content import CHUNK
from cloudify_scipion.agent.work.restore_compare import Proven
from cloudify_scipion.agent.work.scratch import copied, naming
from cloudify_scipion.agent.work.world import World

_OF_THE_DISK = (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM,
                sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)  # fmt: skip
"""No content makes SQLite say that: a copy of which it does is no proof, whatever is said of the other one."""


@dataclass(frozen=True)
class Opened:
    """What SQLite says of a copy, and the digest of its file before and after it was opened."""

    check: str
    before: str
    after: str


def open_databases(world: World, space: ReadTree, trial: Trial, found: Proven) -> None:
    """Add the databases that would not be as they are here to what is wrong.

    One whose bytes are those of the volume's, with the same beside it or nothing, reads there as it does here. All
    others are opened.
    """
    for path in trial.databases():
        row, there = world.index.get(path), trial.get(path)
        if row is None or there is None:
            continue
        found.databases += 1
        world.beat()
        beside = {end: side for end in BESIDE if (side := trial.get(path + end)) is not None and side.kind == "f"}
        strange = [end for end, side in beside.items() if not _is_here(world, path + end, side)]
        live = row.point or row.local not in ("", row.hash) or has_change_beside(world.tree, path)
        grouped = any(world.index.get(path + end) is not None for end in BESIDE)  # raw: saved as it lies here
        if strange or (live and not grouped):
            try:
                _open(world, space, path, row, list(beside), strange, found)
            except OSError as error:
                found.differs(path, f"it cannot be opened on trial: {error.strerror}")


def _is_here(world: World, path: bytes, side: Row) -> bool:
    """Whether what would lie beside a database lies beside it here as well, with that content."""
    row = world.index.get(path)
    return row is not None and row.hash == side.hash and world.tree.stat(path) is not None


def _open(
    world: World, space: ReadTree, path: bytes, row: Row, beside: list[bytes], strange: list[bytes], found: Proven
) -> None:
    with _copied(world, space, row.stored or path, path, beside) as copy:
        there = _opened(world, copy)
    if there.after != there.before:
        names = ", ".join(os.fsdecode(path + end) for end in strange or beside)
        found.differs(path, f"SQLite would change it by what lies beside it there ({names})")
    elif there.check != "ok":
        with _copied(world, world.tree, path, path, list(BESIDE)) as copy:
            here = _opened(world, copy)
        if here.check == "ok":
            found.differs(path, f"SQLite could not read it as it does here: {there.check}")


@contextlib.contextmanager
def _copied(world: World, tree: ReadTree, source: bytes, path: bytes, ends: list[bytes]) -> Iterator[Path]:
    with copied(world) as copy:
        for end in (b"", *ends):
            if not end or _is_file(tree, path + end):
                _copy(world, tree, (path if end else source) + end, Path(f"{copy}{end.decode()}"))
        yield copy


def _is_file(tree: ReadTree, path: bytes) -> bool:
    facts = facts_of(tree, path)
    return facts is not None and kind(facts) == "f"


def _copy(world: World, tree: ReadTree, path: bytes, target: Path) -> None:
    fd = tree.open(path)
    try:
        with naming(world):
            copy = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            while data := patient(os.read, fd, CHUNK):
                with naming(world):
                    world.state.write(copy, data)
        finally:
            with naming(world):
                os.close(copy)
    finally:
        os.close(fd)


def _opened(world: World, copy: Path) -> Opened:
    """What SQLite says of the content; what it says of our own folder is an OSError."""
    with naming(world):
        before = _digest(copy)
        return Opened(_checked(copy), before, _digest(copy))


def _checked(copy: Path) -> str:
    try:
        with contextlib.closing(sqlite3.connect(copy)) as database:
            check = str(database.execute("PRAGMA quick_check(1)").fetchone()[0])
            database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            return check
    except sqlite3.Error as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF in _OF_THE_DISK:
            raise OSError(errno.EIO, str(error)) from error
        return str(error)


def _digest(copy: Path) -> str:
    with copy.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
