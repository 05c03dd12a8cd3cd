"""What a person decides: what is deleted, what becomes of what a crash has emptied, and what the trash gives up.

An answer holds for the very paths that were asked about.
"""

from __future__ import annotations

import os

from cloudify_scipion.agent.plan.names import readable
from cloudify_scipion.agent.plan.text import shown
from cloudify_scipion.agent.plan.trash import DAY
from cloudify_scipion.agent.work.world import World

DELETIONS, DESTROYED, REPLACED, TRASH = "deletions", "destroyed", "replaced", "trash"


def ask_deletions(world: World, too_much: bool, folders: int = 0) -> None:
    """Ask whether what waits is to go. `too_much`: the trash cannot keep it within its limit; `folders`: in the places
    of so many of the files there are folders now."""
    gone, size = world.index.people.waiting_totals(DELETIONS)
    why = (
        f" It is more than the trash there can take within its limit; deleted, it stays there for "
        f"{world.config.trash_days} days all the same."
        if too_much
        else ""
    )
    if folders:
        why += f" {folders} of them are folders now: what is in those is saved after the answer."
    world.index.people.ask(
        DELETIONS,
        f"{gone} files ({shown(size)}) are gone from the working copy. Shall they be deleted in the data space, too?"
        + why,
        ["delete", "restore"],
    )


def ask_destroyed(world: World, path: bytes, size: int) -> None:
    """Ask what becomes of files that a crash has emptied."""
    world.index.people.hold(DESTROYED, path, size)
    world.index.people.ask(
        DESTROYED,
        f"After a crash {readable(os.fsdecode(path))} (and perhaps others) is empty or all zeros. The data space still "
        "has the earlier content. Shall the files be saved as they are, or the earlier content be brought back beside "
        "them?",
        ["save", "restore"],
    )


def ask_replaced(world: World) -> None:
    """Ask what becomes of the earlier versions of changed files for which the trash has no room."""
    count, size = world.index.people.waiting_totals(REPLACED)
    first = os.fsdecode(world.index.people.waiting(REPLACED, limit=1)[0][0])
    world.index.people.ask(
        REPLACED,
        f"{count} changed files wait to be saved, {readable(first)} for one: the trash in the data space has no room "
        f"for what they were before ({shown(size)}), and all in it is younger than {world.config.trash_days} days. "
        "Shall it keep the earlier versions beyond its limit, or shall they be discarded?",
        ["keep", "discard"],
    )


def ask_trash(world: World, need: int) -> None:
    """Ask whether young versions may go from the trash of a data space that is full. At most once a day."""
    size, now = world.index.trash.bytes_of("project"), world.lived()
    asked = world.index.get_state(TRASH)
    open_ = any(question["id"] == TRASH for question in world.index.people.questions())
    if not size or (asked is not None and now - asked < DAY and not open_):
        return
    if not open_:
        world.index.people.settled(TRASH)
        world.index.set_state(TRASH, now)
    world.index.people.ask(
        TRASH,
        f"The data space is full, {shown(need)} are not saved, and {shown(size)} of the project's own trash there are "
        f"younger than {world.config.trash_days} days. Shall the oldest of it go, as far as is needed?",
        ["discard", "keep"],
        world.index.trash.end(),
    )
