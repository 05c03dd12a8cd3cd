"""Folders of the working copy in the data space, also where others have taken them away or put files in their place."""

from __future__ import annotations

import contextlib
import errno
import os

from cloudify_scipion.agent.plan.names import joined
from cloudify_scipion.agent.ports.facts import kind
from cloudify_scipion.agent.ports.tables.rows import HERE
from cloudify_scipion.agent.work import lease
from cloudify_scipion.agent.work.conflicts import keep_beside
from cloudify_scipion.agent.work.failures import failed
from cloudify_scipion.agent.work.run import Run
from cloudify_scipion.agent.work.space import ensure_folder, refuse_folder
from cloudify_scipion.agent.work.twins import NameRefused, twin_of
from cloudify_scipion.agent.work.world import World


def folder_for(run: Run, path: bytes) -> None:
    """Make a folder in the data space. Raises NameRefused if it cannot hold its name."""
    try:
        ensure_folder(run.world, path, run.made)
    except (FileExistsError, FileNotFoundError, NotADirectoryError):
        folder_again(run, path)


def folder_again(run: Run, path: bytes) -> None:
    """Make a folder of which others have taken a part away, or where a file is: ours and gone here, or a stranger's."""
    world = run.world
    world.space.forget()
    above = b""
    for name in path.split(b"/") if path else ():
        above = joined(above, name)
        facts, number = world.space.stat(above), world.index.folder_id(above)
        if facts is not None and kind(facts) == "d":
            continue
        if number is not None:
            world.index.set_folder(number, remote=HERE)
        run.made.discard(above)
        if facts is not None and twin_of(world, above) is not None:
            refuse_folder(world, world.index.add_folder(above), above)
        if facts is not None:
            _clear(run, above)
    ensure_folder(world, path, run.made)


def _clear(run: Run, path: bytes) -> None:
    """Move a file of somebody's away that is where a folder is to be; ours go before, as all deletions do."""
    if run.world.index.get(path) is not None:
        raise FileExistsError(errno.EEXIST, "a file that is to be deleted first has its name", os.fsdecode(path))
    if run.world.space.stat(path) is not None:
        keep_beside(run.world, path)
        run.result.conflicts += 1


def make_empty_folders(run: Run) -> None:
    """Make those in which no file is, too."""
    world = run.world
    todo = [
        path
        for number, path in world.index.all_folders()
        if path and not world.index.folder(number).remote and not world.index.is_oddly(path)
    ]
    if world.index.covered_total():
        todo = [path for path in todo if not world.index.is_under_gone(path)]
    there = [path for path in todo if _is_here(world, path)]
    if not there:
        return
    lease.check(world)
    for path in there:
        world.beat()
        try:
            folder_for(run, path)
        except NameRefused:
            continue  # the manifest has it
        except OSError as error:
            failed(run, path, error)
    world.keep()


def _is_here(world: World, path: bytes) -> bool:
    with contextlib.suppress(OSError):  # the scan tells of those that cannot be looked at
        facts = world.tree.stat(path)
        return facts is not None and kind(facts) == "d"
    return False
