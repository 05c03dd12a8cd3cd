"""Digests of contents. Those of very large files leave out blocks of zeros, so that a hole of a terabyte costs nothing.

A file of less than BIG bytes has its SHA-256 (hex). From there on it is `b64k:` and the SHA-256 of this: for each block
of 64 KiB that is not all zeros its offset (8 bytes, big-endian) and its content, and the file's size in the end.
"""

from __future__ import annotations

import hashlib

from cloudify_scipion.agent.plan.ruins import is_zeros

BIG = 4 << 30
BLOCK = 1 << 16
_ZEROS = bytes(1 << 20)


def hasher_for(size: int) -> Plain | Blocks:
    """The hasher for a file of so many bytes."""
    return Plain() if size < BIG else Blocks()


class Plain:
    """SHA-256 of all bytes."""

    def __init__(self) -> None:
        self._hasher = hashlib.sha256()

    def add(self, piece: bytes | int) -> None:
        """The next bytes, or how many zeros."""
        if not isinstance(piece, int):
            self._hasher.update(piece)
            return
        while piece > 0:
            self._hasher.update(_ZEROS[:piece])
            piece -= len(_ZEROS)

    def hexdigest(self) -> str:
        """Of all that was added."""
        return self._hasher.hexdigest()


class Blocks:
    """SHA-256 of the blocks that are not zeros: the same wherever the holes are."""

    def __init__(self) -> None:
        self._hasher = hashlib.sha256()
        self._at = 0
        """Where the unfinished block begins."""
        self._block = bytearray()

    def add(self, piece: bytes | int) -> None:
        """The next bytes, or how many zeros."""
        if isinstance(piece, int):
            self._skip(piece)
            return
        self._block += piece
        whole = len(self._block) // BLOCK * BLOCK
        for at in range(0, whole, BLOCK):
            self._take(bytes(self._block[at : at + BLOCK]))
        del self._block[:whole]

    def _skip(self, zeros: int) -> None:
        if self._block:
            some = min(zeros, BLOCK - len(self._block))
            self.add(bytes(some))
            zeros -= some
        self._at += zeros // BLOCK * BLOCK
        self._block += bytes(zeros % BLOCK)

    def _take(self, block: bytes) -> None:
        if not is_zeros(block):
            self._hasher.update(self._at.to_bytes(8, "big") + block)
        self._at += len(block)

    def hexdigest(self) -> str:
        """Of all that was added."""
        whole = self._hasher.copy()
        if not is_zeros(bytes(self._block)):
            whole.update(self._at.to_bytes(8, "big") + self._block)
        whole.update((self._at + len(self._block)).to_bytes(8, "big"))
        return "b64k:" + whole.hexdigest()
