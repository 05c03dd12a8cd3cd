"""Writing the manifest into the data space, a segment for each push, and reading it where the index was lost."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace

from cloudify_scipion.agent.errors import AgentError, LeaseForeign
from cloudify_scipion.agent.plan.manifest import (
    NONE,
    Damaged,
    Entry,
    Header,
    Later,
    decode,
    digest,
    encode,
    leads_astray,
    segment_name,
    segment_number,
)
from cloudify_scipion.agent.plan.names import MANIFEST, TEMPORARY, joined, temporary_name
from cloudify_scipion.agent.ports.index import Index, Row
from cloudify_scipion.agent.ports.tree import Tree, make_folders, read_all, write_new
from cloudify_scipion.agent.work.space import writing
from cloudify_scipion.agent.work.world import World, again

KEY = "manifest"
UNREADABLE = "unreadable"
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
    if not world.index.journal_size() and not is_due(world.index):
        return
    make_folders(world.space, MANIFEST, 0o700)
    head = _after_own_remains(world, head)
    base = head.digest == NONE or head.since > max(COMPACT_BYTES, head.base)
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
    with writing(world):
        again(lambda: write_new(world.space, temporary, data))
        again(lambda: world.space.rename(temporary, joined(MANIFEST, segment_name(number))))


def _after_own_remains(world: World, head: Head) -> Head:
    """A push that was killed may have written its segment already: the chain goes on from that."""
    while (data := _read(world, world.space, head.number + 1)) is not None:
        try:
            header, _ = decode(data)
        except Damaged:
            return _anew(world)
        if header.generation > world.generation:
            raise LeaseForeign(
                f"generation {header.generation} writes to the data space", "this machine stops; delete it"
            )
        if not header.base and header.before != head.digest:
            return _anew(world)
        head = replace(head, number=head.number + 1, digest=digest(data))
    return head


def _anew(world: World) -> Head:
    """The head after which the next segment is a base, above all that are there: nothing hangs on those any more."""
    return Head(max([get_head(world.index).number, *_numbers(world.space)]))


def is_due(index: Index) -> bool:
    """Whether the next segment must be a base, though nothing has changed."""
    return get_head(index).digest == NONE


def catch_up(world: World) -> None:
    """Where there are other segments than we know of (the volume is an older copy, say), all is written anew.

    So it is where one has become empty, as a connection that is cut leaves it.
    """
    sizes = _sizes(world.space)
    emptied = not all(sizes.values()) and not is_due(world.index)
    if emptied:
        world.tell("the data space has lost a part of its manifest: it is written again", "alarm")
    if emptied or max(sizes, default=0) != get_head(world.index).number:
        _set_head(world.index, _anew(world))


def is_whole(world: World, space: Tree) -> bool:
    """Whether the data space, read through `space`, gives our manifest back; if not, it is written anew."""
    head = get_head(world.index)
    if head.digest == NONE or _leads_to_base(world, space, head.number, head.digest):
        return True
    _set_head(world.index, _anew(world))
    return False


def _leads_to_base(world: World, space: Tree, number: int, wanted: str) -> bool:
    """Back from the last segment, each by the digest that the one after names; a listing might be an old one."""
    while (data := _read(world, space, number)) is not None and digest(data) == wanted:
        header, _ = decode(data)
        if header.base:
            return True
        number, wanted = number - 1, header.before
    return False


def last_generation(world: World) -> int:
    """The generation that wrote the last segment, 0 if there is none."""
    number = max(_numbers(world.space), default=0)
    with contextlib.suppress(Damaged):
        return decode(_read(world, world.space, number) or b"")[0].generation
    return 0


def _numbers(space: Tree) -> list[int]:
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        return sorted(filter(None, map(segment_number, again(lambda: space.names(MANIFEST)))))
    return []


def _sizes(space: Tree) -> dict[int, int]:
    try:
        found = again(lambda: space.entries(MANIFEST))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    return {number: facts.st_size for name, facts in found if (number := segment_number(name))}


def _read(world: World, space: Tree, number: int) -> bytes | None:
    return again(lambda: read_all(space, joined(MANIFEST, segment_name(number))))


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
    """All that a base makes needless, but for what once could not be read: somebody may know how."""
    kept = int(world.index.get_state(UNREADABLE) or 0)
    for older in _numbers(world.space):
        if kept < older < number:
            again(lambda older=older: world.space.unlink(joined(MANIFEST, segment_name(older))))  # type: ignore[misc]


def read_manifest(world: World) -> None:
    """Take over what the manifest in the data space says, as far as its chain is whole, into the index's `base`."""
    for number, data in _chain(world, world.space):
        try:
            world.index.set_base((path, entry.row() if entry else None) for path, entry in _entries(world, data))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            _unreadable(world, number, error)
    _set_head(world.index, _anew(world))
    world.index.commit()


def _entries(world: World, data: bytes) -> Iterator[tuple[bytes, Entry | None]]:
    for path, entry in decode(data)[1]:
        if entry is not None and leads_astray(entry):
            world.tell(f"the manifest names {os.fsdecode(path)!r}, which is no path of a working copy", "alarm")
        else:
            yield path, entry


def _chain(world: World, space: Tree) -> list[tuple[int, bytes]]:
    """The segments from the last whole base on, as far as each follows the one before."""
    found: list[tuple[int, bytes]] = []
    for number in _numbers(space):
        data = _read(world, space, number) or b""
        try:
            header, _ = decode(data)
        except Later as error:
            raise AgentError(
                f"the manifest was written by a later version ({error})", "install the version of the project again"
            ) from error
        except Damaged as error:
            _unreadable(world, number, error)
            continue
        if header.base:
            found = [(number, data)]
        elif found and header.before == digest(found[-1][1]):
            found.append((number, data))
    return found


def _unreadable(world: World, number: int, error: Exception) -> None:
    world.index.set_state(UNREADABLE, max(number, *_numbers(world.space)))
    world.tell(f"segment {number} of the manifest is damaged ({error}): later ones may not count", "alarm")
