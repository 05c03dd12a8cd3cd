"""One look through the data space: what is new there comes here, what is gone there is told."""

from __future__ import annotations

from cloudify_scipion.agent.plan.names import MANIFEST, ORIGINAL, STRANGER
from cloudify_scipion.agent.plan.news import Side
from cloudify_scipion.agent.ports.facts import kind
from cloudify_scipion.agent.ports.mount import mounts_below
from cloudify_scipion.agent.ports.tables.rows import HERE, Row
from cloudify_scipion.agent.work.manifest.read import expect_news, forget_news, read_news, side_of
from cloudify_scipion.agent.work.pull.can_come import check_room
from cloudify_scipion.agent.work.pull.find_new import Pulled
from cloudify_scipion.agent.work.pull.from_manifest import apply_base, settle_news, tell_deleted
from cloudify_scipion.agent.work.pull.list_space import forget_listing, list_space
from cloudify_scipion.agent.work.pull.settle import settle
from cloudify_scipion.agent.work.space.check import check_space
from cloudify_scipion.agent.work.world import PULLED, World

SCANNED = "scanned"
"""In the index: when all of the data space was looked through."""


def reconcile(world: World) -> Pulled:
    """Look through all of it."""
    result = Pulled()
    world.learnt.theirs = STRANGER if world.index.get_state(PULLED) else ORIGINAL
    world.tree.avoid(mounts_below(world.tree.folder(b"").fd))
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
    if side is Side.SAME and world.index.get_state(PULLED) and world.index.base.is_known():  # of what could not be read
        apply_base(world, result)
        world.index.base.forget([path for path, _ in result.failed])
    forget_listing(world)
    if not result.failed:
        forget_news(world)
    world.index.set_state(SCANNED, world.clock.iso())
    world.tree.sync()
    world.commit_and_tell()
    return result


def catch_up(world: World) -> None:
    """Before anything is saved: the news, if there are any. Raises AgentError while not all could be settled."""
    if side_of(world) is not Side.SAME:
        reconcile(world)


def find_lost(world: World, result: Pulled) -> None:
    """Files that the index knows and the data space has not any more: told, and saved again by the next push."""
    for path, row in world.index.files.all():
        if not row.held() or not _may_be_lost(world, path, row):
            continue
        world.session.beat()
        try:
            there = _is_there(world, path, row)
        except OSError as error:
            result.failed.append((path, f"it cannot be looked at in the data space: {error.strerror}"))
            continue
        if not there:
            result.lost += 1
            world.index.files.put(path, row.without_remote())
    if result.lost:
        check_space(world)  # is it there at all?
        world.tell(f"{result.lost} files were deleted in the data space; they are still here, and are saved again")
    _find_lost_folders(world)


def _may_be_lost(world: World, path: bytes, row: Row) -> bool:
    """Whether the listing does not say that it is there. Links that the data space cannot hold are in the manifest."""
    return row.kind != "l" if row.stored else not world.index.listing.has(path, row.kind)


def _is_there(world: World, path: bytes, row: Row) -> bool:
    return kind(world.space.stat(row.stored or path)) == row.kind


def _find_lost_folders(world: World) -> None:
    for number, path in list(world.index.folders.all()):
        if path and world.index.folders.get(number).remote and not world.index.listing.has(path, "d"):
            world.index.folders.update(number, remote=HERE)
