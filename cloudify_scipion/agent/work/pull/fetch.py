"""Putting files, links and folders of the data space into the working copy, where nothing is in their way."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace

from cloudify_scipion.agent.plan.digests import hasher_for
from cloudify_scipion.agent.plan.manifest import Entry
from cloudify_scipion.agent.plan.names import BESIDE, conflict_name, joined, split, whole_way
from cloudify_scipion.agent.plan.restored import PLAIN_FOLDER, as_saved, folder_mode, given_back, is_name_of
from cloudify_scipion.agent.plan.ruins import is_zeros
from cloudify_scipion.agent.ports.calls import close_read, patient
from cloudify_scipion.agent.ports.databases.beside import HEADER, facts_of, is_side
from cloudify_scipion.agent.ports.facts import ctime_of, ino_of, kind, local_facts, mtime_of
from cloudify_scipion.agent.ports.holes import WORTH, Sink, pieces
from cloudify_scipion.agent.ports.tables.rows import Row
from cloudify_scipion.agent.work.content import Changed, digest_of, is_young, with_facts
from cloudify_scipion.agent.work.manifest.write import entry_of
from cloudify_scipion.agent.work.scratch import SCRATCH, forget, naming
from cloudify_scipion.agent.work.trash.throw import Thrown
from cloudify_scipion.agent.work.world import World


def download(world: World, path: bytes, base: Entry | None = None) -> tuple[bytes, Row, os.stat_result]:
    """Fetch a file's content into an unfinished file on the volume, with mode, time and owner.

    Returns that, what the index is to know of the content, and the facts of what was made. Where the content is what
    `base` says, mode and time are its, too. Raises Changed if it changed meanwhile.
    """
    fd, before = world.space.open_with_facts(path)
    temporary = joined(SCRATCH, world.session.nonce().encode())
    try:
        with naming(world):
            target = world.state.create(temporary, before.st_mode & 0o777 | 0o600)
        try:
            row, facts = _receive(world, fd, before, target, path, base)
        except BaseException:
            os.close(target)
            forget(world, temporary)
            raise
        with naming(world):
            world.state.close(target)
    finally:
        close_read(fd)
    return temporary, row, facts


def _receive(
    world: World, fd: int, before: os.stat_result, target: int, path: bytes, base: Entry | None
) -> tuple[Row, os.stat_result]:
    hasher, sink = hasher_for(before.st_size), Sink(world.state, target)
    begins = b""  # nobody's database begins with a hole
    for piece in pieces(fd, before.st_size):
        hasher.add(piece)
        if len(begins) < len(HEADER):
            begins += bytes(1) if isinstance(piece, int) else piece[: len(HEADER) - len(begins)]
        zeros = not isinstance(piece, int) and before.st_size >= WORTH and is_zeros(piece)
        with naming(world):
            sink.add(len(piece) if zeros and not isinstance(piece, int) else piece)
    with naming(world):
        sink.end()
    size = sink.size
    after = patient(os.fstat, fd)
    if (size, mtime_of(before)) != (after.st_size, mtime_of(after)):
        raise Changed(errno.ETXTBSY, "it is being changed, or cut short", os.fsdecode(path))
    digest = hasher.digest()
    known = as_saved(base, digest)
    mode, mtime = given_back(base, digest, after.st_mode, mtime_of(after))
    with naming(world):
        made = _finish(world, target, mode, mtime)
    origin = known.origin if known else world.learnt.theirs
    row = Row("f", hash=digest, local=digest if begins == HEADER else "", origin=origin, rsize=size,
              rmtime=mtime_of(after), rracy=is_young(world, after), rctime=ctime_of(after))  # fmt: skip
    return row, made


def _finish(world: World, target: int, mode: int, mtime: int) -> os.stat_result:
    """Give what was written its owner, time and mode; returns its facts from before the mode was set."""
    if os.geteuid() != world.config.user:
        world.state.chown(target, world.config.user, world.config.user)
    world.state.set_times(target, mtime)
    made = os.fstat(target)
    if stat.S_IMODE(made.st_mode) != mode:
        world.state.set_mode(target, mode)
    return made


@dataclass
class Seen:
    """What came of one path of the data space."""

    rows: list[tuple[bytes, Row]] = field(default_factory=list)
    drop: bool = False
    pulled: int = 0
    conflicts: int = 0
    trash: list[Thrown] = field(default_factory=list)
    kept: bytes = b""
    """The name under which the data space's version is kept."""


class InTheWay(FileExistsError):
    """SQLite would take what lies here for what belongs to the database that is to come."""


@dataclass(frozen=True)
class Arrived:
    """A file of the data space that is on the volume, and not in the working copy yet."""

    source: bytes
    temporary: bytes
    row: Row
    facts: os.stat_result
    base: Entry | None


def arrive(world: World, source: bytes, base: Entry | None) -> Arrived:
    """Download a file."""
    return Arrived(source, *download(world, source, base), base)


def forget_arrived(world: World, arrived: Arrived) -> None:
    """Remove what has arrived and does not come."""
    forget(world, arrived.temporary)


def fetch(world: World, source: bytes, path: bytes, base: Entry | None, drop: bool = False) -> Seen:
    """Pull a file to a path where nothing is; what appears there meanwhile stays, and this is tried again.

    Raises InTheWay for a database beside which something lies here.
    """
    arrived = arrive(world, source, base)
    if arrived.row.local and has_beside(world, path):
        forget_arrived(world, arrived)
        raise InTheWay(errno.EEXIST, "what another database has left lies beside it", os.fsdecode(path))
    return put_here(world, arrived, path, drop)


def has_beside(world: World, path: bytes) -> bool:
    """Whether something lies here that SQLite would take for a database's own."""
    return any(facts_of(world.tree, path + end) and is_side(world.tree, path + end) for end in BESIDE)


def put_here(world: World, arrived: Arrived, path: bytes, drop: bool = False) -> Seen:
    """Move what has arrived to a path where nothing is."""
    source, base, row, ours = arrived.source, arrived.base, arrived.row, arrived.facts
    try:
        world.tree.take(world.state, arrived.temporary, path)
    except OSError:
        forget_arrived(world, arrived)
        raise
    if base is not None and base.kind == "f" and row.hash != base.hash and base.size > 0:
        world.tell(f"{os.fsdecode(path)} is not as it was saved: it was changed in the data space, or damaged", "alarm")
    stored = source if source != path else b""
    return Seen(
        [(path, with_facts(world, replace(row, stored=stored), world.tree.stat(path), ours))], drop=drop, pulled=1
    )


def fetch_linked(
    world: World, source: bytes, path: bytes, base: Entry | None, first: Row | None, drop: bool = False
) -> Seen:
    """Fetch a file as `fetch` does; but another name of a file that came back as `base.link` becomes one again, if its
    content is still that of the `first`."""
    if base is None or first is None:
        return fetch(world, source, path, base, drop)
    digest, there = digest_of(world.space, source)
    if not is_name_here(world, base, first, digest):
        return fetch(world, source, path, base, drop)
    if first.local and has_beside(world, path):
        raise InTheWay(errno.EEXIST, "what another database has left lies beside it", os.fsdecode(path))
    row = Row("f", hash=digest, local=first.local and digest, origin=base.origin, rsize=there.st_size,
              rmtime=mtime_of(there), stored=source if source != path else b"")  # fmt: skip
    return name_here(world, path, base, row, drop)


def is_name_here(world: World, base: Entry, first: Row, digest: str) -> bool:
    """Whether the first name of a file is here, with that content."""
    facts = world.tree.stat(base.link) if base.link else None
    same = is_name_of(base, first.kind, first.local or first.hash, digest)
    return same and facts is not None and ino_of(facts) == first.ino


def name_here(world: World, path: bytes, base: Entry, row: Row, drop: bool = False) -> Seen:
    """Make a path another name of that file."""
    world.tree.link(base.link, path)
    row = replace(row, rracy=1)
    return Seen([(path, replace(with_facts(world, row, world.tree.stat(path)), racy=1))], drop=drop, pulled=1)


def link_row(world: World, path: bytes, target: bytes, origin: int) -> Row:
    """What the index is to know of a link that is in the working copy and in the data space or its manifest."""
    facts = world.tree.stat(path)
    if facts is None:
        return Row("l", target=target, rsize=0, origin=origin)
    return Row("l", *local_facts(facts), target=target, rsize=0, origin=origin)


def make_link(world: World, target: bytes, path: bytes) -> None:
    """A symbolic link of the user."""
    world.tree.symlink(target, path)
    with _given_or_gone(lambda: world.tree.unlink(path)):
        _give(world, path)


def make_local_folder(world: World, path: bytes, mode: int) -> None:
    """A folder of the user in the working copy, and those above it, where they are not there."""
    if not path:
        return
    facts = world.tree.stat(path)
    if kind(facts) == "d":
        return
    for above in whole_way(path):
        _make_one(world, above, mode if above == path else PLAIN_FOLDER)


def _make_one(world: World, path: bytes, mode: int) -> None:
    wanted = folder_mode(mode)
    if world.tree.mkdir(path, wanted):
        with _given_or_gone(lambda: world.tree.rmdir(path)):
            world.tree.set_folder_mode(path, wanted)  # the process's umask has taken something away
            _give(world, path)
        made = world.tree.stat(path)
        if made is not None:
            world.index.folders.update(world.index.folders.add(path), ino=ino_of(made), mode=made.st_mode)


def _give(world: World, path: bytes) -> None:
    if os.geteuid() != world.config.user:
        world.tree.chown_link(path, world.config.user, world.config.user)


@contextlib.contextmanager
def _given_or_gone(remove: Callable[[], object]) -> Iterator[None]:
    """What cannot be given to the user goes again: nobody would see any more that it is not his."""
    try:
        yield
    except OSError:
        with contextlib.suppress(OSError):
            remove()
        raise


def restore(world: World, path: bytes, row: Row) -> None:
    """Bring a file that is gone here back from the data space, as it was."""
    make_local_folder(world, split(path)[0], 0o755)
    if row.kind == "l":
        make_link(world, row.target, path)
        world.index.files.put(path, replace(link_row(world, path, row.target, row.origin), stored=row.stored))
        return
    first = world.index.files.get(row.link) if row.link else None
    for where, found in fetch_linked(world, row.stored or path, path, entry_of(path, row), first).rows:
        world.index.files.put(where, found)


def restore_beside(world: World, path: bytes, row: Row) -> bytes:
    """Bring what the data space has of a file back under another name; returns that. The next push saves it, too."""
    stamp = world.clock.stamp()
    names = (conflict_name(path, stamp, number) for number in range(1, 1000))
    return fetch_as(world, row.stored or path, entry_of(path, row), names)


def fetch_as(world: World, source: bytes, base: Entry | None, names: Iterable[bytes]) -> bytes:
    """Fetch a file to the first of these paths where nothing is; returns that. Raises FileExistsError."""
    temporary, _, _ = download(world, source, base)
    try:
        for name in names:
            with contextlib.suppress(FileExistsError):
                world.tree.take(world.state, temporary, name)
                return name
        raise FileExistsError(errno.EEXIST, "there are too many of that name")
    except OSError:
        forget(world, temporary)
        raise
