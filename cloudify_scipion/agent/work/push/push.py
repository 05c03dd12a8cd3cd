"""Saving: what has changed in the working copy goes to the data space. A push lists nothing there."""

from __future__ import annotations

import os
from collections.abc import Callable

from cloudify_scipion.agent.errors import AgentError, LeaseForeign, LeaseUnseen, NoRoom, Unsaved, first_of
from cloudify_scipion.agent.plan.names import MANIFEST, ODD, TEMPORARY
from cloudify_scipion.agent.ports.index import WAITING
from cloudify_scipion.agent.ports.whole_files import make_folders
from cloudify_scipion.agent.work.lease import lease
from cloudify_scipion.agent.work.manifest.write import is_due, note_hard_links, write_segment
from cloudify_scipion.agent.work.pull.pull import catch_up
from cloudify_scipion.agent.work.push.delete import Holding, delete_all, look_at_deletions, make_way
from cloudify_scipion.agent.work.push.find_changes import MAX_TOLD, Found, scan
from cloudify_scipion.agent.work.push.folders import DIRTY, clear_remains, make_empty_folders
from cloudify_scipion.agent.work.push.move import move_files, move_folder
from cloudify_scipion.agent.work.push.tally import LEFT, Run, Saved
from cloudify_scipion.agent.work.push.upload_all import BOOT, KEPT_NAME, upload_all, upload_deferred
from cloudify_scipion.agent.work.questions import DESTROYED
from cloudify_scipion.agent.work.space.check import check_space, check_volume, writing
from cloudify_scipion.agent.work.space.probe import abilities
from cloudify_scipion.agent.work.space.room import watch_room
from cloudify_scipion.agent.work.trash.bring_back import bring_back
from cloudify_scipion.agent.work.trash.limits import make_room, prune
from cloudify_scipion.agent.work.world import PULLED, World

SPECIAL, MOUNTS, SAVED = "special", "mounts", "saved"


def push(world: World, everything: bool = False, final: bool = False) -> Saved:
    """One push. `everything`: read all files, whatever their facts; `final`: nobody writes any more.

    Raises AgentError; Unsaved with the rest done if some files could not be saved.
    """
    ready(world)
    lease.renew(world)
    world.lived()
    clear_remains(world)
    catch_up(world)
    run = Run(world, abilities(world), final)
    if not final:
        bring_back(world)
    whole = everything or final
    while True:
        found = _look(run, everything)
        move_files(run)
        look_at_deletions(run)
        _send(run, found, whole)
        _finish(run, found)
        if not run.result.rest:
            return run.result
        run.result.again()


def _send(run: Run, found: Found, whole: bool) -> None:
    """All that changes the data space. Where there is no room any more, what makes room is done all the same."""
    deferred: list[bytes] = []
    holding = Holding()
    try:
        make_way(run, found, holding)
        deferred = upload_all(run, whole)
        make_empty_folders(run)
    except NoRoom as error:
        run.result.full = error
    if run.result.full or run.result.crowded:
        _have_trash_yield(run)
    delete_all(run, found, holding)
    if not run.result.full:
        upload_deferred(run, deferred)


def _have_trash_yield(run: Run) -> None:
    """There is no room: where our own trash makes some, all is tried again in a round of its own."""
    if make_room(run.world, run.world.index.changes.totals()[1]):
        run.world.index.attempts.forget_crowded()
        run.result.rest = True


def ready(world: World) -> None:
    """Raise AgentError unless volume and space are what they should be, and the first pull is complete."""
    check_volume(world)
    if not world.index.get_state(PULLED):
        raise AgentError("nothing is saved before the first pull is complete", "wait for it, or repair the project")


def _look(run: Run, everything: bool) -> Found:
    """Find what has changed; folders that have moved are moved on the way."""
    world = run.world
    world.progress.start("looking for changes")
    found = scan(world, lambda *move: move_folder(run, *move), everything)
    if not found.errors:
        world.index.attempts.only_changed_are_busy()
    changed = bool(world.index.changes.totals()[0])
    dirty = changed or bool(world.index.gone.totals()[0])
    if dirty != bool(world.index.get_state(DIRTY)):
        world.index.set_state(DIRTY, dirty)
        world.commit_and_tell()
    if changed:
        world.stamp_dirty_pages()
        _have_temporary_folder(world)
    return found


def _have_temporary_folder(world: World) -> None:
    """Somebody may have taken it away: then it is made again, where the data space is the one that is meant."""
    with writing(world, TEMPORARY):
        if world.space.stat(TEMPORARY) is None:
            check_space(world)
            make_folders(world.space, TEMPORARY, 0o700)


def _finish(run: Run, found: Found) -> None:
    world, result = run.world, run.result
    result.special = found.special
    for path in found.reserved:
        run.fail(path, KEPT_NAME)
    for path, reason in found.errors:
        run.fail(path, f"the folder cannot be read: {reason}")
    for path, reason in found.unseen:
        run.fail(path, f"it cannot be looked at: {reason}")
    _tell_mounts(run, found.mounts)
    _tell_special(world, found.special)
    _tell_odd(world, result.odd)
    _close_manifest(run)
    unsaved = bool(result.failed) or result.full is not None
    asked = any(question["id"] == DESTROYED for question in world.index.people.questions())
    if not (unsaved or result.rest or asked):  # else a file that a crash has emptied may not have been seen
        world.index.set_state(BOOT, world.clock.boot())
    world.index.set_state(DIRTY, unsaved or result.rest)
    if result.waiting != (world.index.get_state(WAITING) or 0):
        world.index.set_state(WAITING, result.waiting)
    if not unsaved and not result.rest:
        world.index.set_state(SAVED, world.clock.iso())
    world.commit_and_tell()
    if unsaved and not result.rest:
        raise _unsaved(result)


def _unsaved(result: Saved) -> AgentError:
    """What to say of what could not be saved."""
    told = f"{len(result.failed)} files or folders could not be saved: {first_of(result.failed)}"
    if result.full:
        return NoRoom(result.full.what + (f"; {told}" if result.failed else ""), result.full.next_step)
    if result.failed and result.crowded == len(result.failed):
        return NoRoom(
            f"the data space has no room for {len(result.failed)} files: {first_of(result.failed)}",
            "the operator makes room or gives a larger quota; they are tried again, and all else is saved",
        )
    return Unsaved(told, "they are tried again by themselves")


def _close_manifest(run: Run) -> None:
    """Write down in the data space what it holds, and make sure that it was ours all the time."""
    world = run.world
    if world.index.journal.size() or is_due(world.index):
        world.progress.start("writing the manifest")
        _must_still_be_ours(world, lease.check)
        run.wrote()
        _write_manifest(run)
    if run.result.wrote or run.result.full:
        watch_room(world, run.result.size - run.result.counted)
        run.result.counted = run.result.size
        prune(world)
        world.commit_and_tell()
    if run.result.left != world.index.get_state(LEFT, []):
        world.index.set_state(LEFT, run.result.left[:MAX_TOLD])
    if run.result.wrote or run.result.failed:
        _must_still_be_ours(world, lease.confirm)
    if world.session.unseen:
        run.fail(*world.session.unseen)


def _write_manifest(run: Run) -> None:
    """Whatever becomes of it, contents are in their places by now, and what makes room is still to be done."""
    try:
        note_hard_links(run.world)
        write_segment(run.world)
    except NoRoom as error:
        run.result.full = run.result.full or error
    except OSError as error:
        run.fail(MANIFEST, f"it cannot be written: {error.strerror}")


def _tell_mounts(run: Run, mounts: list[bytes]) -> None:
    """What others have mounted is not ours. What it hides can be neither saved nor compared: no seal then."""
    for path in mounts if run.final else ():
        run.fail(path, "something is mounted here and hides what is below it: unmount it")
    names = [os.fsdecode(path) for path in mounts]
    said = "something is mounted at {}: it is not saved, and what it hides stays as it was"
    run.world.tell_new(MOUNTS, {name: said.format(name) for name in names})


def _tell_special(world: World, special: list[bytes]) -> None:
    """Pipes, sockets and devices are no data: they stay here. Said once."""
    names = [os.fsdecode(path) for path in special]
    world.tell_new(SPECIAL, {name: f"{name} is a pipe, a socket or a device: it is not saved" for name in names})


def _tell_odd(world: World, odd: list[bytes]) -> None:
    """Where people look for these files, they are not."""
    if odd:
        world.tell(
            f"the data space cannot hold the names of {len(odd)} new files, such as {os.fsdecode(odd[0])}, or cannot "
            f"tell them from others: their contents lie in {ODD.decode()}, the manifest has the names"
        )


def _must_still_be_ours(world: World, look: Callable[[World], None]) -> None:
    """A stranger's lease makes this push void, since both may have written."""
    try:
        look(world)
    except LeaseUnseen as error:
        world.session.unseen = error.path, error.reason
    except LeaseForeign as error:
        world.tell(f"the last push does not count: {error.what}", "alarm")
        world.commit_and_tell()
        raise
