"""Copies of databases as of one moment. No writer is locked out for longer than a moment meanwhile.

A database with a rollback journal is copied under SQLite's lock, which is given back again and again: whoever commits
then makes the copy begin anew. One with a write-ahead log is read as it was at one commit, which hinders nobody.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fcntl import ioctl
from pathlib import Path

from cloudify_scipion.agent.plan.ruins import is_zeros
from cloudify_scipion.agent.ports.databases.locking import Database, LeftBehind, Locked, Unreadable

CHUNK = 1 << 20
_PAGES = 256
_READ_VERSION = 19
"""Where in the header that stands: 2 for a write-ahead log."""
_FICLONE = 0x40049409
_OTHER_WAY = (errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EPERM, errno.ENOTTY, errno.EBADF)
Report = Callable[[], None]
_TICK_SECONDS = 0.02
"""The kernel's clock of file times goes on every 1 to 10 ms: a file may change twice within."""
Look = tuple[int, int, int, int, bytes]
NOTHING: Look = (-1, 0, 0, 0, b"")


@dataclass(frozen=True)
class Limits:
    """Seconds: for a lock, for one that was given back, under it at a stretch, without it in between; and how often to
    begin anew."""

    wait: float = 1.0
    again: float = 0.5
    slice: float = 0.25
    pause: float = 0.1
    turns: int = 5


@dataclass(frozen=True)
class Source:
    """A file that is open as `fd`, the open folder that it is in, and its name there."""

    folder: int
    name: str
    fd: int

    def has(self, end: str) -> bool:
        """Whether anything lies beside it under its name and that."""
        return self.facts(end) is not None

    def facts(self, end: str) -> os.stat_result | None:
        """What that is; None also where no name could be so long."""
        try:
            return os.stat(self.name + end, dir_fd=self.folder, follow_symlinks=False)
        except OSError as error:
            if error.errno in (errno.ENOENT, errno.ENAMETOOLONG):
                return None
            raise


class Unwritable(OSError):
    """The copy cannot be written."""


@contextlib.contextmanager
def of_the_copy() -> Iterator[None]:
    """What fails here is the copy's. Raises Unwritable."""
    try:
        yield
    except OSError as error:
        raise Unwritable(error.errno, error.strerror) from error


def copy_database(source: Source, copy: Path, limits: Limits, report: Report) -> None:
    """Write a database to the new file `copy` as of one moment. Raises Locked, Unreadable, LeftBehind."""
    with new_file(copy) as target:
        if is_wal(source.fd) and not source.has("-wal"):
            _copy_at_rest(source, target, report)  # even to read it, SQLite would make one
            return
        try:
            _copy_open(source, copy, target, limits, report)
        except LeftBehind:
            if source.has("-wal") or source.has("-journal"):
                raise
            _copy_at_rest(source, target, report)  # its path is too long for SQLite, say
        finally:
            _give_to_owner(source)


def _copy_open(source: Source, copy: Path, target: int, limits: Limits, report: Report) -> None:
    with Database(source.folder, source.name, source.fd) as database:
        database.lock(limits.wait)
        if database.has_wal():
            _copy_snapshot(database, copy, report)
        else:
            _copy_in_slices(database, target, limits, report)


@contextlib.contextmanager
def new_file(path: Path) -> Iterator[int]:
    """A descriptor of a new file of ours, in place of an old one. Raises Unwritable."""
    with of_the_copy():
        path.unlink(missing_ok=True)
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        yield fd
    finally:
        with of_the_copy():
            os.close(fd)


def is_wal(fd: int) -> bool:
    """Whether the header says that the database is read with a -wal beside it."""
    return os.pread(fd, 1, _READ_VERSION) == b"\2"


def _copy_in_slices(database: Database, target: int, limits: Limits, report: Report) -> None:
    """Begin anew whenever something was committed while others had their turn."""
    for _ in range(limits.turns):
        cut(target, 0)
        if clone(database.fd, target) or _copied(database, target, limits, report):
            return
    raise Locked("it is changed all the time")


def _copied(database: Database, target: int, limits: Limits, report: Report) -> bool:
    """Copy it, if nobody commits before the end."""
    version, at, since = look(database.fd), 0, time.monotonic()
    while size := copy_some(database.fd, target, at):
        at += size
        if time.monotonic() - since < limits.slice:
            continue
        database.unlock()
        report()
        time.sleep(limits.pause)
        database.lock(limits.again)
        if look(database.fd) != version:
            if database.has_wal():
                raise Locked("it has a write-ahead log since just now")
            return False
        since = time.monotonic()
    cut(target, at)
    return True


def _copy_snapshot(database: Database, target: Path, report: Report) -> None:
    """All as it was when the lock was taken."""

    def step(status: int, *_: int) -> None:
        if status in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            raise Locked("it cannot be read just now")  # else it would be tried again without end
        report()

    with contextlib.closing(sqlite3.connect(target, isolation_level=None)) as copy:
        copy.execute("PRAGMA journal_mode=OFF")
        copy.execute("PRAGMA synchronous=OFF")
        try:
            database.connection.backup(copy, pages=_PAGES, progress=step)
        except sqlite3.Error as error:
            if error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_FULL:
                raise
            if error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
                raise Unreadable(str(error)) from error
            raise Locked(str(error)) from error


def _copy_at_rest(source: Source, target: int, report: Report) -> None:
    """A database that nobody has open."""
    cut(target, 0)
    before = look(source.fd, settle=True)
    copy_all(source.fd, target, report)
    if look(source.fd) != before or source.has("-wal") or source.has("-journal"):
        raise Locked("somebody has opened it meanwhile")


def copy_all(fd: int, target: int, report: Report) -> None:
    """Copy an open file as it is, to an empty one."""
    at = 0
    if clone(fd, target):
        return
    while size := copy_some(fd, target, at):
        at += size
        report()
    cut(target, at)


def cut(target: int, size: int) -> None:
    """Let a copy have that size."""
    with of_the_copy():
        os.ftruncate(target, size)


def clone(fd: int, target: int) -> bool:
    """Let two files share what they hold, where the file system can."""
    try:
        ioctl(target, _FICLONE, fd)
    except OSError as error:
        if error.errno not in _OTHER_WAY:
            raise
        return False
    return True


def copy_some(fd: int, target: int, at: int) -> int:
    """Copy a piece to the same place, zeros as a hole; returns its length, 0 at the end."""
    data = os.pread(fd, CHUNK, at)
    written = len(data) if is_zeros(data) else 0
    while written < len(data):
        with of_the_copy():
            written += os.pwrite(target, data[written:], at + written)
    return len(data)


def _give_to_owner(source: Source) -> None:
    """SQLite makes an empty -wal if the last writer took its own away just now: let the user write to it."""
    owner, made = os.fstat(source.fd), source.facts("-wal")
    if made is not None and made.st_uid == os.geteuid() != owner.st_uid and made.st_size == 0:
        with contextlib.suppress(FileNotFoundError):
            os.chown(source.name + "-wal", owner.st_uid, owner.st_gid, dir_fd=source.folder, follow_symlinks=False)


def look(fd: int, settle: bool = False) -> Look:
    """An open file's facts, and its first bytes, where SQLite counts the changes.

    `settle`: wait until any later change must give it another time.
    """
    if settle and abs(time.time() - os.fstat(fd).st_mtime) < _TICK_SECONDS:
        time.sleep(_TICK_SECONDS)
    facts = os.fstat(fd)
    return facts.st_ino, facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns, os.pread(fd, 100, 0)
