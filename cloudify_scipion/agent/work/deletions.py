"""What is gone from the working copy goes to the data space's trash, unless so much is gone that a person is asked."""

from __future__ import annotations

from collections.abc import Sequence

from cloudify_scipion.agent.plan.guards import mass_deletion
from cloudify_scipion.agent.ports.facts import kind
from cloudify_scipion.agent.ports.tables.rows import Row
from cloudify_scipion.agent.work import lease
from cloudify_scipion.agent.work.beside import beside, know_beside, remove_group
from cloudify_scipion.agent.work.failures import failed, must_take
from cloudify_scipion.agent.work.fetch import restore
from cloudify_scipion.agent.work.local_scan import Found
from cloudify_scipion.agent.work.place import Outcome
from cloudify_scipion.agent.work.questions import DELETIONS, allowed, ask_deletions, may_delete
from cloudify_scipion.agent.work.run import Run
from cloudify_scipion.agent.work.space import place_of
from cloudify_scipion.agent.work.uploads import BATCH
from cloudify_scipion.agent.work.world import World, again


def delete_all(run: Run, found: Found) -> None:
    """Delete, hold and ask, or bring back what a person wants back."""
    world = run.world
    gone, size = world.index.gone_totals()
    if not gone and not found.gone_folders:
        world.index.settled(DELETIONS)
    elif found.errors:
        run.result.held += gone
        world.tell("some folders cannot be read: nothing is deleted in the data space", "alarm")
    elif allowed(world, DELETIONS, "restore"):
        _restore_all(run)
    elif mass_deletion(gone, size, *world.index.totals()) and not may_delete(world, gone):
        run.result.held += gone
        ask_deletions(world, gone, size)
    else:
        _delete(run, found.gone_folders)


def _delete(run: Run, folders: Sequence[bytes]) -> None:
    _delete_files(run)
    index = run.world.index
    for path in sorted(folders, reverse=True):
        number = index.folder_id(path)
        left = number is not None and any(map(index.files, index.below(number)))
        if not left:  # else a file could not be moved to the trash
            _delete_folder(run, path)
    index.settled(DELETIONS)
    run.world.keep()


def _delete_files(run: Run) -> None:
    world, paths = run.world, run.world.index.gone()
    world.progress.start("moving deleted files to the trash", len(paths))
    for i in range(0, len(paths), BATCH):
        lease.check(world)
        there = [path for path in paths[i : i + BATCH] if not _is_back(world, path)]
        _delete_batch(run, [(path, row) for path in there if (row := world.index.get(path)) is not None])
        world.keep()


def _delete_batch(run: Run, batch: Sequence[tuple[bytes, Row]]) -> None:
    in_manifest = {path for path, row in batch if row.kind == "l" and place_of(path, run.able)}
    for path in in_manifest:  # it is nowhere else
        _deleted(run, Outcome(path))
    databases = {path: beside(path, run.world.index.rows) for path, row in batch if row.local}
    along = {path + end for path, sides in databases.items() for end in sides}
    there = [item for item in batch if item[0] not in in_manifest | along]
    for (path, _), answer in run.world.each(
        lambda item: remove_group(run.world, *item, databases.get(item[0], {})), there
    ):
        if isinstance(answer, OSError):
            failed(run, path, answer)
        else:
            _deleted(run, answer)


def _is_back(world: World, path: bytes) -> bool:
    """Whether there is a file again since the scan, or might be."""
    try:
        facts = world.tree.stat(path)
    except OSError:
        return True
    return facts is not None and kind(facts) in "fl"


def _deleted(run: Run, outcome: Outcome) -> None:
    know_beside(run.world, outcome)
    run.world.index.drop(outcome.path)
    run.world.index.not_busy([outcome.path])
    run.note(outcome)
    run.result.deleted += 1
    run.world.progress.add(1, 0)


def _delete_folder(run: Run, path: bytes) -> None:
    """Folders that are empty there go, deepest first; one in which a stranger has put something stays."""
    world = run.world
    number = world.index.folder_id(path)
    if number is None:
        return
    for folder in reversed(world.index.below(number)):
        where = world.index.path_of(folder)
        world.beat()
        if world.index.folder(folder).remote and not place_of(where, run.able):
            try:
                again(lambda where=where: world.space.rmdir(where))  # type: ignore[misc]
            except OSError as error:
                must_take(run, error)
                run.left(where, f"the folder cannot be removed: {error.strerror}")
                return
        world.index.note_gone(where)
        world.index.drop_folder(where)


def _restore_all(run: Run) -> None:
    """What is gone here comes back from the data space."""
    index = run.world.index
    for path in index.gone():
        row = index.get(path)
        if row is None or not row.held():
            continue
        try:
            restore(run.world, path, row)
        except OSError as error:
            run.fail(path, f"it cannot be brought back: {error.strerror}")
    run.world.tree.sync()
    index.settled(DELETIONS)
    run.world.keep()
