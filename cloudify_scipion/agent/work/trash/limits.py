"""What the trash in the data space may hold: what goes from it, and what becomes of the version that a changed file
replaces where there is no room for it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from cloudify_scipion.agent.plan.names import split, trash_folder
from cloudify_scipion.agent.plan.text import shown
from cloudify_scipion.agent.plan.trash import DAY, HOUR, Budget, Version, going, limit_for
from cloudify_scipion.agent.ports.tables.rows import Row
from cloudify_scipion.agent.work.push.tally import Run
from cloudify_scipion.agent.work.questions import REPLACED, ask_replaced, ask_trash
from cloudify_scipion.agent.work.questions import TRASH as TRASH_FULL
from cloudify_scipion.agent.work.world import World

OVER, STUCK = "trash-over", "trash-stuck"
"""Kinds that were told to be over the limit, and why something could not be removed."""
KINDS = {
    "originals": "originals that do not expire",
    "strangers": "files of others that do not expire",
    "project": "versions that are younger than their minimum age",
}


def budget(world: World) -> Budget:
    """What the trash can take of the project's own versions."""
    used, old = world.index.trash.counted(world.lived() - world.config.trash_days * DAY)
    return Budget(limit(world), used, old)


def limit(world: World) -> int:
    """How much the trash may hold of each kind: little, where the data space is small."""
    return limit_for(world.config.trash_bytes, world.space.room()[1])


def prune(world: World) -> None:
    """Over the limit, versions that we wrote go when they are old enough, oldest first. All else stays; it is told."""
    if not world.index.trash.end():
        return
    most = limit(world)
    throw(world, going(world.index.trash.expendable(), *_ages(world)), world.index.trash.bytes_of("project") - most)
    over = {of: size - most for of in KINDS if (size := world.index.trash.bytes_of(of)) > most}
    said = "the trash in the data space is {} over its limit with {}"
    world.tell_new(OVER, {of: said.format(shown(size), KINDS[of]) for of, size in over.items()})
    world.commit_and_tell()


def _ages(world: World) -> tuple[float, float]:
    return world.lived(), world.config.trash_days * DAY


def throw(world: World, versions: Iterable[Version], need: int) -> int:
    """Remove them from the trash until so many bytes went; returns how many did. What cannot be removed stays there."""
    freed, stuck = 0, list[OSError]()
    for version in versions:
        if freed >= need:
            break
        world.session.beat()
        try:
            world.space.unlink(version.name)
        except OSError as error:
            stuck.append(error)
            continue
        world.index.trash.drop(version.name)
        freed += version.size
        _leave(world, split(version.name)[0])
    _tell_stuck(world, stuck)
    return freed


def _tell_stuck(world: World, stuck: list[OSError]) -> None:
    """Told once, as long as it is so."""
    why = stuck[0].strerror if stuck else ""
    if why != (world.index.get_state(STUCK) or ""):
        world.index.set_state(STUCK, why)
        if why:
            world.tell(f"{len(stuck)} files of the trash in the data space cannot be removed: {why}", "alarm")


def _leave(world: World, folder: bytes) -> None:
    """A folder of the trash goes with the last file in it."""
    if not world.index.trash.names(folder):
        world.learnt.trash_folders.discard(folder)
        with contextlib.suppress(OSError):
            world.space.rmdir(folder)


def make_room(world: World, need: int) -> int:
    """The data space is full: what is old enough goes, oldest first, and with a person's word what is younger.

    Returns the bytes that went; where that is less than `need`, somebody is asked.
    """
    now, minimum = _ages(world)
    freed = throw(world, going(world.index.trash.expendable(), now, minimum), need)
    upto = world.index.people.answered(TRASH_FULL, "discard")
    if upto:
        freed += throw(world, world.index.trash.expendable(upto), need - freed)
        world.index.people.settled(TRASH_FULL)
        world.index.set_state(TRASH_FULL, None)  # where it was not enough, the next question need not wait for a day
    if freed < need:
        ask_trash(world, need - freed)
    world.commit_and_tell()
    return freed


@dataclass
class Fates:
    """Paths whose earlier versions are not kept (the trash has one of this hour, or a person gives them up), kept
    beyond the trash's limit, or have no room there."""

    passing: set[bytes] = field(default_factory=set)
    beyond: set[bytes] = field(default_factory=set)
    hold: set[bytes] = field(default_factory=set)


def fates_of(run: Run, known: Mapping[bytes, Row | None]) -> Fates:
    """What becomes of the versions of some paths, if those have changed."""
    world, fates = run.world, Fates()
    ours = {path: row for path, row in known.items() if row is not None and row.held() and row.origin > 0}
    if not ours:
        return fates
    fates.passing = _of_this_hour(world, ours)
    room = budget(world)
    for path, row in ours.items():
        if world.index.people.holds_for(REPLACED, "discard", path):
            fates.passing.add(path)
        if path in fates.passing:
            continue
        if world.index.people.holds_for(REPLACED, "keep", path) or (run.final and not room.takes(row.rsize)):
            fates.beyond.add(path)  # on a desktop that is gone nobody answers
        elif room.takes(row.rsize):
            room = room.with_more(row.rsize)
        else:
            fates.hold.add(path)
    return fates


def _of_this_hour(world: World, ours: Mapping[bytes, Row]) -> set[bytes]:
    """Paths of which the trash has got a version in this hour: by the wall clock as well as by what was lived."""
    hour = world.clock.hour()
    found = world.index.trash.came_since(ours, world.lived() - HOUR, world.clock.boot())
    return {
        path
        for path, names in found.items()
        if any(name.startswith(trash_folder(hour, ours[path].origin) + b"/") and _lies(world, name) for name in names)
    }


def _lies(world: World, name: bytes) -> bool:
    """Whether it is there: anybody may empty the trash."""
    with contextlib.suppress(OSError):
        return world.space.stat(name) is not None
    return False


def ask_about_replaced(run: Run) -> None:
    """Ask about what could not be saved for that; the question goes with the last that it is about."""
    index = run.world.index
    index.people.settled_as_asked(REPLACED)
    index.changes.hold_only_changed(REPLACED)
    count, _ = index.people.waiting_totals(REPLACED)
    run.result.held += count
    if count:
        ask_replaced(run.world)
    else:
        index.people.settled(REPLACED)


def saved(world: World, paths: Iterable[bytes]) -> None:
    """Know that these paths wait for nothing any more."""
    if world.index.people.waiting_totals(REPLACED)[0]:
        for path in paths:
            world.index.people.release(REPLACED, path)
