"""Digests of contents, which name how they were made. Another algorithm is added to ALGORITHMS, and named by ALGORITHM.

A digest is `NAME:` of its algorithm and the hex of that; SHA-256, which came first, has no name. Digests of very large
files leave out blocks of zeros, so that a hole of a terabyte costs nothing: from BIG bytes on it is `b64k:` and the
digest of this: for each block of 64 KiB that is not all zeros its offset (8 bytes, big-endian) and its content, and the
file's size in the end.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from typing import BinaryIO

from cloudify_scipion.agent.errors import AgentError
from cloudify_scipion.agent.plan.ruins import is_zeros

FIRST = "sha256"
"""By which digests without a name were made."""
ALGORITHM = FIRST
"""By which new digests are made."""
ALGORITHMS: dict[str, Callable[[], hashlib._Hash]] = {FIRST: hashlib.sha256}
"""All that this version knows."""
_used = {FIRST}
BIG = 4 << 30
BLOCK = 1 << 16
_ZEROS = bytes(1 << 20)


class UnknownAlgorithm(AgentError, code=1):
    """A digest that a later version of this software has made."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"digests of the manifest or the index were made by the algorithm {name!r}, which this version of the "
            "software does not know: they stay as they are",
            "install the later version again, and repair the project; until then not all is saved",
        )


class Digest(str):
    """What names a content. It is equal to what any of the algorithms that were used says of the same content.

    (In a set or as a key it is but itself: see `is_among`.)
    """

    others: frozenset[str]

    def __new__(cls, text: str, others: Iterable[str] = ()) -> Digest:
        """`text` by the newest algorithm, and what the others say."""
        made = super().__new__(cls, text)
        made.others = frozenset(others)
        return made

    def __eq__(self, other: object) -> bool:
        theirs = other.others if isinstance(other, Digest) else ()
        return str.__eq__(self, other) is True or other in self.others or str(self) in theirs

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = str.__hash__


def is_among(digest: str, known: Iterable[str]) -> bool:
    """Whether one of the known digests names the same content."""
    return any(digest == one for one in known)


def use(names: Iterable[str]) -> None:
    """From now on compare with digests by these algorithms, too. Raises UnknownAlgorithm."""
    for name in names:
        if name not in ALGORITHMS:
            raise UnknownAlgorithm(name)
        _used.add(name)


def algorithm_of(digest: str) -> str:
    """The algorithm that a digest names."""
    name, _, _ = digest.removeprefix("b64k:").rpartition(":")
    return name.removesuffix(":b64k") or FIRST


def digest_of_bytes(data: bytes) -> Digest:
    """Of what is in memory."""
    hasher = Plain()
    hasher.add(data)
    return hasher.digest()


def digest_of_stream(stream: BinaryIO) -> Digest:
    """Of all that a stream holds."""
    hasher = Plain()
    stream.seek(0)
    while data := stream.read(1 << 20):
        hasher.add(data)
    return hasher.digest()


class _Hashers:
    """As many as there are algorithms in use; the newest first."""

    way = ""

    def __init__(self) -> None:
        self._names = [ALGORITHM, *sorted(_used - {ALGORITHM})]
        self._hashers = [ALGORITHMS[name]() for name in self._names]

    def _update(self, data: bytes | bytearray) -> None:
        for hasher in self._hashers:
            hasher.update(data)

    def digest(self) -> Digest:
        """Of all that was added."""
        return self._digest_with(b"")

    def _digest_with(self, more: bytes) -> Digest:
        found = []
        for name, hasher in zip(self._names, self._hashers, strict=True):
            whole = hasher.copy()
            whole.update(more)
            found.append(f"{'' if name == FIRST else f'{name}:'}{self.way}{whole.hexdigest()}")
        return Digest(found[0], found[1:])


def hasher_for(size: int) -> Plain | Blocks:
    """The hasher for a file of so many bytes."""
    return Plain() if size < BIG else Blocks()


class Plain(_Hashers):
    """Of all bytes."""

    def add(self, piece: bytes | int) -> None:
        """The next bytes, or how many zeros."""
        if not isinstance(piece, int):
            self._update(piece)
            return
        while piece > 0:
            self._update(_ZEROS[:piece])
            piece -= len(_ZEROS)


class Blocks(_Hashers):
    """Of the blocks that are not zeros: the same wherever the holes are."""

    way = "b64k:"

    def __init__(self) -> None:
        super().__init__()
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
            self._update(self._at.to_bytes(8, "big") + block)
        self._at += len(block)

    def digest(self) -> Digest:
        """Of all that was added."""
        last = b"" if is_zeros(bytes(self._block)) else self._at.to_bytes(8, "big") + self._block
        return self._digest_with(last + (self._at + len(self._block)).to_bytes(8, "big"))
