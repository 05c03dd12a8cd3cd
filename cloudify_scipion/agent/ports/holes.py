"""Reading and writing files of which most may be holes: those are neither read nor sent, and stay holes."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator

from cloudify_scipion.agent.ports.calls import UNSUPPORTED, patient
from cloudify_scipion.agent.ports.tree import Tree

CHUNK = 1 << 20
WORTH = 1 << 20
"""Bytes from which it is worth while to ask for holes: a small file costs no call more."""
_ALL = 1 << 62


def pieces(fd: int, size: int, growing: bool = False) -> Iterator[bytes | int]:
    """The content of an open file of so many bytes, from its beginning: data, or how many bytes a hole has.

    What is there beyond that size comes as well, unless the file may be `growing`: that might never end.
    """
    if size < WORTH:
        yield from _data(fd, size) if growing else _small(fd, size)
        return
    yield from _extents(fd, size)
    if not growing:
        yield from _data(fd, _ALL)


def _small(fd: int, size: int) -> Iterator[bytes]:
    """All of a small file, by one call where it has as many bytes as it says: one more was asked for in vain then."""
    first = patient(os.read, fd, size + 1)
    if first:
        yield first
    if len(first) != size:
        yield from _data(fd, _ALL)


def _extents(fd: int, size: int) -> Iterator[bytes | int]:
    at = 0
    while at < size:
        begin, end = _next_data(fd, at, size)
        if begin > at:
            yield begin - at
        os.lseek(fd, begin, os.SEEK_SET)
        for data in _data(fd, end - begin):
            begin += len(data)
            yield data
        if begin < end:
            return  # it was cut short meanwhile
        at = end
    os.lseek(fd, size, os.SEEK_SET)


def _data(fd: int, length: int) -> Iterator[bytes]:
    while length > 0 and (data := patient(os.read, fd, min(CHUNK, length))):
        length -= len(data)
        yield data


def _next_data(fd: int, at: int, size: int) -> tuple[int, int]:
    """Where the next data begin and end. A file system that knows no holes says that all is data."""
    try:
        begin = min(os.lseek(fd, at, os.SEEK_DATA), size)
        end = min(os.lseek(fd, begin, os.SEEK_HOLE), size) if begin < size else size
    except OSError as error:
        if error.errno == errno.ENXIO:
            return size, size
        if error.errno in UNSUPPORTED:
            return at, size
        raise
    return begin, end if end > begin else size


def taken(fd: int, size: int) -> int:
    """How many of a file's bytes are data."""
    at = total = 0
    while at < size:
        begin, end = _next_data(fd, at, size)
        total, at = total + end - begin, end
    return total


class Sink:
    """Writes pieces to a new file of a tree, which has the holes then."""

    def __init__(self, tree: Tree, fd: int) -> None:
        self._tree, self._fd = tree, fd
        self.size = 0
        self._skipped = False

    def add(self, piece: bytes | int) -> None:
        """The next piece."""
        if isinstance(piece, int):
            self.size += piece
            self._skipped = True
            return
        if self._skipped:
            os.lseek(self._fd, self.size, os.SEEK_SET)
            self._skipped = False
        self._tree.write(self._fd, piece)
        self.size += len(piece)

    def end(self) -> None:
        """No more comes."""
        if self._skipped:
            self._tree.truncate(self._fd, self.size)
