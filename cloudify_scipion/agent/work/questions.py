"""What a person decides: whether much is deleted in the data space, and what becomes of what a crash has emptied."""

from __future__ import annotations

import os

from cloudify_scipion.agent.plan.names import readable
from cloudify_scipion.agent.plan.sizes import shown
from cloudify_scipion.agent.work.world import World

DELETIONS, DESTROYED = "deletions", "destroyed"


def allowed(world: World, question: str, word: str) -> bool:
    """Whether that is the answer."""
    return bool(world.index.answer_to(question) == word)


def may_delete(world: World, gone: int) -> bool:
    """Whether somebody has agreed, and to no less than this."""
    return allowed(world, DELETIONS, "delete") and gone <= int(world.index.get_state(DELETIONS) or 0)


def ask_deletions(world: World, gone: int, size: int) -> None:
    """Ask whether so many files are to go."""
    if world.index.answer_to(DELETIONS):
        world.index.settled(DELETIONS)  # more is gone since: that answer was for less
    world.index.set_state(DELETIONS, gone)
    world.index.ask(
        DELETIONS,
        f"{gone} files ({shown(size)}) are gone from the working copy. Shall they be deleted in the data space, too?",
        ["delete", "restore"],
    )


def ask_destroyed(world: World, path: bytes) -> None:
    """Ask what becomes of files that a crash has emptied."""
    world.index.ask(
        DESTROYED,
        f"After a crash {readable(os.fsdecode(path))} (and perhaps others) is empty or all zeros. The data space still "
        "has the earlier content. Shall the files be saved as they are, or the earlier content be brought back beside "
        "them?",
        ["save", "restore"],
    )
