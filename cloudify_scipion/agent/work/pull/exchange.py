"""Giving what is exactly as it was saved in the working copy the newer content that the data space has.

No file or link of the user is replaced in another way. Nothing is lost by it: the content that goes was read, and is
what the data space was once given. A file that somebody has open, or that changes meanwhile, stays as it is. What is to
be kept has a name of the user's all the while: killed anywhere, neither is lost, and at worst one of them keeps the
name of a conflict without need.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from cloudify_scipion.agent.plan.manifest import Entry
from cloudify_scipion.agent.plan.names import BESIDE, joined
from cloudify_scipion.agent.plan.restored import file_mode
from cloudify_scipion.agent.plan.ruins import is_part
from cloudify_scipion.agent.ports.calls import UNSUPPORTED
from cloudify_scipion.agent.ports.databases.beside import facts_of, has_change_beside, is_side
from cloudify_scipion.agent.ports.facts import kind, local_facts, mtime_of
from cloudify_scipion.agent.ports.in_use import nobody_else_has_it
from cloudify_scipion.agent.ports.tables.rows import Row
from cloudify_scipion.agent.ports.tree import Tree
from cloudify_scipion.agent.work.content import blocks_of_both, digest_at, with_facts
from cloudify_scipion.agent.work.pull.fetch import Seen, download, fetch, link_row, make_link
from cloudify_scipion.agent.work.scratch import SCRATCH, forget, naming
from cloudify_scipion.agent.work.space.keep_beside import free_name
from cloudify_scipion.agent.work.world import World

BLOCK = 512
"""Bytes that are compared at once: an upload is written in larger ones."""


def file_instead(
    world: World, source: bytes, path: bytes, base: Entry | None, row: Row, spare: bool = False
) -> Seen | None:
    """Put the data space's file at `source` in the place of the file or link at `path`.

    Only while that is, by content, what `row` says that both sides had in common; else None, and nothing was done.
    `spare`: what was here is kept beside it, unless it is but a part of the other, as of an upload that has gone on.
    """
    with _unchanged(world, path, row) as old:
        if old is None or not row.held():
            return None
        temporary, new, ours = download(world, source, base)
        try:
            spare = spare and not (old.fd >= 0 and _is_part_of_new(world, path, temporary))
            if not _swapped(world, temporary, path, old, spare):
                return None
        finally:
            forget(world, temporary)
    stored = source if source != path else b""
    known = with_facts(world, replace(new, stored=stored), world.tree.stat(path), ours)
    return Seen([(path, known)], pulled=1)


def link_instead(world: World, target: bytes, path: bytes, row: Row, origin: int, spare: bool = False) -> Seen | None:
    """Put a link to `target`, which `origin` has written, in the place of the file or link at `path`: as above."""
    with _unchanged(world, path, row) as old:
        if old is None:
            return None
        temporary = _new_link(world, target)
        try:
            if not _swapped(world, temporary, path, old, spare):
                return None
        finally:
            forget(world, temporary)
    return Seen([(path, link_row(world, path, target, origin))])


def give_newer(world: World, path: bytes, base: Entry, row: Row | None) -> Seen | None:
    """Let the data space's version, which is newer, have its name here. None if what is here was changed since.

    What is not known to be saved, or has something of SQLite's beside it, is not replaced: it gets a conflict's name.
    """
    facts = world.tree.stat(path)
    if row is not None:
        spare = row.origin <= 0
        if base.kind == "f":
            seen = file_instead(world, path, path, base, row, spare)
        else:
            seen = link_instead(world, base.target, path, row, base.origin, spare)
        mine = facts is not None and kind(facts) == "f" and is_as_known(row, facts)
        if seen is not None or not mine or not _left_behind(world, path, base):
            return seen
    set_aside_older(world, path)
    if base.kind == "f":
        return replace(fetch(world, path, path, base), conflicts=1)
    make_link(world, base.target, path)
    return Seen([(path, link_row(world, path, base.target, base.origin))], conflicts=1)


def _is_part_of_new(world: World, path: bytes, temporary: bytes) -> bool:
    """Whether what is here is but a part of what has come. What cannot be read is kept."""
    try:
        return is_part(blocks_of_both(world.tree, path, world.state, temporary, BLOCK))
    except OSError:
        return False


def _new_link(world: World, target: bytes) -> bytes:
    """An unfinished one on the volume."""
    temporary = joined(SCRATCH, world.session.nonce().encode())
    with naming(world):
        world.state.symlink(target, temporary)
        if os.geteuid() != world.config.user:
            world.state.chown_link(temporary, world.config.user, world.config.user)
    return temporary


@dataclass(frozen=True)
class _Old:
    """What is to go: whether it `may_go` still, whether it `is_out` once it lies in a tree at a path, and its open
    descriptor if it is a file, which nobody else may have open."""

    may_go: Callable[[], bool]
    is_out: Callable[[Tree, bytes], bool]
    fd: int = -1

    @contextlib.contextmanager
    def alone(self) -> Iterator[bool]:
        """Whether nobody else has it open, and nobody can open it meanwhile."""
        if self.fd < 0:
            yield True
            return
        with nobody_else_has_it(self.fd) as alone:
            yield alone


@contextlib.contextmanager
def _unchanged(world: World, path: bytes, row: Row) -> Iterator[_Old | None]:
    """What is at a path, if it is as it was saved and nothing that SQLite left beside it is newer; else None."""
    if row.kind == "l":

        def says_the_same(tree: Tree, name: bytes) -> bool:
            return kind(tree.stat(name)) == "l" and tree.readlink(name) == row.target

        yield _Old(lambda: True, says_the_same) if says_the_same(world.tree, path) else None
        return
    fd = -1
    with contextlib.suppress(OSError):
        fd = world.tree.open(path)
    try:
        before = os.fstat(fd) if fd >= 0 and row.held() and not has_change_beside(world.tree, path) else None
        same = before is not None and digest_at(fd) == (row.local or row.hash)
        yield _open_file(world, path, fd, before) if before is not None and same else None
    finally:
        if fd >= 0:
            os.close(fd)


def _open_file(world: World, path: bytes, fd: int, before: os.stat_result) -> _Old:
    def may_go() -> bool:
        facts = world.tree.stat(path)
        return facts is not None and _same(facts, before)

    def is_out(tree: Tree, name: bytes) -> bool:
        out = tree.stat(name)
        return out is not None and _identity(out) == _identity(before)

    return _Old(may_go, is_out, fd)


def _same(one: os.stat_result, other: os.stat_result) -> bool:
    return (one.st_ino, one.st_size, one.st_mtime_ns, one.st_ctime_ns) == (
        other.st_ino, other.st_size, other.st_mtime_ns, other.st_ctime_ns,
    )  # fmt: skip


def _swapped(world: World, temporary: bytes, path: bytes, old: _Old, spare: bool) -> bool:
    """Put an unfinished file or link of the volume in the place of the old one; back again if it was another by then.

    Returns whether it was done. `spare`: what goes keeps the name of a conflict, which the new one has first.
    """
    if not spare:
        return _exchanged(world, world.state, temporary, path, old)
    name = free_name(world, path)
    world.tree.take(world.state, temporary, name)
    new = world.tree.stat(name)
    try:
        done = _exchanged(world, world.tree, name, path, old)
    except OSError:
        _withdraw(world, name, new)
        raise
    if done:
        world.tell(f"{os.fsdecode(path)} was changed in the data space: what was here is kept as {os.fsdecode(name)}")
    else:
        _withdraw(world, name, new)
    return done


def _exchanged(world: World, tree: Tree, name: bytes, path: bytes, old: _Old) -> bool:
    with old.alone() as alone:
        if not alone or not old.may_go() or not _try_exchange(world, tree, name, path):
            return False
    try:
        with naming(world) if tree is world.state else contextlib.nullcontext():
            out = old.is_out(tree, name)
    except OSError:  # nobody knows what was replaced: it comes back
        world.tree.exchange(tree, name, path)
        raise
    with old.alone() as alone:
        if alone and out:
            return True
        world.tree.exchange(tree, name, path)
    return False


def _try_exchange(world: World, tree: Tree, name: bytes, path: bytes) -> bool:
    """False where the volume has no such call."""
    try:
        world.tree.exchange(tree, name, path)
    except OSError as error:
        if error.errno not in UNSUPPORTED:
            raise
        return False
    return True


def _withdraw(world: World, name: bytes, new: os.stat_result | None) -> None:
    """What has come goes again, unless somebody has written to it where it was."""
    with contextlib.suppress(OSError):  # then it keeps the name of a conflict
        there = world.tree.stat(name)
        if there is not None and new is not None and _identity(there) == _identity(new):
            world.tree.unlink(name)


def _identity(stat: os.stat_result) -> tuple[int, int, int]:
    """What stays when a file gets another name, and changes when it is written or another takes its place."""
    return stat.st_ino, stat.st_size, mtime_of(stat)


def is_as_known(row: Row, facts: os.stat_result) -> bool:
    """Whether a file or link of the working copy has the facts that the index last knew."""
    return (row.mode, row.size, row.mtime, row.ctime, row.ino) == local_facts(facts)


def _left_behind(world: World, path: bytes, base: Entry) -> bool:
    """Whether all that lies beside a database is older than its newer version, and nobody uses it."""
    return _is_older_beside(world, path, base.mtime) and is_unused(world, path)


def gives_way(world: World, path: bytes, row: Row | None, newer: int) -> bool:
    """Whether a file or link is as it came from others, and nobody uses it.

    All that lies beside a database must be older than what others have put there (its time: `newer`).
    """
    facts = world.tree.stat(path)
    if row is None or facts is None or not row.held() or row.origin > 0 or row.racy or not is_as_known(row, facts):
        return False
    return kind(facts) == "l" or (is_unused(world, path) and (not has_change_beside(world.tree, path)
                                                              or _is_older_beside(world, path, newer)))  # fmt: skip


def is_unused(world: World, path: bytes) -> bool:
    """Whether nobody has a file open."""
    fd = world.tree.open(path)
    try:
        with nobody_else_has_it(fd) as alone:
            return alone
    finally:
        os.close(fd)


def _is_older_beside(world: World, path: bytes, newer: int) -> bool:
    """Whether something lies beside a database, and all of it is older than that time (ns)."""
    beside = [facts for end in BESIDE if (facts := facts_of(world.tree, path + end)) is not None]
    return bool(beside) and all(mtime_of(facts) < newer for facts in beside)


def set_aside_older(world: World, path: bytes) -> None:
    """Let what the data space has a newer version of get out of its way, with a word."""
    beside = _set_aside(world, path)
    world.tell(
        f"{os.fsdecode(path)} is newer in the data space: what was here is kept as {os.fsdecode(beside)}", "alarm"
    )


def _set_aside(world: World, path: bytes) -> bytes:
    """Give a file here, and first what SQLite left beside it, the name of a conflict; returns that."""
    name = free_name(world, path)
    for end in BESIDE:
        if facts_of(world.tree, path + end) is not None and is_side(world.tree, path + end):
            world.tree.rename(path + end, name + end)
    world.tree.rename(path, name)
    return name


def set_facts(world: World, path: bytes, row: Row, mode: int, mtime: int) -> Row:
    """Give a file the mode and time that it was given elsewhere; returns what the index is to know."""
    fd = world.tree.open(path)
    try:
        world.tree.set_times(fd, mtime)
        world.tree.set_mode(fd, file_mode(mode))
    finally:
        os.close(fd)
    return with_facts(world, row, world.tree.stat(path))
