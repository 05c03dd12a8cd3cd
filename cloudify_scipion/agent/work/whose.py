"""Whose content lies at a path of the data space: ours, as known or exactly the new one, or a stranger's."""

from __future__ import annotations

import os

from cloudify_scipion.agent.plan.guards import is_zeros
from cloudify_scipion.agent.plan.names import STRANGER
from cloudify_scipion.agent.ports.calls import patient
from cloudify_scipion.agent.ports.facts import ctime_of, kind, mtime_of
from cloudify_scipion.agent.ports.read_tree import ReadTree
from cloudify_scipion.agent.ports.tables.rows import Row
from cloudify_scipion.agent.work.content import CHUNK, Changed, digest_of
from cloudify_scipion.agent.work.links import digest_of_link
from cloudify_scipion.agent.work.world import World

SAME = STRANGER - 1


def is_beginning(part: ReadTree, path: bytes, whole: ReadTree, whole_path: bytes) -> bool:
    """Whether a file holds but the beginning of another, or zeros: what a copy leaves that was cut short."""
    fd, other = part.open(path), -1
    try:
        other = whole.open(whole_path)
        zeros, same, at = True, True, 0
        while (zeros or same) and (data := patient(os.read, fd, CHUNK)):
            zeros = zeros and is_zeros(data)
            same = same and patient(os.pread, other, len(data), at) == data
            at += len(data)
    finally:
        os.close(fd)
        if other >= 0:
            os.close(other)
    return zeros or same


def origin_of_content(
    world: World, target: bytes, facts: os.stat_result, known: Row | None, wanted: str, intents: frozenset[str]
) -> int | None:
    """Whose content is at `target`: a generation of ours (0: the facility's, as known), SAME, or None: a stranger's."""
    if kind(facts) == "l":
        return _origin_of_link(world, world.space.readlink(target), known, wanted, intents)
    if kind(facts) != "f":
        return None
    if known is not None and as_known(world, known, facts):
        return known.origin
    try:
        digest, _ = digest_of(world.space, target)
    except Changed:
        return None
    if digest == wanted:
        return SAME
    if known is not None and digest == known.hash and known.kind == "f":
        return known.origin
    return world.generation if digest in intents else None


def _origin_of_link(
    world: World, points_to: bytes, known: Row | None, wanted: str, intents: frozenset[str]
) -> int | None:
    if known is not None and known.kind == "l" and known.target == points_to:
        return known.origin
    digest = digest_of_link(points_to)
    if digest == wanted:
        return SAME
    return world.generation if digest in intents else None


def as_known(world: World, row: Row, facts: os.stat_result) -> bool:
    """Whether a file in the data space is the one that the index knows, by facts alone.

    Size and time are no proof: others can set them. So its ctime must say that nothing was done to it since.
    """
    if world.able is None or not world.able.changed or row.rracy or not row.kind == "f" == kind(facts):
        return False
    return (row.rsize, row.rmtime) == (facts.st_size, mtime_of(facts)) and 0 < ctime_of(facts) <= row.rctime
