"""Symbolic links, which are data of their own, and hard links, which the manifest tells."""

from __future__ import annotations

import contextlib
import hashlib
import os
from dataclasses import replace

from cloudify_scipion.agent.plan.abilities import Abilities
from cloudify_scipion.agent.plan.names import TEMPORARY, joined, odd_path, temporary_name
from cloudify_scipion.agent.ports.facts import ctime_of, ino_of, mtime_of
from cloudify_scipion.agent.ports.tables.rows import Row
from cloudify_scipion.agent.work.content import Copied, Job, must_not_wait
from cloudify_scipion.agent.work.world import World


def upload_link(world: World, able: Abilities, job: Job, facts: os.stat_result) -> Copied:
    """A symbolic link under an unfinished name; where the data space holds none, the manifest does.

    Raises Held for one in whose place a file is that the trash cannot take.
    """
    target = world.tree.readlink(job.path)
    row = Row(
        "l", facts.st_mode, facts.st_size, mtime_of(facts), ctime_of(facts), ino_of(facts), target=target,
        hash=digest_of_link(target), origin=world.generation, rsize=0,
        stored=job.stored or (b"" if able.symlinks else odd_path(job.path)),
    )  # fmt: skip
    known = job.known
    if known is not None and known.held() and (known.kind, known.target) == ("l", target):
        return Copied(job.path, replace(row, origin=known.origin, stored=known.stored))
    must_not_wait(job)
    if row.stored:
        return Copied(job.path, row, clear=True)
    temporary = joined(TEMPORARY, temporary_name(world.generation, world.nonce()))
    world.space.symlink(target, temporary)
    return Copied(job.path, row, temporary)


def digest_of_link(target: bytes) -> str:
    """SHA-256 (hex) of what a symbolic link says, of which no file's content is the same."""
    return hashlib.sha256(b"link:" + target).hexdigest()


def note_hard_links(world: World) -> None:
    """Let the manifest say which files are names of one inode, and which of them is the first: the one that a pull
    makes before the others. What lies elsewhere in the data space comes after all that has its name there."""
    true: set[bytes] = set()
    for ino in world.index.shared_inodes():
        found = [(path, row) for path, row in world.index.by_ino(ino) if row.kind == "f"]
        rows = dict(sorted(found, key=lambda one: (bool(one[1].stored), one[0])))
        names = list(rows)
        if [rows[name].link for name in names] != [b"", *(names[0] for _ in names[1:])]:
            names = [name for name in names if _has_inode(world, name, ino)]
        for name in names:
            _note(world, name, rows[name], b"" if name == names[0] else names[0])
        true.update(names[1:])
    for name, row in world.index.linked():
        if name not in true:
            _note(world, name, row, b"")


def _has_inode(world: World, path: bytes, ino: int) -> bool:
    with contextlib.suppress(OSError):  # then it counts as a file of its own
        facts = world.tree.stat(path)
        return facts is not None and ino_of(facts) == ino
    return False


def _note(world: World, path: bytes, row: Row, first: bytes) -> None:
    if row.link != first:
        world.index.put(path, replace(row, link=first))
