"""Writing the manifest into the data space: a segment for each push, and now and then everything anew."""

from __future__ import annotations

import contextlib
import stat
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace

from cloudify_scipion.agent.errors import LeaseForeign, Temporary
from cloudify_scipion.agent.plan.digests import digest_of_stream
from cloudify_scipion.agent.plan.manifest import (
    NONE,
    Damaged,
    Entry,
    Header,
    decode,
    entry_from,
    header_of,
    segment_name,
)
from cloudify_scipion.agent.plan.names import MANIFEST, joined, odd_path
from cloudify_scipion.agent.plan.news import Side
from cloudify_scipion.agent.ports.facts import ino_of
from cloudify_scipion.agent.ports.index import Index
from cloudify_scipion.agent.ports.tables.rows import FolderRow, Row
from cloudify_scipion.agent.ports.whole_files import make_folders
from cloudify_scipion.agent.work.manifest.segments import numbers, open_segment, put_segment
from cloudify_scipion.agent.work.world import World

KEY = "manifest"
INTENT = "segment"
"""The segment that is being written: its number, and the nonce by which it is known to be ours."""
NEWS = "news"
"""On what side the data space's manifest is, from when it is known to be another until that is settled."""
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
    if not world.index.journal.size() and not is_due(world.index):
        return
    make_folders(world.space, MANIFEST, 0o700)
    head = _after_own_remains(world, head)
    base = head.digest == NONE or head.since > max(COMPACT_BYTES, head.base)
    number, last = head.number + 1, world.index.journal.end()
    nonce = world.session.nonce()
    world.index.set_state(INTENT, {"number": number, "nonce": nonce})
    world.commit()
    header = Header(world.config.project, world.session.generation, number, NONE if base else head.digest, base, nonce)
    written = put_segment(world, header, lambda: _everything(world) if base else _changed(world))
    since = 0 if base else head.since + written.size
    _set_head(world.index, Head(number, written.digest, written.size if base else head.base, since))
    world.index.journal.clear(last)
    world.commit_and_tell()
    if base:
        _remove_older(world, number)


def _after_own_remains(world: World, head: Head) -> Head:
    """A push that was killed may have written its segment already: the chain goes on from that.

    Another's is read first. Raises LeaseForeign or Temporary.
    """
    while stream := open_segment(world.space, head.number + 1):
        with stream:
            try:
                header, _ = decode(stream)
            except (Damaged, OSError):
                return _above_all(world)
            if header.generation > world.session.generation:
                raise LeaseForeign(
                    f"generation {header.generation} writes to the data space", "this machine stops; delete it"
                )
            if not _is_own(world, header):
                world.index.set_state(NEWS, Side.NEWER.value)
                world.commit_and_tell()
                raise Temporary(
                    "somebody else has gone on with the manifest of the data space", "the next push reads it first"
                )
            head = replace(head, number=head.number + 1, digest=digest_of_stream(stream))
        _set_head(world.index, head)  # before the next intent takes the place of this one's
    return head


def _is_own(world: World, header: Header) -> bool:
    """Whether a segment is the one that this index was about to write."""
    intent = world.index.get_state(INTENT) or {}
    return bool(header.nonce) and (intent.get("number"), intent.get("nonce")) == (header.number, header.nonce)


def is_own_remains(world: World, number: int) -> bool:
    """Whether the segment of that number is one that a killed work of ours has left."""
    if (world.index.get_state(INTENT) or {}).get("number") != number:
        return False
    stream = open_segment(world.space, number)
    if stream is None:
        return False
    with stream:
        try:
            return _is_own(world, header_of(stream))
        except Damaged:
            return False


def begin_anew(world: World) -> None:
    """Let the next segment be a base."""
    _set_head(world.index, _above_all(world))


def _above_all(world: World) -> Head:
    """The head after which the next segment is a base, above all that are there: nothing hangs on those any more."""
    return Head(max([get_head(world.index).number, *numbers(world.space)]))


def is_due(index: Index) -> bool:
    """Whether the next segment must be a base, though nothing has changed."""
    return get_head(index).digest == NONE


def _changed(world: World) -> Iterator[Entry | bytes]:
    index = world.index
    for path in index.journal.paths():
        world.session.beat()
        row = index.files.get(path)
        if row is not None:
            yield entry_of(path, row)
        elif (number := index.folders.number(path)) is not None:
            yield _folder_entry(path, index.folders.get(number))
        else:
            yield path


def _folder_entry(path: bytes, row: FolderRow) -> Entry:
    return Entry(path, "d", stat.S_IMODE(row.mode), stored=odd_path(path) if row.odd else b"")


def _everything(world: World) -> Iterator[Entry]:
    index = world.index
    for number, path in index.folders.all():
        if path:
            yield _folder_entry(path, index.folders.get(number))
    for path, row in index.files.all():
        world.session.beat()
        yield entry_of(path, row)
    for said in index.base.all():  # of what could not be pulled yet: no machine would know it otherwise
        entry = entry_from(said)
        if index.files.get(entry.path) is None and index.folders.number(entry.path) is None:
            yield entry


def _remove_older(world: World, number: int) -> None:
    """All that a base makes needless, but for what once could not be read: somebody may know how."""
    kept = int(world.index.get_state(UNREADABLE) or 0)
    for older in numbers(world.space):
        if kept < older < number:
            with contextlib.suppress(OSError):  # nothing hangs on it
                world.space.unlink(joined(MANIFEST, segment_name(older)))


def note_hard_links(world: World) -> None:
    """Let the manifest say which files are names of one inode, and which of them is the first: the one that a pull
    makes before the others. What lies elsewhere in the data space comes after all that has its name there."""
    true: set[bytes] = set()
    for ino in world.index.files.shared_inodes():
        found = [(path, row) for path, row in world.index.files.by_ino(ino) if row.kind == "f"]
        rows = dict(sorted(found, key=lambda one: (bool(one[1].stored), one[0])))
        names = list(rows)
        if [rows[name].link for name in names] != [b"", *(names[0] for _ in names[1:])]:
            names = [name for name in names if _has_inode(world, name, ino)]
        for name in names:
            _note(world, name, rows[name], b"" if name == names[0] else names[0])
        true.update(names[1:])
    for name, row in world.index.files.linked():
        if name not in true:
            _note(world, name, row, b"")


def _has_inode(world: World, path: bytes, ino: int) -> bool:
    with contextlib.suppress(OSError):  # then it counts as a file of its own
        facts = world.tree.stat(path)
        return facts is not None and ino_of(facts) == ino
    return False


def _note(world: World, path: bytes, row: Row, first: bytes) -> None:
    if row.link != first:
        world.index.files.put(path, replace(row, link=first))
