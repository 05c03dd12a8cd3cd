"""Pull and scan: what is new in the data space comes into the working copy. Nothing that is there is ever replaced."""

from __future__ import annotations

import contextlib
from dataclasses import replace

from cloudify_scipion.agent.errors import GuardFailed
from cloudify_scipion.agent.plan.names import MANIFEST, ORIGINAL, STRANGER, generation_of
from cloudify_scipion.agent.plan.news import Side
from cloudify_scipion.agent.ports.facts import kind
from cloudify_scipion.agent.ports.mount import mounts_below
from cloudify_scipion.agent.ports.tables.rows import HERE, Row
from cloudify_scipion.agent.ports.whole_files import read_all
from cloudify_scipion.agent.work.lease import lease
from cloudify_scipion.agent.work.lease.heartbeat import foreign, holders, own_holder
from cloudify_scipion.agent.work.manifest.read import expect_news, forget_news, read_manifest, read_news, side_of
from cloudify_scipion.agent.work.pull.can_come import CHECKED, check_room
from cloudify_scipion.agent.work.pull.find_new import Pulled, must_be_complete
from cloudify_scipion.agent.work.pull.from_manifest import apply_base, settle_news, tell_deleted
from cloudify_scipion.agent.work.pull.list_space import forget_listing, list_space
from cloudify_scipion.agent.work.pull.settle import settle
from cloudify_scipion.agent.work.push.folders import DIRTY, clear_remains
from cloudify_scipion.agent.work.push.move import settle_move
from cloudify_scipion.agent.work.push.tally import down
from cloudify_scipion.agent.work.push.upload_all import BOOT
from cloudify_scipion.agent.work.space.check import MARK, check_space, check_volume, open_space
from cloudify_scipion.agent.work.space.room import watch_room
from cloudify_scipion.agent.work.trash.throw import know_trash
from cloudify_scipion.agent.work.world import PULLED, World

AGAIN_SECONDS = (5.0, 20.0, 60.0)
_BY_SCAN = "they are tried again by the next scan"
UPGRADED = "upgraded"
"""In the index: the one before was of another version of this software."""
SCANNED = "scanned"
"""In the index: when all of the data space was looked through."""


def pull(world: World) -> Pulled:
    """Take the lease and the first copy; later, and where the index was lost, what is new. Resumable."""
    check_volume(world)
    if world.index.get_state(PULLED):
        check_space(world)  # an empty folder where it should be mounted would be taken for a new one
    lease.acquire(world)
    fresh = read_all(world.space, MARK) is None
    open_space(world)
    world.index.set_state(DIRTY, True)
    clear_remains(world)
    if not world.index.get_state(PULLED):
        _know_the_boot(world)
        read_manifest(world)
    know_trash(world)
    try:
        result = reconcile(world)
    except GuardFailed:
        _leave(world, fresh)
        raise
    if not world.index.get_state(PULLED):
        result = _try_again(world, result)
    _finish_pull(world, result)
    return result


def _leave(world: World, fresh: bool) -> None:
    """This is no folder for us: what we have put there goes, so that nobody takes it for a project's."""
    lease.release(world)
    if fresh:
        with contextlib.suppress(OSError):
            world.space.unlink(MARK)


def _try_again(world: World, result: Pulled) -> Pulled:
    """What could not be read may only have taken its time: a first copy is to be whole if it can."""
    for seconds in AGAIN_SECONDS:
        if not result.failed or result.crowded:
            break
        world.progress.start(f"{len(result.failed)} files cannot be read: trying again in {seconds:.0f} s")
        world.clock.sleep(seconds)
        world.session.beat()
        result = replace(reconcile(world), files=result.files, size=result.size)
    return result


def _know_the_boot(world: World) -> None:
    """What a crash empties is not taken for the user's own: also where nobody knows what was before the index."""
    if world.index.get_state(BOOT) is None:
        world.index.set_state(BOOT, "" if world.tree.names(b"") else world.clock.boot())


def scan(world: World) -> Pulled:
    """What is new in the data space is pulled, what was changed on both sides kept twice, what is gone there told."""
    check_volume(world)
    check_space(world)
    lease.renew(world)
    settle_move(world)
    know_trash(world)
    watch_room(world, 0)
    result = reconcile(world)
    must_be_complete(result, _BY_SCAN)
    return result


def _finish_pull(world: World, result: Pulled) -> None:
    """What cannot be read there does not keep the rest from being saved: it was never here, so it is not gone either.

    What the manifest says of it is kept until it comes.
    """
    if not world.index.get_state(PULLED):
        apply_base(world, result)
        if result.failed and (result.crowded or down(world)):
            must_be_complete(result, "pull again; nothing is saved until then")
    world.tree.sync()
    world.index.set_state(PULLED, True)
    world.index.set_state(CHECKED, False)
    world.index.base.forget([path for path, _ in result.failed])
    world.commit_and_tell()
    must_be_complete(result, _BY_SCAN)


def know_again(world: World) -> None:
    """Compare all with the data space by content, where that is complete and only the index does not know it.

    Nobody has decided here that this machine may write, as a repair has. So the lease must be its own, as the data
    space shows it; else LeaseForeign.
    """
    if world.index.get_state(PULLED):
        return
    check_volume(world)
    check_space(world)
    own, held = own_holder(world), holders(world)
    mine = [replace(own, generation=generation_of(lease.name)).name() for lease in held]
    if not held or mine != [lease.name for lease in held]:
        raise foreign(world, own, held)
    if not world.index.get_state(UPGRADED):
        world.tell(
            "the agent's index was lost or damaged: all is compared with the data space by content, then saving goes "
            "on",
            "alarm",
        )
    world.commit_and_tell()
    pull(world)


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
