"""Folders of the working copy in the data space, also where others have taken them away or put files in their place.

Those that are new there are filled under an unfinished name, and put in their place by one rename: what decides how
fast many small files are saved is the number of calls for each. A file that is written under its own name into a folder
that nobody else sees yet is neither looked for nor renamed.
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from cloudify_scipion.agent.plan.names import TEMPORARY, generation_of, joined, split, whole_way
from cloudify_scipion.agent.ports.facts import kind
from cloudify_scipion.agent.ports.tables.rows import HERE, THERE
from cloudify_scipion.agent.ports.tree import Tree
from cloudify_scipion.agent.work import scratch
from cloudify_scipion.agent.work.lease import lease
from cloudify_scipion.agent.work.push.move import settle_move
from cloudify_scipion.agent.work.push.send import Copied, Upload
from cloudify_scipion.agent.work.push.tally import Run, failed
from cloudify_scipion.agent.work.space.check import check_space
from cloudify_scipion.agent.work.space.keep_beside import keep_beside
from cloudify_scipion.agent.work.space.names_there import NameRefused, ensure_folder, place_of, refuse_folder, twin_of
from cloudify_scipion.agent.work.world import World

FEW = 3
"""For fewer files a folder is not worth its own two calls."""
TOP = TEMPORARY.count(b"/") + 2
"""So many parts of a path lead to an unfinished folder."""
DIRTY = "dirty"
"""In the index while a killed work may leave something unfinished in the data space."""


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
        facts, number = world.space.stat(above), world.index.folders.number(above)
        if kind(facts) == "d":
            continue
        if number is not None:
            world.index.folders.update(number, remote=HERE)
        run.made.discard(above)
        if facts is not None and twin_of(world, above) is not None:
            refuse_folder(world, world.index.folders.add(above), above)
        if facts is not None:
            _clear(run, above)
    ensure_folder(world, path, run.made)


def _clear(run: Run, path: bytes) -> None:
    """Move a file of somebody's away that is where a folder is to be; ours go before, as all deletions do."""
    if run.world.index.files.get(path) is not None:
        raise FileExistsError(errno.EEXIST, "a file that is to be deleted first has its name", os.fsdecode(path))
    if run.world.space.stat(path) is not None:
        keep_beside(run.world, path)
        run.result.conflicts += 1


def make_empty_folders(run: Run) -> None:
    """Make those in which no file is, too."""
    world = run.world
    todo = [
        path
        for number, path in world.index.folders.all()
        if path and not world.index.folders.get(number).remote and not world.index.folders.is_oddly(path)
    ]
    if world.index.gone.covered_total():
        todo = [path for path in todo if not world.index.gone.covers(path)]
    there = [path for path in todo if _is_here(world, path)]
    if not there:
        return
    lease.check(world)
    for path in there:
        world.session.beat()
        try:
            folder_for(run, path)
        except NameRefused:
            continue  # the manifest has it
        except OSError as error:
            failed(run, path, error)
    world.commit_and_tell()


def _is_here(world: World, path: bytes) -> bool:
    with contextlib.suppress(OSError):  # the scan tells of those that cannot be looked at
        return kind(world.tree.stat(path)) == "d"
    return False


@dataclass(frozen=True)
class Staged:
    """A folder of the working copy that the data space has not, and the unfinished folder that is filled for it."""

    path: bytes
    temporary: bytes
    folders: Sequence[bytes]
    """Itself and those below it that were made, each after the one that it is in."""

    def inside(self, path: bytes) -> bytes:
        """Where a path below this folder lies meanwhile."""
        return self.temporary + path[len(self.path) :]


def stage(run: Run, jobs: Sequence[Upload]) -> list[Staged]:
    """Make unfinished folders for the new files among `jobs`. What cannot be made is left to the ordinary way."""
    found: list[Staged] = []
    for path, folders in _new_folders(run, jobs).items():
        temporary = run.world.session.unfinished()
        staged = Staged(path, temporary, folders)
        try:
            for folder in folders:
                _make(run, folder, staged.inside(folder))
        except OSError:
            discard(run.world.space, staged)
        else:
            found.append(staged)
    return found


def _new_folders(run: Run, jobs: Iterable[Upload]) -> dict[bytes, list[bytes]]:
    """The topmost folders that the data space has not, each with all folders of new files in it, from above."""
    index = run.world.index
    counts = Counter(split(job.path)[0] for job in jobs if job.known is None)
    tops: dict[bytes, dict[bytes, int]] = {}
    for folder, count in counts.items():
        if place_of(folder, run.able) or index.folders.is_oddly(folder):
            continue
        new = [above for above in whole_way(folder) if not _is_there(index.folders.number(above), run)]
        for above in new:
            inside = tops.setdefault(new[0], {})
            inside[above] = inside.get(above, 0) + (count if above == folder else 0)
    return {top: sorted(inside) for top, inside in tops.items() if sum(inside.values()) >= FEW}


def _is_there(number: int | None, run: Run) -> bool:
    return number is not None and run.world.index.folders.get(number).remote


def _make(run: Run, folder: bytes, temporary: bytes) -> None:
    world = run.world
    facts = world.tree.stat(folder)
    if facts is None:
        raise FileNotFoundError(errno.ENOENT, "it is gone meanwhile")
    if not world.space.mkdir(temporary, facts.st_mode & 0o777 | 0o700):
        raise FileExistsError(errno.EEXIST, "it is one there with another folder of this work")
    if run.able.owner:
        world.space.chown_link(temporary, *run.able.owner)


def targets(staged: Sequence[Staged], jobs: Iterable[Upload]) -> dict[bytes, bytes]:
    """Where the new files among `jobs` are written, by path; others have no place in an unfinished folder."""
    where = {folder: one for one in staged for folder in one.folders}
    found = {}
    for job in jobs:
        one = where.get(split(job.path)[0])
        if one is not None and job.known is None and not job.stored:
            found[job.path] = one.inside(job.path)
    return found


def put_in_place(world: World, staged: Staged) -> bool:
    """Rename it to where it belongs; False if that cannot be done, and its files go one by one."""
    try:
        world.space.rename(staged.temporary, staged.path)
    except OSError:
        return False
    finally:
        world.space.forget()
    world.session.unsettled = True
    for folder in staged.folders:
        world.index.folders.update(world.index.folders.add(folder), remote=THERE)
        world.index.journal.note(folder)
    return True


def discard(space: Tree, staged: Staged) -> None:
    """Remove what is left of unfinished folders; what still lies in one is removed with all else that is unfinished."""
    with contextlib.suppress(OSError):
        for folder in reversed(staged.folders):
            space.rmdir(staged.inside(folder))


def remove_unfinished(space: Tree, path: bytes) -> None:
    """Remove an unfinished folder of ours that a killed push has left, with all in it; nothing else is in there."""
    for name, facts in space.entries(path):
        inside = joined(path, name)
        if kind(facts) == "d":
            remove_unfinished(space, inside)
        else:
            space.unlink(inside)
    space.rmdir(path)


def by_folder(
    staged: Sequence[Staged], moves: Iterable[tuple[Upload, Copied]]
) -> list[tuple[Staged, list[tuple[Upload, Copied]]]]:
    """The unfinished folders in which something was written, each with that."""
    inside: dict[bytes, list[tuple[Upload, Copied]]] = {}
    for job, item in moves:
        if job.target and job.target == item.temporary:
            top = b"/".join(item.temporary.split(b"/")[:TOP])
            inside.setdefault(top, []).append((job, item))
    return [(one, inside[one.temporary]) for one in staged if one.temporary in inside]


def clear_remains(world: World) -> None:
    """Remove unfinished files of a killed work; those in the data space only where one may have left some."""
    settle_move(world)
    scratch.clear(world)
    if world.index.get_state(DIRTY):
        check_space(world)
        with contextlib.suppress(OSError):
            for name in filter(lambda name: _is_ours(world, name), world.space.names(TEMPORARY)):
                with contextlib.suppress(OSError):
                    _remove(world, joined(TEMPORARY, name))


def _remove(world: World, path: bytes) -> None:
    try:
        world.space.unlink(path)
    except IsADirectoryError:
        remove_unfinished(world.space, path)


def _is_ours(world: World, name: bytes) -> bool:
    """Not what a person has put there, and not what a later machine writes."""
    return 0 < generation_of(name) <= world.session.generation
