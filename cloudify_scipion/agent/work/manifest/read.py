"""Reading the manifest where the index was lost or is another's, and proving that the data space gives it back.

News are what the manifest in the data space says and our index does not know, since one of the two was put back to an
earlier state, or copied. All of it is read before anything is saved.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from cloudify_scipion.agent.errors import Temporary
from cloudify_scipion.agent.plan.digests import digest_of_stream
from cloudify_scipion.agent.plan.manifest import NONE, Damaged, Entry, decode, header_of, leads_astray
from cloudify_scipion.agent.plan.names import MANIFEST
from cloudify_scipion.agent.plan.news import Side, compare
from cloudify_scipion.agent.ports.read_tree import ReadTree
from cloudify_scipion.agent.work.manifest.segments import copy_segment, numbers, open_segment, sizes
from cloudify_scipion.agent.work.manifest.write import NEWS, UNREADABLE, begin_anew, get_head, is_due, is_own_remains
from cloudify_scipion.agent.work.world import PULLED, World

AGAIN_SECONDS = (5.0, 20.0, 60.0)
_WHAT = {
    Side.NEWER: "this volume is an older copy: what was saved since is read first; "
    "what was deleted since is here again",
    Side.OLDER: "the data space is an older copy: all of it is compared, and saved again; "
    "what was deleted since is there again",
    Side.OTHER: "volume and data space were put back to earlier states, or copied: "
    "of each file the newer version counts",
}


def is_whole(world: World, space: ReadTree) -> bool:
    """Whether the data space, read through `space`, gives our manifest back; if not, it is written anew."""
    head = get_head(world.index)
    if head.digest == NONE or _leads_to_base(space, head.number, head.digest):
        return True
    begin_anew(world)
    return False


def _leads_to_base(space: ReadTree, number: int, wanted: str) -> bool:
    """Back from the last segment, each by the digest that the one after names; a listing might be an old one."""
    while stream := open_segment(space, number):
        with stream:
            if digest_of_stream(stream) != wanted:
                return False
            header = header_of(stream)
        if header.base:
            return True
        number, wanted = number - 1, header.before
    return False


def last_generation(world: World) -> int:
    """The generation that wrote the last segment, 0 if there is none."""
    return _generation_of(world.space, max(numbers(world.space), default=0))


def _generation_of(space: ReadTree, number: int) -> int:
    stream = open_segment(space, number)
    if stream is not None:
        with stream, contextlib.suppress(Damaged):
            return decode(stream)[0].generation
    return 0


def read_manifest(world: World) -> None:
    """Take over what the manifest in the data space says, as far as its chain is whole, into the index's `base`."""
    for link in chain(world):
        with link.stream:
            try:
                rows = ((path, entry.row() if entry else None) for path, entry in entries(world, link.stream))
                world.index.base.take(rows)
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                _unreadable(world, link.number, error)
    begin_anew(world)
    world.commit()


def entries(world: World, stream: BinaryIO) -> Iterator[tuple[bytes, Entry | None]]:
    """What a segment says that a working copy can hold; None for what is gone."""
    for path, entry in decode(stream)[1]:
        world.session.beat()
        if entry is not None and leads_astray(entry):
            world.tell(f"the manifest names {os.fsdecode(path)!r}, which is no path of a working copy", "alarm")
        else:
            yield path, entry


@dataclass(frozen=True)
class Link:
    """A segment of the chain, as a copy of ours."""

    number: int
    digest: str
    stream: BinaryIO


def chain(world: World, space: ReadTree | None = None) -> list[Link]:
    """The segments from the last whole base on, as far as each follows the one before; read through `space`."""
    found: list[Link] = []
    space = space or world.space
    for number in _listed(space):
        try:
            stream = _patient_copy(world, space, number)
        except OSError as error:
            _unreadable(world, number, error)
            continue
        if stream is None:
            _unreadable(world, number, FileNotFoundError("it is gone"))
            continue
        try:
            header, _ = decode(stream)
        except Damaged as error:
            _unreadable(world, number, error)
            continue
        if header.base:
            found = []
        if header.base or (found and header.before == found[-1].digest):
            found.append(Link(number, digest_of_stream(stream), stream))
    return found


def _listed(space: ReadTree) -> list[int]:
    try:
        return numbers(space)
    except OSError as error:
        raise Temporary(
            f"{os.fsdecode(MANIFEST)} in the data space cannot be listed: {error.strerror}",
            "the operator looks at this folder in the data space; it is tried again by itself",
        ) from error


def _patient_copy(world: World, space: ReadTree, number: int) -> BinaryIO | None:
    """One that cannot be read may only take its time; names and links that it alone knows are worth waiting for."""
    for seconds in AGAIN_SECONDS:
        try:
            return copy_segment(world, space, number)
        except OSError:
            world.clock.sleep(seconds)
            world.session.beat()
    return copy_segment(world, space, number)


def _unreadable(world: World, number: int, error: Exception) -> None:
    world.index.set_state(UNREADABLE, max(number, *numbers(world.space)))
    world.tell(f"segment {number} of the manifest is damaged ({error}): later ones may not count", "alarm")


def expect_news(world: World, anew: bool = False) -> None:
    """Look whether there are any. `anew`: who wrote there had our own name, so that numbers alone tell nothing."""
    if not world.index.get_state(PULLED):
        return
    found = sizes(world.space)
    if found and not all(found.values()) and not is_due(world.index):
        world.tell("the data space has lost a part of its manifest: it is written again", "alarm")
        begin_anew(world)
    head, last = get_head(world.index), max(found, default=0)
    if not anew and last == head.number + 1 and is_own_remains(world, last):
        return
    side = compare(head.number, head.digest if anew else NONE, list(found), lambda number: _digest_at(world, number))
    if side is not Side.SAME:
        world.index.set_state(NEWS, side.value)
        world.commit_and_tell()


def _digest_at(world: World, number: int) -> str:
    stream = open_segment(world.space, number)
    if stream is None:
        return ""
    with stream:
        return digest_of_stream(stream)


def side_of(world: World) -> Side:
    """On what side the data space is while there are news; SAME when there are none."""
    return Side(world.index.get_state(NEWS) or Side.SAME.value)


def read_news(world: World) -> Side:
    """Take over what the manifest says into the index's `base`, if there are news. The next segment begins anew."""
    side = side_of(world)
    if side is Side.SAME:
        return side
    world.tell(_WHAT[side], "alarm")
    world.index.base.forget()
    read_manifest(world)
    if side is not Side.NEWER:
        world.index.files.doubt_all()
    world.commit_and_tell()
    return side


def forget_news(world: World) -> None:
    """All of them are settled."""
    if side_of(world) is not Side.SAME:
        world.index.base.forget()
        world.index.set_state(NEWS, None)
