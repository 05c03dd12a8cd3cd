"""What a file holds: its digest, whose content it is, and what the index is to know of it."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from dataclasses import replace

from cloudify_scipion.agent.plan.digests import Digest, digest_of_bytes, hasher_for, is_among
from cloudify_scipion.agent.plan.names import STRANGER
from cloudify_scipion.agent.ports.calls import close_read, patient
from cloudify_scipion.agent.ports.databases.beside import HEADER
from cloudify_scipion.agent.ports.facts import ctime_of, ino_of, kind, mtime_of
from cloudify_scipion.agent.ports.holes import pieces
from cloudify_scipion.agent.ports.read_tree import ReadTree
from cloudify_scipion.agent.ports.streams import open_reader
from cloudify_scipion.agent.ports.tables.rows import Row
from cloudify_scipion.agent.work.world import World

CHUNK = 1 << 20
RACY_NS = 50_000_000
"""Linux's clock of file times ticks every 1 to 10 ms: what is changed within the tick of a look leaves no trace."""
GRANULARITY_NS = 2_000_000_000
"""A remote file this young may change without changing its time: FAT and some object stores count in 2 s."""
SAME = STRANGER - 1


class Changed(OSError):
    """A file in the data space was changed while it was copied."""


def digest_at(fd: int) -> Digest:
    """The digest of what an open file holds."""
    return _digest_of(fd, os.fstat(fd).st_size)


def _digest_of(fd: int, size: int) -> Digest:
    hasher = hasher_for(size)
    os.lseek(fd, 0, os.SEEK_SET)
    for piece in pieces(fd, size):
        hasher.add(piece)
    return hasher.digest()


def digest_of(tree: ReadTree, path: bytes, uncached: bool = False) -> tuple[Digest, os.stat_result]:
    """The digest of a file's content, and its facts. Raises Changed if it changed meanwhile.

    `uncached`: the kernel is to forget what it has read or written of it, and asks the file system.
    """
    return read_whole(tree, path, uncached)[:2]


def read_whole(tree: ReadTree, path: bytes, uncached: bool = False) -> tuple[Digest, os.stat_result, bool]:
    """The digest of a file's content, its facts, and whether it begins as SQLite's databases do: see `digest_of`."""
    fd = tree.open(path)
    try:
        if uncached:
            os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
        before = patient(os.fstat, fd)
        digest = _digest_of(fd, before.st_size)
        database = before.st_size >= len(HEADER) and patient(os.pread, fd, len(HEADER), 0) == HEADER
        after = patient(os.fstat, fd)
    finally:
        close_read(fd)
    if (before.st_size, mtime_of(before)) != (after.st_size, mtime_of(after)):
        raise Changed(errno.ETXTBSY, "it is being changed", os.fsdecode(path))
    return digest, after, database


def is_young(world: World, facts: os.stat_result) -> int:
    """1 for a file in the data space that may change once more without another time."""
    tick = max(GRANULARITY_NS, world.learnt.able.tick if world.learnt.able else 0)
    return int(mtime_of(facts) > int(world.clock.now() * 1e9) - tick)


def with_facts(world: World, row: Row, facts: os.stat_result | None, expected: os.stat_result | None = None) -> Row:
    """The row with the facts of the working copy's file. If that is not as `expected`, it is compared again."""
    if facts is None:
        return row
    racy = mtime_of(facts) >= int(world.clock.now() * 1e9) - RACY_NS
    if expected is not None:
        racy |= (ino_of(facts), facts.st_size, mtime_of(facts)) != (
            ino_of(expected), expected.st_size, mtime_of(expected),
        )  # fmt: skip
    return replace(
        row, mode=facts.st_mode, size=facts.st_size, mtime=mtime_of(facts), ctime=ctime_of(facts), ino=ino_of(facts),
        racy=int(racy),
    )  # fmt: skip


def digest_of_link(target: bytes) -> Digest:
    """The digest of what a symbolic link says, of which no file's content is the same."""
    return digest_of_bytes(b"link:" + target)


def blocks_of_both(
    part: ReadTree, path: bytes, whole: ReadTree, whole_path: bytes, size: int = CHUNK
) -> Iterator[tuple[bytes, bytes]]:
    """The blocks of a file, each with what another has in its place, for `plan.ruins`."""
    with open_reader(part, path) as old, open_reader(whole, whole_path) as new:
        while data := old.read(size):
            yield data, new.read(len(data))


def origin_of_content(
    world: World, target: bytes, facts: os.stat_result, known: Row | None, wanted: str, intents: frozenset[str]
) -> int | None:
    """Whose content is at `target`: a generation of ours (0: the facility's, as known), SAME, or None: a stranger's."""
    if kind(facts) == "l":
        return _origin_of_link(world, world.space.readlink(target), known, wanted, intents)
    if kind(facts) != "f":
        return None
    if known is not None and as_known(world, known, facts):
        return known.origin
    try:
        digest, _ = digest_of(world.space, target)
    except Changed:
        return None
    if digest == wanted:
        return SAME
    if known is not None and digest == known.hash and known.kind == "f":
        return known.origin
    return world.session.generation if is_among(digest, intents) else None


def _origin_of_link(
    world: World, points_to: bytes, known: Row | None, wanted: str, intents: frozenset[str]
) -> int | None:
    if known is not None and known.kind == "l" and known.target == points_to:
        return known.origin
    digest = digest_of_link(points_to)
    if digest == wanted:
        return SAME
    return world.session.generation if is_among(digest, intents) else None


def as_known(world: World, row: Row, facts: os.stat_result) -> bool:
    """Whether a file in the data space is the one that the index knows, by facts alone.

    Size and time are no proof: others can set them. So its ctime must say that nothing was done to it since.
    """
    if world.learnt.able is None or not world.learnt.able.changed or row.rracy or not row.kind == "f" == kind(facts):
        return False
    return (row.rsize, row.rmtime) == (facts.st_size, mtime_of(facts)) and 0 < ctime_of(facts) <= row.rctime
