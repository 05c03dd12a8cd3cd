"""The manifest's segments in the data space, one at a time: however long they are, they are never whole in memory."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import BinaryIO

from cloudify_scipion.agent.plan.manifest import Entry, Header, encode, segment_name, segment_number
from cloudify_scipion.agent.plan.names import MANIFEST, joined
from cloudify_scipion.agent.ports.calls import patient
from cloudify_scipion.agent.ports.read_tree import ReadTree
from cloudify_scipion.agent.ports.streams import Writer, open_reader
from cloudify_scipion.agent.ports.tree import Tree
from cloudify_scipion.agent.ports.whole_files import new_file
from cloudify_scipion.agent.work.scratch import folder, naming
from cloudify_scipion.agent.work.space.check import writing
from cloudify_scipion.agent.work.world import World

_IN_MEMORY = 100_000
"""Bytes; copies of longer segments lie on the volume."""


@dataclass(frozen=True)
class Written:
    """What became of a segment: SHA-256 (hex) and bytes."""

    digest: str
    size: int


def put_segment(world: World, header: Header, items: Callable[[], Iterable[Entry | bytes]]) -> Written:
    """Write a segment under another name, and move it to its place."""
    temporary = world.session.unfinished()
    with writing(world, MANIFEST):
        written = patient(_write, world.space, temporary, header, items)
        world.space.rename(temporary, joined(MANIFEST, segment_name(header.number)))
    world.session.unsettled = True
    return written


def _write(space: Tree, path: bytes, header: Header, items: Callable[[], Iterable[Entry | bytes]]) -> Written:
    with new_file(space, path) as fd:
        writer = Writer(space, fd)
        encode(writer, header, items())
    return Written(writer.digest, writer.size)


def open_segment(space: ReadTree, number: int) -> BinaryIO | None:
    """A segment's file; None if it is not there."""
    try:
        return open_reader(space, joined(MANIFEST, segment_name(number)))
    except (FileNotFoundError, NotADirectoryError):
        return None


def copy_segment(world: World, space: ReadTree, number: int) -> BinaryIO | None:
    """A copy that nobody else changes or takes away; None if it is not there."""
    source = open_segment(space, number)
    if source is None:
        return None
    copy = tempfile.SpooledTemporaryFile(_IN_MEMORY, dir=folder(world))  # noqa: SIM115 - whoever asked closes it
    try:
        with source:
            while data := source.read(1 << 20):
                with naming(world):
                    copy.write(data)
        with naming(world):
            copy.flush()
    except BaseException:
        copy.close()
        raise
    return copy  # type: ignore[return-value]  # all of a BinaryIO that is used


def numbers(space: ReadTree) -> list[int]:
    """Those that are there."""
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        return sorted(filter(None, map(segment_number, space.names(MANIFEST))))
    return []


def sizes(space: ReadTree) -> dict[int, int]:
    """Bytes of those that are there."""
    try:
        found = space.entries(MANIFEST)
    except (FileNotFoundError, NotADirectoryError):
        return {}
    return {number: facts.st_size for name, facts in found if (number := segment_number(name))}
