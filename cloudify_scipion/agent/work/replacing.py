"""What becomes of the version in the data space that a changed file replaces: the trash may have no room for it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from cloudify_scipion.agent.plan.names import trash_folder
from cloudify_scipion.agent.plan.trash import HOUR
from cloudify_scipion.agent.ports.tables.rows import Row
from cloudify_scipion.agent.work.questions import REPLACED, ask_replaced
from cloudify_scipion.agent.work.run import Run
from cloudify_scipion.agent.work.trash import budget
from cloudify_scipion.agent.work.world import World


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
        if world.index.holds_for(REPLACED, "discard", path):
            fates.passing.add(path)
        if path in fates.passing:
            continue
        if world.index.holds_for(REPLACED, "keep", path) or (run.final and not room.takes(row.rsize)):
            fates.beyond.add(path)  # on a desktop that is gone nobody answers
        elif room.takes(row.rsize):
            room = room.with_more(row.rsize)
        else:
            fates.hold.add(path)
    return fates


def _of_this_hour(world: World, ours: Mapping[bytes, Row]) -> set[bytes]:
    """Paths of which the trash has got a version in this hour: by the wall clock as well as by what was lived."""
    hour = world.clock.hour()
    found = world.index.came_since(ours, world.lived() - HOUR, world.clock.boot())
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
    index.settled_as_asked(REPLACED)
    index.hold_only_changed(REPLACED)
    count, _ = index.waiting_totals(REPLACED)
    run.result.held += count
    if count:
        ask_replaced(run.world)
    else:
        index.settled(REPLACED)


def saved(world: World, paths: Iterable[bytes]) -> None:
    """They wait for nothing any more."""
    if world.index.waiting_totals(REPLACED)[0]:
        for path in paths:
            world.index.release(REPLACED, path)
