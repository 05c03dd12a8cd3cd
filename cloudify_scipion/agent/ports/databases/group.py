"""Raw copies of a database with what lies beside it, all of one moment: of one whose writer died, or that nobody reads.

What a dead writer has left is replayed or rolled back in the copy.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import stat
from collections.abc import Iterator
from pathlib import Path

from cloudify_scipion.agent.plan.names import BESIDE
from cloudify_scipion.agent.ports.databases.beside import JOURNAL, names_another
from cloudify_scipion.agent.ports.databases.copying import NOTHING, Look, Report, Source, copy_all, look, new_file
from cloudify_scipion.agent.ports.databases.locking import Locked, Unreadable

ENDS = ("", *(end.decode() for end in BESIDE))
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_OF_THE_COPY = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN)
_OPCODES = 1_000_000
"""How often SQLite lets us say that we are alive."""


def copy_group(source: Source, copy: Path, report: Report) -> list[str]:
    """Copy a file and what lies beside it, if none of them changes meanwhile; returns the ends of those that are there.

    Raises Locked.
    """
    remove_group(copy)
    with contextlib.ExitStack() as stack:
        found = {end: stack.enter_context(_opened(source, end)) for end in ENDS}
        before = {end: _look(fd, settle=True) for end, fd in found.items()}
        for end, fd in found.items():
            if fd >= 0:
                with new_file(Path(f"{copy}{end}")) as target:
                    copy_all(fd, target, report)
        if before != {end: _look(fd) for end, fd in found.items()} or not _still(source, found):
            raise Locked("it is still being written")
        return [end for end, fd in found.items() if fd >= 0 and end]


def recover(source: Source, copy: Path, report: Report) -> None:
    """What a database held when it was last committed, as one file. Raises Locked, or Unreadable if SQLite cannot."""
    copy_group(source, copy, report)
    with contextlib.suppress(FileNotFoundError), Path(f"{copy}{JOURNAL.decode()}").open("rb") as stream:
        if names_another(stream.fileno()):
            raise Unreadable("a change of several databases at once was not finished")
    with contextlib.suppress(OSError):  # whoever opens it first makes it anew
        Path(f"{copy}-shm").unlink(missing_ok=True)
    try:
        with contextlib.closing(sqlite3.connect(copy, isolation_level=None)) as database:
            database.set_progress_handler(report, _OPCODES)
            database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            database.execute("PRAGMA journal_mode=DELETE").fetchall()
            if database.execute("PRAGMA quick_check(1)").fetchall() != [("ok",)]:
                raise Unreadable("it is damaged")
    except sqlite3.Error as error:
        if error.sqlite_errorcode & 0xFF in _OF_THE_COPY:
            raise
        raise Unreadable(str(error)) from error


def remove_group(copy: Path) -> None:
    """Remove a copy and what lies beside it."""
    for end in ENDS:
        with contextlib.suppress(OSError):  # the next push tries again
            Path(f"{copy}{end}").unlink(missing_ok=True)


@contextlib.contextmanager
def _opened(source: Source, end: str) -> Iterator[int]:
    """A descriptor to read a regular file, -1 where there is none."""
    try:
        fd = os.open(source.name + end, _READ, dir_fd=source.folder)
    except OSError:
        if (facts := source.facts(end)) is not None and stat.S_ISREG(facts.st_mode):
            raise
        yield -1
        return
    try:
        yield fd if stat.S_ISREG(os.fstat(fd).st_mode) else -1
    finally:
        os.close(fd)


def _look(fd: int, settle: bool = False) -> Look:
    return look(fd, settle) if fd >= 0 else NOTHING


def _still(source: Source, found: dict[str, int]) -> bool:
    """Whether the names still are those of the files that were opened."""
    for end, fd in found.items():
        facts = source.facts(end)
        regular = facts is not None and stat.S_ISREG(facts.st_mode)
        if regular != (fd >= 0) or (regular and facts is not None and not os.path.samestat(facts, os.fstat(fd))):
            return False
    return True
