"""Writing the manifest into the data space, a segment for each push, and reading it where the index was lost."""

from __future__ import annotations

import contextlib
import stat
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace

from cloudify_scipion.agent.errors import LeaseForeign
from cloudify_scipion.agent.plan.manifest import (
    NONE,
    Damaged,
    Entry,
    Header,
    decode,
    digest,
    encode,
    segment_name,
    segment_number,
)
from cloudify_scipion.agent.plan.names import MANIFEST, TEMPORARY, joined, temporary_name
from cloudify_scipion.agent.ports.index import Index, Row
from cloudify_scipion.agent.ports.tree import make_folders, read_all, write_new
from cloudify_scipion.agent.work.world import World, again

KEY = "manifest"
COMPACT_BYTES = 4_000_000


@dataclass(frozen=True)
class Head:
    """The last segment: its number and digest; bytes of the base and of all segments since."""

    number: int = 0
    digest: str = NONE
    base: int = 0
    since: int = 0


def get_head(index: Index) -> Head:
    """The last segment that we know of."""
    return Head(**(index.get_state(KEY) or {}))


def _set_head(index: Index, head: Head) -> None:
    index.set_state(KEY, asdict(head))


def entry_of(path: bytes, row: Row) -> Entry:
    """What the manifest says of a file or link."""
    return Entry(path, row.kind, stat.S_IMODE(row.mode), row.size, row.mtime, row.hash, row.origin, row.target,
                 row.link, row.stored, bool(row.point))  # fmt: skip


def write_segment(world: World) -> None:
    """Write what has changed since the last one; every now and then, everything anew."""
    head = get_head(world.index)
    if not world.index.journal_size() and head.number:
        return
    make_folders(world.space, MANIFEST, 0o700)
    head = _after_own_remains(world, head)
    base = head.number == 0 or head.since > max(COMPACT_BYTES, head.base)
    number, last = head.number + 1, world.index.journal_end()
    header = Header(world.config.project, world.generation, number, NONE if base else head.digest, base)
    data = encode(header, *((_everything(world.index),) if base else _changed(world.index, world.index.journal())))
    _put(world, number, data)
    since = 0 if base else head.since + len(data)
    _set_head(world.index, Head(number, digest(data), len(data) if base else head.base, since))
    world.index.clear_journal(last)
    world.keep()
    if base:
        _remove_older(world, number)


def _put(world: World, number: int, data: bytes) -> None:
    temporary = joined(TEMPORARY, temporary_name(world.generation, world.nonce()))
    again(lambda: write_new(world.space, temporary, data))
    again(lambda: world.space.rename(temporary, joined(MANIFEST, segment_name(number))))


def _after_own_remains(world: World, head: Head) -> Head:
    """A push that was killed may have written its segment already: the chain goes on from that."""
    while True:
        number = head.number + 1
        data = again(lambda number=number: read_all(world.space, joined(MANIFEST, segment_name(number))))  # type: ignore[misc]
        if data is None:
            return head
        try:
            header, _ = decode(data)
        except Damaged:
            again(lambda number=number: world.space.unlink(joined(MANIFEST, segment_name(number))))  # type: ignore[misc]
            return head
        if header.generation > world.generation:
            raise LeaseForeign(
                f"generation {header.generation} writes to the data space", "this machine stops; delete it"
            )
        head = replace(head, number=number, digest=digest(data))


def _changed(index: Index, paths: list[bytes]) -> tuple[list[Entry], list[bytes]]:
    entries, gone = [], []
    for path in paths:
        row = index.get(path)
        if row is not None:
            entries.append(entry_of(path, row))
        elif (number := index.folder_id(path)) is not None:
            entries.append(Entry(path, "d", stat.S_IMODE(index.folder(number).mode)))
        else:
            gone.append(path)
    return entries, gone


def _everything(index: Index) -> Iterator[Entry]:
    for number, path in index.all_folders():
        if path:
            yield Entry(path, "d", stat.S_IMODE(index.folder(number).mode))
    for path, row in index.all_files():
        yield entry_of(path, row)


def _remove_older(world: World, number: int) -> None:
    for name in again(lambda: world.space.names(MANIFEST)):
        if 0 < segment_number(name) < number:
            again(lambda name=name: world.space.unlink(joined(MANIFEST, name)))  # type: ignore[misc]


def read_manifest(world: World) -> None:
    """Take over what the manifest in the data space says, as far as its chain is whole, into the index's `base`."""
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        numbers = sorted(filter(None, map(segment_number, again(lambda: world.space.names(MANIFEST)))))
        chain = _chain(world, numbers)
        for _, data in chain:
            world.index.set_base((path, entry.row() if entry else None) for path, entry in decode(data)[1])
        if numbers:  # the next segment is a base
            _set_head(world.index, Head(max(numbers), since=COMPACT_BYTES + 1))
    world.index.commit()


def _chain(world: World, numbers: list[int]) -> list[tuple[int, bytes]]:
    """The segments from the last whole base on, as far as each follows the one before."""
    found: list[tuple[int, bytes]] = []
    for number in numbers:
        data = again(lambda number=number: read_all(world.space, joined(MANIFEST, segment_name(number))))  # type: ignore[misc]
        try:
            header, _ = decode(data or b"")
        except Damaged as error:
            world.tell(f"segment {number} of the manifest is damaged ({error}): later ones do not count", "alarm")
            continue
        if header.base:
            found = [(number, data or b"")]
        elif found and header.before == digest(found[-1][1]):
            found.append((number, data or b""))
    return found
