"""Copies of SQLite databases that others may be writing to, by SQLite's own backup.

SQLite opens paths by itself and follows links. So it is handed the way through an open folder, and before anything is
read of what it opened, that must be the very file that we opened without following any link. One at a time, so that
nobody else's open file is taken for that one.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import sqlite3
import threading
from collections.abc import Iterator
from fcntl import F_GETFL, fcntl
from pathlib import Path
from urllib.parse import quote

from cloudify_scipion.agent.plan.names import split
from cloudify_scipion.agent.ports.tree import Tree

HEADER = b"SQLite format 3\0"
SIDECARS = (b"-wal", b"-journal", b"-shm")
_WAIT_SECONDS = 5.0
_READ_VERSION = 19
"""Where in the header that stands: 2 for a write-ahead log."""
_UNREADABLE = (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


_ONE = threading.Lock()
_BEGINNINGS = {
    b"-wal": (b"\x37\x7f\x06\x82", b"\x37\x7f\x06\x83"),
    b"-journal": (b"\xd9\xd5\x05\xf9",),
    b"-shm": (b"\x18\xe2\x2d\x00", b"\x00\x2d\xe2\x18"),
}
"""How the files beside a database begin, or with zeros where they are not used just now."""


class NoScratch(OSError):
    """There is no room on the volume for a copy."""


class StillWritten(Exception):
    """Somebody writes to it now, or died while writing: another time."""


def is_database(tree: Tree, path: bytes) -> bool:
    """Whether a file begins as SQLite's databases do."""
    try:
        return _beginning(tree, path, len(HEADER)) == HEADER
    except OSError:
        return False


def is_sidecar(tree: Tree, path: bytes) -> bool:
    """Whether a file of such a name is what SQLite puts beside a database, and not somebody's own."""
    end = next(end for end in SIDECARS if path.endswith(end))
    try:
        found = _beginning(tree, path, 4)
    except OSError as error:
        return error.errno == errno.ENOENT  # they come and go
    return found in _BEGINNINGS[end] or not found.strip(b"\0")


def _beginning(tree: Tree, path: bytes, length: int) -> bytes:
    fd = tree.open(path)
    try:
        return os.pread(fd, length, 0)
    finally:
        os.close(fd)


def base_of_sidecar(name: bytes) -> bytes:
    """The database that a name such as `X-wal` would belong to, empty for other names."""
    return next((name[: -len(end)] for end in SIDECARS if name.endswith(end) and len(name) > len(end)), b"")


@contextlib.contextmanager
def room_for_copy() -> Iterator[None]:
    """What is written here is our own copy on the volume: a full one is told by NoScratch."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise NoScratch(error.errno, "no room on the volume for a copy") from error
        raise
    except sqlite3.Error as error:
        if error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_FULL:
            raise NoScratch(errno.ENOSPC, "no room on the volume for a copy") from error
        raise


def backup(tree: Tree, path: bytes, fd: int, copy: Path) -> None:
    """Write the database at `path`, open as `fd`, to `copy` as of one moment. Raises StillWritten or NoScratch."""
    with room_for_copy(), _ONE:
        _backup(tree, path, fd, copy)


def _backup(tree: Tree, path: bytes, fd: int, copy: Path) -> None:
    copy.unlink(missing_ok=True)
    if _needs_wal(fd) and tree.stat(path + b"-wal") is None:
        _copy_at_rest(tree, path, fd, copy)  # even to read it, SQLite would make one
        return
    folder, name = split(path)
    above = tree.folder(folder)
    uri = f"file:/proc/self/fd/{above.fd}/{quote(name)}?mode=ro&readonly_shm=1"
    try:
        with contextlib.closing(sqlite3.connect(uri, uri=True, timeout=_WAIT_SECONDS)) as source:
            source.execute("PRAGMA schema_version").fetchone()  # opens the file
            _must_be_same(fd)
            with contextlib.closing(sqlite3.connect(copy)) as target:
                target.execute("PRAGMA synchronous=OFF")
                source.backup(target)
        if copy.stat().st_size != os.fstat(fd).st_size and not has_journal(tree, path):
            _copy_at_rest(tree, path, fd, copy)  # cut short, or more than a database
    except sqlite3.Error as error:
        copy.unlink(missing_ok=True)
        if error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_FULL:
            raise
        if error.sqlite_errorcode & 0xFF not in _UNREADABLE or has_journal(tree, path):
            raise StillWritten(str(error)) from error
        _copy_at_rest(tree, path, fd, copy)
    finally:
        give_to_owner(tree, path, fd)


def _needs_wal(fd: int) -> bool:
    """Whether the header says that the database is read with a -wal beside it."""
    return os.pread(fd, 1, _READ_VERSION) == b"\2"


def has_journal(tree: Tree, path: bytes) -> bool:
    """Whether there is something that belongs to a database and is not in its file."""
    there = [path + end for end in (b"-wal", b"-journal") if (facts := tree.stat(path + end)) and facts.st_size > 0]
    return any(is_sidecar(tree, name) for name in there)


def _copy_at_rest(tree: Tree, path: bytes, fd: int, copy: Path) -> None:
    """A database that nobody has open, and that SQLite would have to write beside to read it; or a damaged one."""
    with os.fdopen(os.dup(fd), "rb") as source, copy.open("wb") as target:
        source.seek(0)
        shutil.copyfileobj(source, target, 1 << 20)
    if has_journal(tree, path):
        raise StillWritten("somebody has opened it meanwhile")


def give_to_owner(tree: Tree, path: bytes, fd: int) -> None:
    """SQLite makes an empty -wal if the last writer took its own away just now: let the user write to it."""
    owner, made = os.fstat(fd), tree.stat(path + b"-wal")
    if made is not None and made.st_uid == tree.uid != owner.st_uid and made.st_size == 0:
        tree.chown_link(path + b"-wal", owner.st_uid, owner.st_gid)


def _must_be_same(fd: int) -> None:
    """What SQLite has opened, which is without O_NONBLOCK, unlike all that we open in a tree."""
    wanted = os.fstat(fd)
    for name in os.listdir("/proc/self/fd"):  # noqa: PTH208 - names are numbers
        with contextlib.suppress(OSError):
            if os.path.samestat(os.fstat(int(name)), wanted) and not fcntl(int(name), F_GETFL) & os.O_NONBLOCK:
                return
    raise StillWritten("another file was put in its place")


def recovered(tree: Tree, path: bytes, copy: Path) -> None:
    """The same for a database whose writer died: a raw copy with its journal, recovered in our own folder.

    Raises StillWritten if what was copied is no database, or NoScratch.
    """
    with room_for_copy():
        _recovered(tree, path, copy)


def _recovered(tree: Tree, path: bytes, copy: Path) -> None:
    for end in (b"", b"-wal", b"-journal"):
        target = copy.with_name(copy.name + end.decode())
        target.unlink(missing_ok=True)
        try:
            fd = tree.open(path + end)
        except OSError:
            if end == b"":
                raise
            continue
        with os.fdopen(fd, "rb") as source, target.open("wb") as stream:
            shutil.copyfileobj(source, stream, 1 << 20)
    try:
        with contextlib.closing(sqlite3.connect(copy, timeout=_WAIT_SECONDS)) as database:
            database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            database.execute("PRAGMA journal_mode=DELETE").fetchall()
            database.execute("PRAGMA schema_version").fetchone()
    except sqlite3.Error as error:
        if error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_FULL:
            raise
        raise StillWritten(str(error)) from error
    finally:
        for end in SIDECARS:
            copy.with_name(copy.name + end.decode()).unlink(missing_ok=True)
