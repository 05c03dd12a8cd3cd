"""The volume beside a restore on trial: every name, kind, link, mode, time, digest, and which names are one file.

Databases of the trial are opened in scratch copies, with what would lie beside them.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cloudify_scipion.agent.plan.names import BESIDE, RESERVED, base_of, joined
from cloudify_scipion.agent.plan.restored import PLAIN_FOLDER, file_mode, folder_mode
from cloudify_scipion.agent.ports.calls import close_read, patient
from cloudify_scipion.agent.ports.databases.beside import belongs, facts_of, has_change_beside
from cloudify_scipion.agent.ports.facts import ino_of, kind, mtime_of
from cloudify_scipion.agent.ports.read_tree import ReadTree
from cloudify_scipion.agent.ports.tables.rows import Row
from cloudify_scipion.agent.ports.tables.trial import Trial
from cloudify_scipion.agent.work.content import CHUNK
from cloudify_scipion.agent.work.scratch import copied, naming
from cloudify_scipion.agent.work.world import World

MAX_TOLD = 1000
_OF_THE_DISK = (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM,
                sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)  # fmt: skip
"""No content makes SQLite say that: a copy of which it does is no proof, whatever is said of the other one."""


@dataclass
class Proven:
    """What a new machine would get of the volume; `more` is what it would get besides. `wrong`: (path, difference)."""

    files: int = 0
    folders: int = 0
    links: int = 0
    databases: int = 0
    more: int = 0
    wrong: list[tuple[bytes, str]] = field(default_factory=list)

    def counts(self) -> dict[str, int]:
        """How many of each kind."""
        return {"files": self.files, "folders": self.folders, "links": self.links, "databases": self.databases}

    def differs(self, path: bytes, reason: str) -> None:
        """Something is not as it is here."""
        if len(self.wrong) < MAX_TOLD:
            self.wrong.append((path, reason))


def compare(world: World, trial: Trial) -> Proven:
    """Walk through the volume, folder by folder."""
    found = Proven()
    stack = [b""]
    while stack:
        path = stack.pop()
        world.session.beat()
        try:
            entries = world.tree.entries(path)
        except OSError as error:
            found.differs(path, f"the folder cannot be read here: {error.strerror}")
            continue
        inside = [(name, st) for name, st in entries if path or name != RESERVED]
        stack += reversed(list(_compare_folder(world, trial, path, inside, found)))
    world.tree.forget()
    for path, other in trial.parted_names():
        found.differs(path, f"it would not be the same file as {os.fsdecode(other)}")
    found.more = trial.files.totals()[0] - found.files - found.links
    return found


def _compare_folder(
    world: World, trial: Trial, path: bytes, entries: list[tuple[bytes, os.stat_result]], found: Proven
) -> Iterator[bytes]:
    """Compare what is in a folder; yields the folders in it."""
    here, there = world.index.folders.number(path), trial.folders.number(path)
    known = world.index.files.inside(here) if here is not None else {}
    rows = trial.files.inside(there) if there is not None else {}
    folders = trial.folders.inside(there) if there is not None else {}
    names = {name for name, _ in entries}
    for name, facts in entries:
        inside, form = joined(path, name), kind(facts)
        if form == "d":
            yield inside
            found.folders += 1
            mode = folders[name].mode or PLAIN_FOLDER if name in folders else -1
            if name not in folders:
                found.differs(inside, "the folder would not be there")
            elif mode != folder_mode(facts.st_mode):
                found.differs(inside, f"it would have mode {mode:o} instead of {folder_mode(facts.st_mode):o}")
        elif form == "l":
            found.links += 1
            row = rows.get(name)
            if row is None or row.kind != "l":
                found.differs(inside, "the link would not be there" if row is None else "it would be no link")
            elif row.target != _target_of(world, inside):
                found.differs(inside, f"it would point to {os.fsdecode(row.target)}")
        elif form == "f" and not _is_side(world, path, name, names, known):
            found.files += 1
            _compare_file(inside, facts, known.get(name), rows.get(name), trial, found)


def _target_of(world: World, path: bytes) -> bytes | None:
    """Where a link points to here, None if nobody can tell."""
    with contextlib.suppress(OSError):
        return world.tree.readlink(path)
    return None


def _is_side(world: World, path: bytes, name: bytes, names: set[bytes], known: Mapping[bytes, Row]) -> bool:
    """Whether a file is SQLite's own beside a database, and is not saved: what it says is in the database's copy."""
    base = base_of(name)
    return name not in known and base in names and belongs(world.tree, joined(path, base), joined(path, name))


def _compare_file(
    path: bytes, facts: os.stat_result, saved: Row | None, row: Row | None, trial: Trial, found: Proven
) -> None:
    if saved is None:
        found.differs(path, "it is not known to be saved")
    elif row is None or row.kind != "f":
        found.differs(path, "it would not be there" if row is None else "it would be no file")
    elif row.hash != saved.hash:
        found.differs(path, "it would have another content")
    elif row.mode != file_mode(facts.st_mode):
        found.differs(path, f"it would have mode {row.mode:o} instead of {file_mode(facts.st_mode):o}")
    elif row.mtime != mtime_of(facts):
        found.differs(path, f"it would have the time {row.mtime} ns instead of {mtime_of(facts)}")
    elif facts.st_nlink > 1:
        trial.note_name(ino_of(facts), path, row.link or path)
    elif row.link:
        found.differs(path, f"it would be another name of {os.fsdecode(row.link)}")


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
        row, there = world.index.files.get(path), trial.files.get(path)
        if row is None or there is None:
            continue
        found.databases += 1
        world.session.beat()
        beside = {end: side for end in BESIDE if (side := trial.files.get(path + end)) is not None and side.kind == "f"}
        strange = [end for end, side in beside.items() if not _is_here(world, path + end, side)]
        live = row.point or row.local not in ("", row.hash) or has_change_beside(world.tree, path)
        grouped = any(world.index.files.get(path + end) is not None for end in BESIDE)  # raw: saved as it lies here
        if strange or (live and not grouped):
            try:
                _open(world, space, path, row, list(beside), strange, found)
            except OSError as error:
                found.differs(path, f"it cannot be opened on trial: {error.strerror}")


def _is_here(world: World, path: bytes, side: Row) -> bool:
    """Whether what would lie beside a database lies beside it here as well, with that content."""
    row = world.index.files.get(path)
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
    return kind(facts_of(tree, path)) == "f"


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
        close_read(fd)


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
