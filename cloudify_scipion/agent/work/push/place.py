"""Putting finished uploads in their place in the data space, and taking away what was deleted; destroying nothing.

Whatever is in the way is looked at: what we know to be ours goes to the trash, what somebody else put there is kept
beside it under the name of a conflict.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from cloudify_scipion.agent.plan.digests import is_among
from cloudify_scipion.agent.plan.names import ORIGINAL, is_link_in_trash, odd_path
from cloudify_scipion.agent.plan.ruins import is_beginning
from cloudify_scipion.agent.plan.spelling import likenesses
from cloudify_scipion.agent.ports.facts import kind, mtime_of
from cloudify_scipion.agent.ports.tables.rows import Row
from cloudify_scipion.agent.work.content import SAME, Changed, blocks_of_both, digest_of, origin_of_content
from cloudify_scipion.agent.work.push.send import Copied
from cloudify_scipion.agent.work.space.keep_beside import keep_beside, move, move_beside
from cloudify_scipion.agent.work.space.names_there import SURE, is_refused
from cloudify_scipion.agent.work.trash.throw import Thrown, keep_link, throw_away
from cloudify_scipion.agent.work.world import World

TURNS = 20


class Deferred(OSError):
    """What is in the way is ours and is to be deleted first."""


class Occupied(OSError):
    """Something is there that may be another name's: whoever knows all names looks at it."""


@dataclass
class Outcome:
    """What happened at one path: what is in the `trash`, and as `conflicts` what is kept beside.

    `beside` is what the index is to know of the files beside a database, None: they are gone.
    """

    path: bytes
    row: Row | None = None
    trash: list[Thrown] = field(default_factory=list)
    conflicts: list[bytes] = field(default_factory=list)
    beside: list[tuple[bytes, Row | None]] = field(default_factory=list)


def _nothing(_: Outcome) -> None:
    """Nothing is to be done before."""


@dataclass(frozen=True)
class Placing:
    """An upload to be put in its place. `known` is the index's row, `intents` what killed pushes may have put there."""

    copied: Copied
    known: Row | None
    intents: frozenset[str] = frozenset()
    folder: bool = False
    """Whether the index knows a folder at this path."""
    beside: Mapping[bytes, Row] = field(default_factory=dict)
    """What the index has of the files beside a database, by the ends of their names."""
    intents_beside: Mapping[bytes, frozenset[str]] = field(default_factory=dict)
    passing: bool = False
    """Whether the version that it replaces is none to keep: the trash has one of this hour already."""
    beyond: bool = False
    """Whether a person has agreed that the trash takes that version, whatever its limit."""
    sure: bool = False
    """Whether what is there has exactly this name."""


def place(world: World, placing: Placing, first: Callable[[Outcome], None] = _nothing) -> Outcome:
    """Move the unfinished file to its path; what was there goes to the trash, or is kept beside.

    `first` is done when the path is free, or holds exactly that already; in each of the turns that it takes.
    """
    copied, row = placing.copied, placing.copied.row
    target, outcome = copied.path if copied.clear else row.stored or copied.path, Outcome(copied.path, row)
    new = placing.known is None or not placing.known.held()
    cleared, told = new and not copied.database, 0  # what lies beside a stranger's goes where that went
    for _ in range(TURNS):
        free = cleared or _clear(world, target, placing, outcome)
        _keep_link(world, placing.known, outcome)
        if not free:
            world.space.unlink(copied.temporary)
            first(outcome)
            return outcome
        try:
            first(outcome)
            if copied.temporary:
                if move(world, copied.temporary, target):
                    outcome.row = replace(row, rracy=1)
            elif able_to_hold(world, target) and world.space.stat(target) is not None:
                cleared = False  # a link is in the manifest alone
                continue
        except FileExistsError:
            cleared = False
            continue
        except OSError as error:
            if row.stored or not is_refused(error):
                raise
            told += 1
            if told < SURE:
                continue
            placed = place(world, replace(oddly(world, placing), known=None if outcome.trash else placing.known))
            return replace(placed, trash=outcome.trash + placed.trash, conflicts=outcome.conflicts + placed.conflicts)
        _leave(world, placing, target, outcome)
        able = world.learnt.able
        if able is not None and not able.kept and copied.temporary and outcome.row is not None:
            size, mtime = world.space.fresh(target) or (row.rsize, row.rmtime)
            outcome.row = replace(outcome.row, rsize=size, rmtime=mtime)
        if placing.passing:
            _forget_version(world, outcome)
        return outcome
    raise Changed(0, "somebody keeps putting other files there", os.fsdecode(target))


def able_to_hold(world: World, path: bytes) -> bool:
    """Whether the data space can hold a path's name, as far as was found out."""
    return world.learnt.able is None or world.learnt.able.names.hold(path)


def oddly(world: World, placing: Placing) -> Placing:
    """The upload, to be put where names do not matter: the data space cannot hold this one."""
    copied = placing.copied
    row = replace(copied.row, stored=odd_path(copied.path))
    if row.kind == "l":
        world.space.unlink(copied.temporary)
        copied = replace(copied, temporary=b"")
    return replace(placing, copied=replace(copied, row=row))


def _keep_link(world: World, known: Row | None, outcome: Outcome) -> None:
    """Where a link pointed to until now that only the manifest knows; once, however many turns it takes."""
    kept = any(thrown.path == outcome.path and is_link_in_trash(thrown.name) for thrown in outcome.trash)
    if known is not None and known.held() and known.kind == "l" and known.stored and not kept:
        outcome.trash.append(keep_link(world, outcome.path, known, gone=False))


def _leave(world: World, placing: Placing, target: bytes, outcome: Outcome) -> None:
    """What lay elsewhere until now is no use there any more."""
    known = placing.known
    if known is not None and known.held() and known.kind == "f" and (known.stored or outcome.path) != target:
        outcome.trash += remove(world, outcome.path, known).trash


def _clear(world: World, target: bytes, placing: Placing, outcome: Outcome) -> bool:
    """Make room at `target`. False if exactly the new content is there already."""
    facts = world.space.stat(target)
    if facts is None:
        if placing.known is not None and placing.known.held():
            world.tell(f"{os.fsdecode(target)} was deleted in the data space: saved again")
        return True
    if kind(facts) == "d" and placing.folder:
        raise Deferred(0, "a folder is in the way", os.fsdecode(target))
    origin = origin_of_content(world, target, facts, placing.known, placing.copied.row.hash, placing.intents)
    if _may_be_another(world, target, placing, origin):
        raise Occupied(0, "something else may be there", os.fsdecode(target))
    if _is_ruin(world, target, facts, origin, placing):
        name = throw_away(world, target, world.session.generation, outcome.path)
        outcome.trash.append(Thrown(name, outcome.path, facts.st_size, world.session.generation))
        return True
    if origin == SAME:
        known = _fresh(world, target, facts)
        outcome.row = replace(placing.copied.row, rsize=known[0], rmtime=known[1], rracy=1)
        return False
    if origin is None:
        outcome.conflicts.append(keep_beside(world, target))
    else:
        if placing.copied.unseen:
            origin = ORIGINAL
            world.tell(
                f"{os.fsdecode(outcome.path)} has another content than was saved, though its size and time say that "
                "nothing was changed: both are kept, the saved version in the trash (scipion-data trash list)", "alarm",
            )  # fmt: skip
        to_trash(world, target, facts, Whose(origin, outcome.path, False, placing.beyond, _ours(placing)), outcome)
    return True


def _ours(placing: Placing) -> frozenset[str]:
    """The contents that we may have put there."""
    return placing.intents | ({placing.known.hash} if placing.known is not None else set())


def _may_be_another(world: World, target: bytes, placing: Placing, origin: int | None) -> bool:
    """Whether what is there may have another name, which the data space takes for this one."""
    if placing.sure or placing.copied.row.stored:
        return False
    if origin is None or (world.learnt.able is not None and world.learnt.able.names.folds):
        return True
    held = placing.known is not None and placing.known.held()
    return not held and any(world.space.stat(other) is not None for other in likenesses(target))


def _is_ruin(world: World, target: bytes, facts: os.stat_result, origin: int | None, placing: Placing) -> bool:
    """Whether something of ours that failed is in the way, of which we or others know that it is not whole."""
    known, copied = placing.known, placing.copied
    if origin == SAME:
        return known is not None and known.doubted()
    ours = bool(placing.intents) or (known is not None and not known.held())
    if origin is not None or not ours or not copied.size or not kind(facts) == copied.row.kind == "f":
        return False
    return is_beginning(blocks_of_both(world.space, target, world.space, copied.temporary))


@dataclass(frozen=True)
class Whose:
    """Who wrote what goes to the trash, and as which path it was known there. `gone`, `beyond`: see Thrown."""

    origin: int
    path: bytes
    gone: bool = False
    beyond: bool = False
    hashes: frozenset[str] = frozenset()
    """SHA-256 (hex) of what it may be."""


def to_trash(world: World, there: bytes, facts: os.stat_result, whose: Whose, outcome: Outcome) -> None:
    """Move our own version away; what turns out to be a stranger's after all is kept beside."""
    name = throw_away(world, there, whose.origin, whose.path)
    moved = _fresh(world, name, facts)
    if kind(facts) == "f" and moved != (facts.st_size, mtime_of(facts)) and not _is_one_of(world, name, whose.hashes):
        outcome.conflicts.append(move_beside(world, there, name))
        return
    outcome.trash.append(Thrown(name, whose.path, facts.st_size, whose.origin, whose.gone, whose.beyond))


def _is_one_of(world: World, path: bytes, hashes: frozenset[str]) -> bool:
    """Whether a file has one of these contents: some data spaces give another time to what is moved."""
    with contextlib.suppress(Changed):
        return is_among(digest_of(world.space, path)[0], hashes)
    return False


def _forget_version(world: World, outcome: Outcome) -> None:
    """With the new version in its place, the last one of this hour goes; what cannot go stays in the trash."""
    for thrown in [thrown for thrown in outcome.trash if thrown.origin > 0]:
        with contextlib.suppress(OSError):
            world.space.unlink(thrown.name)
            outcome.trash.remove(thrown)


def remove(
    world: World, path: bytes, row: Row, first: Callable[[Outcome], None] = _nothing, beyond: bool = False
) -> Outcome:
    """Take away what was deleted in the working copy. What a stranger changed meanwhile stays, and is pulled again.

    `first` is done before, where it does not stay.
    """
    outcome, target = Outcome(path), row.stored or path
    facts = world.space.stat(target)
    if facts is None:
        first(outcome)
        return outcome
    origin = origin_of_content(world, target, facts, row, "", frozenset())
    if origin is None:
        world.tell(f"{os.fsdecode(path)} was deleted here and changed in the data space: it stays")
        return outcome
    first(outcome)
    to_trash(world, target, facts, Whose(origin, path, True, beyond, frozenset({row.hash})), outcome)
    return outcome


def _fresh(world: World, path: bytes, facts: os.stat_result) -> tuple[int, int]:
    return world.space.fresh(path) or (facts.st_size, mtime_of(facts))
