"""One listed path after the other, in batches: folders are made, files and links pulled by several threads."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from cloudify_scipion.agent.ports.facts import kind
from cloudify_scipion.agent.ports.tables.rows import Row
from cloudify_scipion.agent.work import lease
from cloudify_scipion.agent.work.fetch import Seen
from cloudify_scipion.agent.work.group_jobs import with_groups
from cloudify_scipion.agent.work.listing import listed
from cloudify_scipion.agent.work.probes import abilities
from cloudify_scipion.agent.work.pull_job import Job, job_of, known_of
from cloudify_scipion.agent.work.pull_path import pull_path
from cloudify_scipion.agent.work.pulled import Result
from cloudify_scipion.agent.work.pulled_folders import make_parents, pull_folders
from cloudify_scipion.agent.work.quiet import Look, Quiet, is_as_listed
from cloudify_scipion.agent.work.room import is_below_mount, that_fit
from cloudify_scipion.agent.work.spelled import Listed
from cloudify_scipion.agent.work.trash import note_trash
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
            world.index.drop(path)
        world.index.put_all(list(self.rows.items()))
        self.rows, self.drops = {}, []
        world.keep()


def settle(world: World, result: Result) -> None:
    """Pull what is new; what was done is kept every few seconds."""
    quiet = Quiet(world, world.clock.elapsed())
    _settle_all(world, result, quiet.is_quiet)
    if not quiet.waits:
        return
    quiet.await_second_look()
    world.space.forget()
    first, moving = quiet.is_quiet, list[bytes]()

    def second_look(job: Job) -> bool:
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


def _settle_all(world: World, result: Result, now: Look) -> None:
    """All that is listed, as far as it is to be done `now`."""
    saved, intended, waiting = world.clock.elapsed(), world.index.intents(), Waiting()
    for rows in listed(world):
        _settle_batch(world, rows, intended, result, waiting, now)
        if waiting.rows and world.clock.elapsed() - saved > KEEP_SECONDS:
            waiting.keep(world)
            saved = world.clock.elapsed()
    waiting.keep(world)


def _settle_batch(
    world: World, rows: Sequence[Listed], intended: Mapping[bytes, set[str]], result: Result, waiting: Waiting,
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


def _with_first(world: World, job: Job, waiting: Waiting) -> Job:
    link = job.base.link if job.base else b""
    return replace(job, first=waiting.rows.get(link) or world.index.get(link))


def _pull_all(world: World, jobs: Sequence[Job], result: Result, waiting: Waiting) -> None:
    for job, seen in world.each(lambda job: pull_path(world, job), jobs):
        if isinstance(seen, OSError) and _is_another(world, job):
            continue  # gone since it was listed, or something else by now: the next scan sees what became of it
        if isinstance(seen, OSError):
            result.crowded |= seen.errno in (errno.ENOSPC, errno.EDQUOT)
            _failed(job, seen, result)
        else:
            _note(world, job, seen, result, waiting)


def _failed(job: Job, error: OSError, result: Result) -> None:
    result.failed.append((job.path, error.strerror or str(error)))


def _is_another(world: World, job: Job) -> bool:
    """Whether what was listed in the data space is not there any more, or something of another kind is."""
    with contextlib.suppress(OSError):
        there = world.space.stat(job.path)
        return there is None or kind(there) != job.form
    return False


def _note(world: World, job: Job, seen: Seen, result: Result, waiting: Waiting) -> None:
    if seen.drop:
        waiting.drops.append(job.path)
    waiting.vain += job.told and not seen.pulled and not seen.conflicts
    waiting.rows.update(seen.rows)
    note_trash(world, seen.trash)
    result.files += seen.pulled
    size = sum(row.size for _, row in seen.rows) if seen.pulled else 0
    result.size, result.conflicts = result.size + size, result.conflicts + seen.conflicts
    world.progress.add(seen.pulled, size)
