"""Sending a file or link of the working copy to an unfinished file in the data space. Done by several threads."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from cloudify_scipion.agent.plan.abilities import Abilities
from cloudify_scipion.agent.plan.digests import hasher_for
from cloudify_scipion.agent.plan.names import odd_path
from cloudify_scipion.agent.plan.ruins import is_void, is_zeros, looks_destroyed
from cloudify_scipion.agent.ports.calls import patient
from cloudify_scipion.agent.ports.facts import ctime_of, local_facts, mtime_of
from cloudify_scipion.agent.ports.holes import WORTH, Sink, pieces
from cloudify_scipion.agent.ports.tables.rows import Row
from cloudify_scipion.agent.work.content import RACY_NS, digest_at, digest_of_link, is_young
from cloudify_scipion.agent.work.space.room import Room, must_not_be_too_large, too_large
from cloudify_scipion.agent.work.world import World


class Busy(OSError):
    """The file was changed while it was copied."""


class Destroyed(OSError):
    """The file has become empty or all zeros after a crash: a person is asked first."""


class Held(OSError):
    """The trash in the data space cannot keep what the file was before: a person is asked first."""


@dataclass(frozen=True)
class Upload:
    """A file to be saved. `known` is what the index has; `force` takes a copy of what is still being written, too.

    `unclean`: since it was saved the machine was booted, so a crash may have emptied it. `target` is the file's place
    in an unfinished folder, if it has one; `stored` is where the content goes if the data space cannot hold the name.
    `final`: nobody writes any more. `tried`: it was being written the last time, too. `group`: SQLite's files lie, or
    lay, beside it; `beside` is what the index has of them, by the ends of their names.
    """

    path: bytes
    known: Row | None
    force: bool = False
    unclean: bool = False
    target: bytes = b""
    stored: bytes = b""
    size: int = 0
    """Bytes, as the scan found it."""
    final: bool = False
    tried: bool = False
    group: bool = False
    beside: Mapping[bytes, Row] = field(default_factory=dict)
    hold: bool = False
    """Whether it waits if it has really changed: the trash has no room for what it was before."""


@dataclass(frozen=True)
class Copied:
    """What was made of a job: the index's new row, and the unfinished file; empty where nothing was to be sent."""

    path: bytes
    row: Row
    temporary: bytes = b""
    size: int = 0
    clear: bool = False
    """Whether something else may lie there: this is a link that is in the manifest alone."""
    unseen: bool = False
    """Whether the content is another than was saved, though size and time of the file are the same."""
    database: bool = False
    beside: Sequence[Copied] = ()
    """What SQLite keeps beside it, where that is saved as well; all else of the kind goes."""


def upload_content(
    world: World, able: Abilities, job: Upload, fd: int, before: os.stat_result, row: Row, strict: bool = False
) -> Copied:
    """Send an open file's content to an unfinished file, unless the data space has it already.

    `strict`: not even by force while it is changed. Raises Busy, Destroyed, or whatever the file systems say.
    """
    known = job.known
    may_be_same = known is not None and known.held() and known.size == row.size
    if known is not None and may_be_same and digest_at(fd) == (known.local or known.hash):
        must_be_unchanged(fd, before, job)
        return Copied(job.path, as_before(row, known))
    if job.hold:  # asked about that first: what the trash can take is another question
        must_not_be_destroyed(job, fd)
    must_not_wait(job)
    os.lseek(fd, 0, os.SEEK_SET)
    temporary, digest, rest = send(world, able, fd, row, replace(job, force=False) if strict else job)
    unseen = known is not None and may_be_same and known.mtime == row.mtime and not known.racy and digest != known.hash
    return Copied(job.path, sent(row, digest, rest), temporary, row.size, unseen=unseen)


def must_not_be_destroyed(job: Upload, fd: int) -> None:
    """Raise Destroyed if an open file, in which there was something before a crash, is empty or zeros."""
    known = job.known
    if not job.unclean or known is None or not known.held():
        return
    os.lseek(fd, 0, os.SEEK_SET)
    size = os.fstat(fd).st_size
    if looks_destroyed(known.size, is_void(pieces(fd, size, growing=True))):
        raise _destroyed(job)


def _destroyed(job: Upload) -> Destroyed:
    return Destroyed(errno.ENODATA, "empty or all zeros after a crash", os.fsdecode(job.path))


def sent(row: Row, digest: str, rest: tuple[int, int, int]) -> Row:
    """The row of a file with that content, and with the data space's facts of it."""
    return replace(row, hash=digest, rsize=rest[0], rmtime=rest[1], rracy=rest[2])


def send(
    world: World, able: Abilities, fd: int, row: Row, job: Upload | None, target: bytes = b""
) -> tuple[bytes, str, tuple[int, int, int]]:
    """Copy an open file to an unfinished one; returns its name, the digest, and the data space's facts of it.

    `job`: the file is one of the working copy, and is looked at; else it is a copy of ours, to be sent to `target`.
    """
    before = os.fstat(fd)
    room = Room(world.space, before.st_size)
    must_not_be_too_large(world, before.st_size)
    if before.st_size >= WORTH:
        room.must_hold(min(before.st_size, before.st_blocks * 512) if able.holes else before.st_size)
    target = job.target if job is not None else target
    path = target or world.session.unfinished()
    made, hasher, zeros = world.space.create(path, row.mode & 0o777 | 0o600), hasher_for(before.st_size), True
    try:
        sink = Sink(world.space, made)
        for piece in pieces(fd, before.st_size, growing=True):
            hasher.add(piece)
            sink.add(piece)
            if not isinstance(piece, int):
                zeros = zeros and is_zeros(piece)
                room.written(len(piece))
            elif not able.holes:
                room.written(piece)
        size = sink.size
        if size < before.st_size:
            raise Busy(errno.ETXTBSY, "it was cut short meanwhile")
        sink.end()
        if job is not None:
            must_be_unchanged(fd, before, job)
            known = job.known
            if job.unclean and known is not None and known.held() and looks_destroyed(known.size, zeros):
                raise _destroyed(job)
        if able.owner:
            world.space.chown(made, *able.owner)
        if able.times:
            _set_time(world, made, row.mtime // able.tick * able.tick)  # what it can keep it shows at any time
        facts = patient(os.fstat, made)
        if not world.config.syncs_whole:
            world.space.sync_file(made)
    except BaseException as error:
        taken = _size_of(made)
        with contextlib.suppress(OSError):
            os.close(made)
        with contextlib.suppress(OSError):
            world.space.unlink(path)
        if isinstance(error, OSError) and error.errno == errno.EFBIG:
            raise too_large(world, before.st_size, taken) from error
        raise
    world.space.close(made)
    return path, hasher.digest(), (size, mtime_of(facts), is_young(world, facts))


def row_of(facts: os.stat_result, flushed: int, job: Upload, origin: int) -> Row:
    """What the index is to know of a file with these facts, but for its content."""
    racy = int(mtime_of(facts) >= flushed - RACY_NS)
    return Row("f", *local_facts(facts), racy=racy, stored=job.stored, origin=origin, point=int(job.force))


def as_before(row: Row, known: Row) -> Row:
    """The row of a content that was saved before: only the working copy's facts are new."""
    return replace(
        known, mode=row.mode, size=row.size, mtime=row.mtime, ctime=row.ctime, ino=row.ino, racy=row.racy, link=b""
    )


def must_be_unchanged(fd: int, before: os.stat_result, job: Upload) -> None:
    """Raise Busy if an open file is not as it was before, and the copy is not forced."""
    after = os.fstat(fd)
    same = (after.st_size, after.st_mtime_ns, ctime_of(after)) == (
        before.st_size,
        before.st_mtime_ns,
        ctime_of(before),
    )
    if not same and not job.force:
        raise Busy(errno.ETXTBSY, "it is still being written", os.fsdecode(job.path))


def must_not_wait(job: Upload) -> None:
    """Raise Held if it does."""
    if job.hold:
        raise Held(errno.EDQUOT, "the trash has no room for what it was before", os.fsdecode(job.path))


def _size_of(fd: int) -> int:
    with contextlib.suppress(OSError):
        return os.fstat(fd).st_size
    return 0


def _set_time(world: World, fd: int, mtime: int) -> None:
    """Set a file's time in the data space, unless that has no such time: the manifest knows it."""
    try:
        world.space.set_times(fd, mtime)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ERANGE, errno.EOVERFLOW):
            raise


def upload_link(world: World, able: Abilities, job: Upload, facts: os.stat_result) -> Copied:
    """A symbolic link under an unfinished name; where the data space holds none, the manifest does.

    Raises Held for one in whose place a file is that the trash cannot take.
    """
    target = world.tree.readlink(job.path)
    row = Row(
        "l", *local_facts(facts), target=target,
        hash=digest_of_link(target), origin=world.session.generation, rsize=0,
        stored=job.stored or (b"" if able.symlinks else odd_path(job.path)),
    )  # fmt: skip
    known = job.known
    if known is not None and known.held() and (known.kind, known.target) == ("l", target):
        return Copied(job.path, replace(row, origin=known.origin, stored=known.stored))
    must_not_wait(job)
    if row.stored:
        return Copied(job.path, row, clear=True)
    temporary = world.session.unfinished()
    world.space.symlink(target, temporary)
    return Copied(job.path, row, temporary)
