"""One look through the data space: what is new there comes here, what is gone there is told."""

from __future__ import annotations

from cloudify_scipion.agent.plan.names import MANIFEST, ORIGINAL, STRANGER
from cloudify_scipion.agent.plan.news import Side
from cloudify_scipion.agent.ports.mount import mounts_below
from cloudify_scipion.agent.work.apply_base import apply_base
from cloudify_scipion.agent.work.listing import forget_listing, list_space
from cloudify_scipion.agent.work.lost import find_lost
from cloudify_scipion.agent.work.news import expect_news, forget_news, read_news, side_of
from cloudify_scipion.agent.work.pulled import Result
from cloudify_scipion.agent.work.room import check_room
from cloudify_scipion.agent.work.settle import settle
from cloudify_scipion.agent.work.settle_news import settle_news, tell_deleted
from cloudify_scipion.agent.work.world import PULLED, World


def reconcile(world: World) -> Result:
    """Look through all of it."""
    result = Result()
    world.theirs = STRANGER if world.index.get_state(PULLED) else ORIGINAL
    world.tree.avoided = frozenset(mounts_below(world.tree.folder(b"").fd))
    try:
        expect_news(world)
    except OSError as error:
        result.failed.append((MANIFEST, f"it cannot be looked at: {error.strerror}"))
    side = read_news(world)
    result.failed += list_space(world)
    if side in (Side.NEWER, Side.OTHER):
        tell_deleted(world)
    if world.index.get_state(PULLED):
        world.progress.start("pulling")
    else:
        check_room(world)
    settle(world, result)
    if side is not Side.SAME:
        settle_news(world, side, result)
    find_lost(world, result)
    if side is Side.SAME and world.index.get_state(PULLED) and world.index.has_base():  # of what could not be read
        apply_base(world, result)
        world.index.forget_base([path for path, _ in result.failed])
    forget_listing(world)
    if not result.failed:
        forget_news(world)
    world.index.set_state("scanned", world.clock.iso())
    world.tree.sync()
    world.keep()
    return result


def catch_up(world: World) -> None:
    """Before anything is saved: the news, if there are any. Raises AgentError while not all could be settled."""
    if side_of(world) is not Side.SAME:
        reconcile(world)
