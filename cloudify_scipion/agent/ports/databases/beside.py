"""What is a database, and what SQLite keeps beside one: both are known by how they begin, not by their names alone."""

from __future__ import annotations

import errno
import os
import stat
import struct

from cloudify_scipion.agent.plan.names import BESIDE
from cloudify_scipion.agent.ports.calls import patient
from cloudify_scipion.agent.ports.read_tree import NotAFile, ReadTree

HEADER = b"SQLite format 3\0"
WAL, JOURNAL, SHM = BESIDE
_BEGINNINGS = {
    WAL: (b"\x37\x7f\x06\x82", b"\x37\x7f\x06\x83"),
    JOURNAL: (b"\xd9\xd5\x05\xf9",),
    SHM: (b"\x18\xe2\x2d\x00", b"\x00\x2d\xe2\x18"),
}
"""How they begin, or with zeros where they are not used just now."""
_JOURNAL_MAGIC = b"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7"
_JOURNAL_HEADER = 28


def beginning(tree: ReadTree, path: bytes, length: int) -> bytes | None:
    """The first bytes of a regular file, None where there is none."""
    try:
        fd = tree.open(path)
    except (FileNotFoundError, NotADirectoryError, NotAFile):
        return None
    except OSError:
        if (facts := facts_of(tree, path)) is not None and stat.S_ISREG(facts.st_mode):
            raise
        return None  # a link, say
    try:
        return patient(os.pread, fd, length, 0)
    finally:
        os.close(fd)


def facts_of(tree: ReadTree, path: bytes) -> os.stat_result | None:
    """What is at a path, None if there is nothing; also where no name could be so long."""
    try:
        return tree.stat(path)
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            return None
        raise


def is_database(tree: ReadTree, path: bytes) -> bool:
    """Whether a file begins as SQLite's databases do."""
    try:
        return beginning(tree, path, len(HEADER)) == HEADER
    except OSError:
        return False


def is_side(tree: ReadTree, path: bytes) -> bool:
    """Whether a file of such a name is what SQLite puts beside a database, and not somebody's own."""
    found = beginning(tree, path, 4)
    return found is not None and _begins_as_side(path, found)


def says_something(tree: ReadTree, path: bytes) -> bool:
    """Whether such a file changes what SQLite reads in the database: a -wal or a journal that is in use."""
    return _is_in_use(path, beginning(tree, path, 4))


def has_change_beside(tree: ReadTree, path: bytes) -> bool:
    """Whether something lies beside a file that changes what SQLite reads in it."""
    return any(facts_of(tree, path + end) and says_something(tree, path + end) for end in BESIDE)


def belongs(tree: ReadTree, base: bytes, side: bytes) -> bool:
    """Whether `side` is SQLite's and belongs to a file, which may be encrypted, or too new to have a header."""
    return (is_side(tree, side) and is_database(tree, base)) or says_something(tree, side)


def belongs_open(tree: ReadTree, base: bytes, side: bytes, fd: int) -> bool:
    """Whether a file that is open as `fd`, whatever has its name `side` by now, is SQLite's and belongs to `base`."""
    found = patient(os.pread, fd, 4, 0)
    return (_begins_as_side(side, found) and is_database(tree, base)) or _is_in_use(side, found)


def is_regular(tree: ReadTree, path: bytes) -> bool:
    """Whether a regular file is at a path; never at an empty one."""
    facts = facts_of(tree, path) if path else None
    return facts is not None and stat.S_ISREG(facts.st_mode)


def _begins_as_side(path: bytes, found: bytes) -> bool:
    return found in _BEGINNINGS[_end(path)] or not found.strip(b"\0")


def _is_in_use(path: bytes, found: bytes | None) -> bool:
    return _end(path) != SHM and found in _BEGINNINGS[_end(path)]


def _end(path: bytes) -> bytes:
    return next(end for end in BESIDE if path.endswith(end))


def is_new(tree: ReadTree, path: bytes) -> bool:
    """Whether a database's first transaction goes on: it has no header yet, and a journal that begins at nothing."""
    head = beginning(tree, path + JOURNAL, _JOURNAL_HEADER) or b""
    return head.startswith(_JOURNAL_MAGIC) and head[16:20] == bytes(4) and not is_database(tree, path)


def names_another(fd: int) -> bool:
    """Whether an open journal is one of several of one change: then what it means hangs on a further file."""
    size = os.fstat(fd).st_size
    tail = os.pread(fd, 16, max(0, size - 16))
    return size > _JOURNAL_HEADER and tail.endswith(_JOURNAL_MAGIC) and 0 < struct.unpack(">I", tail[:4])[0] < size
