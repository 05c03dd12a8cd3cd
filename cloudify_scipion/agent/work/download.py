"""Fetching a file of the data space into an unfinished file on the volume."""

from __future__ import annotations

import errno
import os
import stat

from cloudify_scipion.agent.plan.guards import is_zeros
from cloudify_scipion.agent.plan.manifest import Entry
from cloudify_scipion.agent.plan.names import joined
from cloudify_scipion.agent.plan.restored import as_saved, given_back
from cloudify_scipion.agent.ports.calls import patient
from cloudify_scipion.agent.ports.databases.beside import HEADER
from cloudify_scipion.agent.ports.digests import hasher_for
from cloudify_scipion.agent.ports.facts import ctime_of, mtime_of
from cloudify_scipion.agent.ports.holes import WORTH, Sink, pieces
from cloudify_scipion.agent.ports.tables.rows import Row
from cloudify_scipion.agent.work.content import Changed, is_young
from cloudify_scipion.agent.work.scratch import SCRATCH, forget, naming
from cloudify_scipion.agent.work.world import World


def download(world: World, path: bytes, base: Entry | None = None) -> tuple[bytes, Row, os.stat_result]:
    """Fetch a file's content into an unfinished file on the volume, with mode, time and owner.

    Returns that, what the index is to know of the content, and the facts of what was made. Where the content is what
    `base` says, mode and time are its, too. Raises Changed if it changed meanwhile.
    """
    fd, before = world.space.open_with_facts(path)
    temporary = joined(SCRATCH, world.nonce().encode())
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
        os.close(fd)
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
    digest = hasher.hexdigest()
    known = as_saved(base, digest)
    mode, mtime = given_back(base, digest, after.st_mode, mtime_of(after))
    with naming(world):
        made = _finish(world, target, mode, mtime)
    origin = known.origin if known else world.theirs
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
