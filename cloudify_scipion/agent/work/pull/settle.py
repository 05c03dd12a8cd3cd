"""One listed path after the other, in batches: folders are made, files and links pulled by several threads."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from cloudify_scipion.agent.plan.names import joined, split
from cloudify_scipion.agent.ports.facts import kind
from cloudify_scipion.agent.ports.tables.rows import THERE, Row
from cloudify_scipion.agent.work.lease import lease
from cloudify_scipion.agent.work.pull.can_come import Look, Quiet, is_as_listed, is_below_mount, that_fit
from cloudify_scipion.agent.work.pull.decide import pull_path
from cloudify_scipion.agent.work.pull.exchange import gives_way, set_aside_older
from cloudify_scipion.agent.work.pull.fetch import Seen, make_local_folder
from cloudify_scipion.agent.work.pull.find_new import Incoming, Pulled, is_folder_wanted, job_of, known_of, with_groups
from cloudify_scipion.agent.work.pull.list_space import Listed, listed
from cloudify_scipion.agent.work.space.keep_beside import keep_beside
from cloudify_scipion.agent.work.space.probe import abilities
from cloudify_scipion.agent.work.trash.throw import note_trash
from cloudify_scipion.agent.work.world import World

KEEP_SECONDS = 5.0
VAIN = 1000
"""After so many files that were read in vain, somebody has given all of them another owner or mode, say."""


@dataclass
class Waiting:
    """What the index is told when the volume's disk has it: rows of files, and paths to be forgotten."""

    rows: dict[bytes, Row] = field(default_factory=dict)
    drops: list[bytes] = field(default_factory=list)
    vain: int = 0
    """Files that were read only since their ctime was another, and were the same."""

    def keep(self, world: World) -> None:
        """Tell it."""
        world.tree.sync()
        for path in self.drops:
            world.index.files.drop(path)
        world.index.files.put_all(list(self.rows.items()))
        self.rows, self.drops = {}, []
        world.commit_and_tell()


def settle(world: World, result: Pulled) -> None:
    """Pull what is new; what was done is kept every few seconds."""
    quiet = Quiet(world, world.clock.elapsed())
    _settle_all(world, result, quiet.is_quiet)
    if not quiet.waits:
        return
    quiet.await_second_look()
    world.space.forget()
    first, moving = quiet.is_quiet, list[bytes]()

    def second_look(job: Incoming) -> bool:
        if first(job):
            return False  # it was done, or has failed
        try:
            quiet = is_as_listed(world, job)
        except OSError as error:
            _failed(job, error, result)
            return False
        if not quiet:
            moving.append(job.path)
        return quiet

    _settle_all(world, result, second_look)
    if moving:
        world.tell(
            f"{len(moving)} files in the data space, such as {os.fsdecode(moving[0])}, are still being written there: "
            "they come with the next look"
        )


def _settle_all(world: World, result: Pulled, now: Look) -> None:
    """All that is listed, as far as it is to be done `now`."""
    saved, intended, waiting = world.clock.elapsed(), world.index.attempts.intents(), Waiting()
    for rows in listed(world):
        _settle_batch(world, rows, intended, result, waiting, now)
        if waiting.rows and world.clock.elapsed() - saved > KEEP_SECONDS:
            waiting.keep(world)
            saved = world.clock.elapsed()
    waiting.keep(world)


def _settle_batch(
    world: World, rows: Sequence[Listed], intended: Mapping[bytes, set[str]], result: Pulled, waiting: Waiting,
    now: Look,
) -> None:  # fmt: skip
    rows = [row for row in rows if not is_below_mount(world, row[0])]
    known = known_of(world, rows)
    pull_folders(world, [(path, mode) for path, form, mode, *_ in rows if form == "d"], known.bases, result)
    tells = abilities(world).changed and waiting.vain < VAIN
    found = (job_of(world, row, known, intended, tells=tells) for row in rows if row[1] in "fl")
    jobs = with_groups(world, rows, [job for job in found if job is not None], intended)
    jobs = that_fit(world, [job for job in jobs if now(job)], result)
    if not jobs:
        return
    lease.check(world)
    make_parents(world, [job.path for job in jobs], result)
    _pull_all(world, [job for job in jobs if not (job.base and job.base.link)], result, waiting)
    later = [job for job in jobs if job.base and job.base.link]  # whose first name is here by now
    _pull_all(world, [_with_first(world, job, waiting) for job in later], result, waiting)
    world.space.forget()
    world.tree.forget()


def _with_first(world: World, job: Incoming, waiting: Waiting) -> Incoming:
    link = job.base.link if job.base else b""
    return replace(job, first=waiting.rows.get(link) or world.index.files.get(link))


def _pull_all(world: World, jobs: Sequence[Incoming], result: Pulled, waiting: Waiting) -> None:
    for job, seen in world.each(lambda job: pull_path(world, job), jobs):
        if isinstance(seen, OSError) and _is_another(world, job):
            continue  # gone since it was listed, or something else by now: the next scan sees what became of it
        if isinstance(seen, OSError):
            result.crowded |= seen.errno in (errno.ENOSPC, errno.EDQUOT)
            _failed(job, seen, result)
        else:
            _note(world, job, seen, result, waiting)


def _failed(job: Incoming, error: OSError, result: Pulled) -> None:
    result.failed.append((job.path, error.strerror or str(error)))


def _is_another(world: World, job: Incoming) -> bool:
    """Whether what was listed in the data space is not there any more, or something of another kind is."""
    with contextlib.suppress(OSError):
        there = world.space.stat(job.path)
        return there is None or kind(there) != job.form
    return False


def _note(world: World, job: Incoming, seen: Seen, result: Pulled, waiting: Waiting) -> None:
    if seen.drop:
        waiting.drops.append(job.path)
    waiting.vain += job.told and not seen.pulled and not seen.conflicts
    waiting.rows.update(seen.rows)
    note_trash(world, seen.trash)
    result.files += seen.pulled
    size = sum(row.size for _, row in seen.rows) if seen.pulled else 0
    result.size, result.conflicts = result.size + size, result.conflicts + seen.conflicts
    world.progress.add(seen.pulled, size)


def pull_folders(
    world: World, folders: Sequence[tuple[bytes, int]], bases: Mapping[bytes, dict[str, Any]], result: Pulled
) -> None:
    """Make folders of the data space (path, mode), and know that they are in both places."""
    for path, mode in folders:
        known, base = world.index.folders.number(path), bases.get(path)
        if (known is not None and world.index.folders.get(known).remote) or not is_folder_wanted(
            world, path, bool(base)
        ):
            continue
        if not _make_folder(world, path, base["m"] if base else mode, result):
            continue
        number = world.index.folders.add(path)
        world.index.folders.update(number, remote=THERE)
        if base is None:
            world.index.journal.note(path)


def make_parents(world: World, paths: Iterable[bytes], result: Pulled) -> None:
    """The folders of what is pulled; the user may have moved or removed them meanwhile."""
    for path in sorted({split(path)[0] for path in paths}):
        _make_folder(world, path, 0o755, result)


def _make_folder(world: World, path: bytes, mode: int, result: Pulled) -> bool:
    """Make a folder here, if nothing of the user is in its way."""
    try:
        _clear_way(world, path)
        make_local_folder(world, path, mode)
        return True
    except OSError as error:
        if not is_blocked(world, path, result) and (path, _why(error)) not in result.failed:
            result.failed.append((path, _why(error)))
    return False


def _clear_way(world: World, path: bytes) -> None:
    """A file or link of others, in whose place others have put a folder since, gets the name of a conflict."""
    facts = world.tree.stat(path) if path else None
    if facts is None or kind(facts) == "d" or not gives_way(world, path, world.index.files.get(path), 0):
        return
    there = world.space.stat(path)
    if kind(there) == "d":
        world.index.files.drop(path)  # first: it was not deleted here
        world.commit_and_tell()
        set_aside_older(world, path)


def is_blocked(world: World, path: bytes, result: Pulled) -> bool:
    """Whether a file is here where the data space has a folder: then that gets the name of a conflict."""
    above = b""
    for name in path.split(b"/"):
        above = joined(above, name)
        try:
            here = world.tree.stat(above)
            if here is not None and kind(here) != "d":
                _keep_folder_beside(world, above, result)
                return True
        except OSError:
            return False  # whoever asks tells what failed
    return False


def _why(error: OSError) -> str:
    return f"the folder cannot be made here: {error.strerror}"


def _keep_folder_beside(world: World, path: bytes, result: Pulled) -> None:
    there = world.space.stat(path)
    if kind(there) == "d":
        keep_beside(world, path)
        world.space.forget()
        result.conflicts += 1
