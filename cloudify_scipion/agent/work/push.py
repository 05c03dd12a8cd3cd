"""Saving: what has changed in the working copy goes to the data space. A push lists nothing there."""

from __future__ import annotations

import os
from collections.abc import Callable

from cloudify_scipion.agent.errors import AgentError, LeaseForeign, Unsaved, first_of
from cloudify_scipion.agent.plan.names import RESERVED, TEMPORARY, generation_of, joined
from cloudify_scipion.agent.ports.files import make_folders
from cloudify_scipion.agent.work import lease
from cloudify_scipion.agent.work.content import SCRATCH
from cloudify_scipion.agent.work.deletions import delete_all
from cloudify_scipion.agent.work.links import note_hard_links
from cloudify_scipion.agent.work.local_scan import Found, scan
from cloudify_scipion.agent.work.manifests import is_due, write_segment
from cloudify_scipion.agent.work.moves import move_files, move_folder, settle_move
from cloudify_scipion.agent.work.questions import DESTROYED
from cloudify_scipion.agent.work.run import Result, Run
from cloudify_scipion.agent.work.space import abilities, check_space
from cloudify_scipion.agent.work.space_folders import make_empty_folders
from cloudify_scipion.agent.work.staging import remove_unfinished
from cloudify_scipion.agent.work.trash import prune
from cloudify_scipion.agent.work.uploads import BOOT, KEPT_NAME, upload_all, upload_deferred
from cloudify_scipion.agent.work.world import World, again, check_volume

DIRTY, PULLED, SPECIAL = "dirty", "pulled", "special"


def push(world: World, everything: bool = False, final: bool = False) -> Result:
    """One push. `everything`: read all files, whatever their facts; `final`: nobody writes any more.

    Raises AgentError; Unsaved with the rest done if some files could not be saved.
    """
    ready(world)
    lease.renew(world)
    clear_remains(world)
    run = Run(world, abilities(world), final)
    found = _look(run, everything)
    move_files(run)
    deferred = upload_all(run)
    make_empty_folders(run)
    delete_all(run, found)
    upload_deferred(run, deferred)
    _finish(run, found)
    return run.result


def ready(world: World) -> None:
    """Raise AgentError unless volume and space are what they should be, and the first pull is complete."""
    check_volume(world.config, world.tree, world.state)
    if not world.index.get_state(PULLED):
        raise AgentError("nothing is saved before the first pull is complete", "wait for it, or repair the project")


def clear_remains(world: World) -> None:
    """Remove unfinished files of a killed work; those in the data space only where one may have left some."""
    settle_move(world)
    for name in world.state.names(SCRATCH):
        world.state.unlink(joined(SCRATCH, name))
    if world.index.get_state(DIRTY):
        check_space(world)
        for name in again(lambda: world.space.names(TEMPORARY)):
            try:
                again(lambda name=name: world.space.unlink(joined(TEMPORARY, name)))  # type: ignore[misc]
            except IsADirectoryError:
                if generation_of(name):  # others are nothing of ours
                    again(lambda name=name: remove_unfinished(world.space, joined(TEMPORARY, name)))  # type: ignore[misc]


def _look(run: Run, everything: bool) -> Found:
    """Find what has changed; folders that have moved are moved on the way."""
    world = run.world
    world.progress.start("looking for changes")
    found = scan(world, lambda *move: move_folder(run, *move), everything)
    if not found.errors:
        world.index.only_changed_are_busy()
    changed = bool(world.index.change_totals()[0])
    dirty = changed or bool(world.index.gone_totals()[0])
    if dirty != bool(world.index.get_state(DIRTY)):
        world.index.set_state(DIRTY, dirty)
        world.keep()
    if changed:
        world.flush()
        _have_temporary_folder(world)
    return found


def _have_temporary_folder(world: World) -> None:
    """Somebody may have taken it away: then it is made again, where the data space is the one that is meant."""
    if world.space.stat(TEMPORARY) is None:
        check_space(world)
        make_folders(world.space, TEMPORARY, 0o700)


def _finish(run: Run, found: Found) -> None:
    world, result = run.world, run.result
    result.special = found.special
    if found.reserved:
        run.fail(RESERVED, KEPT_NAME)
    for path, reason in found.errors:
        run.fail(path, f"the folder cannot be read: {reason}")
    _tell_special(world, found.special)
    _close_manifest(run)
    if not any(question["id"] == DESTROYED for question in world.index.questions()):
        world.index.set_state(BOOT, world.clock.boot())
    world.index.set_state(DIRTY, bool(result.failed))
    if not result.failed:
        world.index.set_state("saved", world.clock.iso())
    world.keep()
    if result.failed:
        raise Unsaved(
            f"{len(result.failed)} files or folders could not be saved: {first_of(result.failed)}",
            "they are tried again by themselves",
        )


def _close_manifest(run: Run) -> None:
    """Write down in the data space what it holds, and make sure that it was ours all the time."""
    world = run.world
    if world.index.journal_size() or is_due(world.index):
        world.progress.start("writing the manifest")
        note_hard_links(world)
        _must_still_be_ours(world, lease.check)
        run.wrote()
        write_segment(world)
    if run.result.wrote:
        prune(world)
        world.keep()
    if run.result.wrote or run.result.failed:
        _must_still_be_ours(world, lease.confirm)


def _tell_special(world: World, special: list[bytes]) -> None:
    """Pipes, sockets and devices are no data: they stay here. Said once."""
    names = [os.fsdecode(path) for path in special]
    told = world.index.get_state(SPECIAL, [])
    for name in names:
        if name not in told:
            world.tell(f"{name} is a pipe, a socket or a device: it is not saved", "alarm")
    if names != told:
        world.index.set_state(SPECIAL, names)


def _must_still_be_ours(world: World, look: Callable[[World], None]) -> None:
    """A stranger's lease makes this push void, since both may have written."""
    try:
        look(world)
    except LeaseForeign as error:
        world.tell(f"the last push does not count: {error.what}", "alarm")
        world.keep()
        raise
