"""Files of a tree as streams, for what reads and writes streams."""

from __future__ import annotations

import io
import os
from typing import TYPE_CHECKING

from cloudify_scipion.agent.plan.digests import Plain
from cloudify_scipion.agent.ports.calls import close_read, patient
from cloudify_scipion.agent.ports.read_tree import ReadTree
from cloudify_scipion.agent.ports.tree import Tree

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

CHUNK = 1 << 20


class Reader(io.RawIOBase):
    """An open file of a tree; a plain stream would take EAGAIN for its end. Closes the descriptor."""

    def __init__(self, fd: int) -> None:
        super().__init__()
        self._fd = fd

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """Go elsewhere."""
        return os.lseek(self._fd, offset, whence)

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Read some."""
        return patient(os.readv, self._fd, [buffer])

    def close(self) -> None:
        """Also the descriptor."""
        if not self.closed:
            close_read(self._fd)
        super().close()


class Writer:
    """Writes to an open file of a tree, and knows the size and the digest of what it has written."""

    def __init__(self, tree: Tree, fd: int) -> None:
        self._tree, self._fd = tree, fd
        self._hasher = Plain()
        self._kept = bytearray()
        self.size = 0

    def write(self, data: bytes, /) -> int:
        """Write all of it, sooner or later."""
        self._hasher.add(data)
        self._kept += data
        self.size += len(data)
        if len(self._kept) >= CHUNK:
            self.flush()
        return len(data)

    def flush(self) -> None:
        """Write what was kept back, so that there are few calls."""
        if self._kept:
            self._tree.write(self._fd, bytes(self._kept))
        self._kept.clear()

    @property
    def digest(self) -> str:
        """Of all that was written."""
        return self._hasher.digest()


def open_reader(tree: ReadTree, path: bytes) -> io.BufferedReader:
    """A file as a stream that can be read again from its beginning."""
    return io.BufferedReader(Reader(tree.open(path)), CHUNK)
