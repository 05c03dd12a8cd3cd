"""Giving a symbolic link that is exactly as it was saved what the data space has of it now, and a file a link.

As in `exchange`, nothing of the user is replaced in another way, and nothing is lost by it.
"""

from __future__ import annotations

import os
from dataclasses import replace

from cloudify_scipion.agent.plan.manifest import Entry
from cloudify_scipion.agent.plan.names import joined
from cloudify_scipion.agent.ports.facts import kind
from cloudify_scipion.agent.ports.tables.rows import Row
from cloudify_scipion.agent.ports.tree import Tree
from cloudify_scipion.agent.work.content import with_facts
from cloudify_scipion.agent.work.pull.exchange import (
    Old,
    exchanged,
    is_as_known,
    left_behind,
    set_aside_older,
    swapped,
    unchanged,
)
from cloudify_scipion.agent.work.pull.fetch import Seen, download, fetch, link_row, make_link
from cloudify_scipion.agent.work.scratch import SCRATCH, forget, naming
from cloudify_scipion.agent.work.world import World


def link_for_file(world: World, path: bytes, target: bytes, row: Row, origin: int, spare: bool = False) -> Seen | None:
    """Put a link in the place of a file that is, by content, what `row` says; else None, and nothing was done.

    `spare`: what was here is kept beside it.
    """
    with unchanged(world, path, row) as fd:
        if fd < 0:
            return None
        temporary = _new_link(world, target)
        try:
            if not exchanged(world, temporary, path, fd, spare):
                return None
        finally:
            forget(world, temporary)
    return Seen([(path, link_row(world, path, target, origin))])


def link_for_link(world: World, path: bytes, target: bytes, old: bytes, spare: bool = False) -> bool:
    """The same of a link that still says `old`; whether it was done."""
    if not _says(world, path, old):
        return False
    temporary = _new_link(world, target)
    try:
        return _exchanged_link(world, temporary, path, old, spare)
    finally:
        forget(world, temporary)


def file_for_link(
    world: World, source: bytes, path: bytes, base: Entry | None, row: Row, spare: bool = False
) -> Seen | None:
    """The same with the data space's file at `source`."""
    if not row.held() or row.kind != "l" or not _says(world, path, row.target):
        return None
    temporary, new, ours = download(world, source, base)
    try:
        if not _exchanged_link(world, temporary, path, row.target, spare):
            return None
    finally:
        forget(world, temporary)
    stored = source if source != path else b""
    return Seen([(path, with_facts(world, replace(new, stored=stored), world.tree.stat(path), ours))], pulled=1)


def give_newer_kind(world: World, path: bytes, base: Entry, row: Row | None) -> Seen | None:
    """Let the data space's version, which is newer and of another kind, have its name here.

    None if what is here was changed since. What is not known to be saved gets a conflict's name.
    """
    if row is not None:
        seen, facts = _in_its_place(world, path, base, row), world.tree.stat(path)
        mine = facts is not None and kind(facts) == "f" and is_as_known(row, facts)
        if seen is not None or not mine or not left_behind(world, path, base):
            return seen
    set_aside_older(world, path)
    if base.kind == "f":
        return replace(fetch(world, path, path, base), conflicts=1)
    make_link(world, base.target, path)
    return Seen([(path, link_row(world, path, base.target, base.origin))], conflicts=1)


def _in_its_place(world: World, path: bytes, base: Entry, row: Row) -> Seen | None:
    if base.kind == "f":
        return file_for_link(world, path, path, base, row, spare=row.origin <= 0)
    return link_for_file(world, path, base.target, row, base.origin, spare=row.origin <= 0)


def _says(world: World, path: bytes, target: bytes) -> bool:
    facts = world.tree.stat(path)
    return facts is not None and kind(facts) == "l" and world.tree.readlink(path) == target


def _new_link(world: World, target: bytes) -> bytes:
    """An unfinished one on the volume."""
    temporary = joined(SCRATCH, world.session.nonce().encode())
    with naming(world):
        world.state.symlink(target, temporary)
        if os.geteuid() != world.config.user:
            world.state.chown_link(temporary, world.config.user, world.config.user)
    return temporary


def _exchanged_link(world: World, temporary: bytes, path: bytes, old: bytes, spare: bool) -> bool:
    """Exchange the two; back again if it was another one by then."""

    def is_out(tree: Tree, name: bytes) -> bool:
        out = tree.stat(name)
        return out is not None and kind(out) == "l" and tree.readlink(name) == old

    return swapped(world, temporary, path, Old(lambda: True, is_out), spare)
