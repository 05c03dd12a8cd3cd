"""One listed path after the other, in batches: folders are made, files and links pulled by several threads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from cloudify_scipion.agent.work import lease
from cloudify_scipion.agent.work.fetch import Seen
from cloudify_scipion.agent.work.listing import Listed
from cloudify_scipion.agent.work.pull_job import Job, job_of
from cloudify_scipion.agent.work.pull_path import pull_path
from cloudify_scipion.agent.work.pulled import Result
from cloudify_scipion.agent.work.pulled_folders import make_parents, pull_folders
from cloudify_scipion.agent.work.trash import note_trash
from cloudify_scipion.agent.work.world import World

BATCH = 400
KEEP_SECONDS = 5.0


def settle(world: World, result: Result) -> None:
    """Pull what is new; what was done is kept every few seconds."""
    saved, after, intended = world.clock.elapsed(), b"", world.index.intents()
    while rows := world.index.listing(after, BATCH):
        after = rows[-1][0]
        if _settle_batch(world, rows, intended, result) and world.clock.elapsed() - saved > KEEP_SECONDS:
            world.tree.sync()
            world.keep()
            saved = world.clock.elapsed()


def _settle_batch(world: World, rows: Sequence[Listed], intended: Mapping[bytes, set[str]], result: Result) -> bool:
    """False if there was nothing to pull."""
    pull_folders(world, [(path, mode) for path, form, mode, _, _ in rows if form == "d"], result)
    jobs = [job for row in rows if row[1] in "fl" and (job := job_of(world, row, intended)) is not None]
    if not jobs:
        return False
    lease.check(world)
    make_parents(world, [job.path for job in jobs], result)
    _pull_all(world, [job for job in jobs if not (job.base and job.base.link)], result)
    later = [job for job in jobs if job.base and job.base.link]  # whose first name is here by now
    _pull_all(world, [replace(job, first=world.index.get(job.base.link)) for job in later if job.base], result)
    world.space.forget()
    world.tree.forget()
    return True


def _pull_all(world: World, jobs: Sequence[Job], result: Result) -> None:
    for job, seen in world.each(lambda job: pull_path(world, job), jobs):
        if isinstance(seen, FileNotFoundError | NotADirectoryError) and world.space.stat(job.path) is None:
            continue  # gone since it was listed: the next scan sees what became of it
        if isinstance(seen, OSError):
            result.failed.append((job.path, seen.strerror or str(seen)))
        else:
            _keep(world, job, seen, result)


def _keep(world: World, job: Job, seen: Seen, result: Result) -> None:
    if seen.drop:
        world.index.drop(job.path)
    for path, row in seen.rows:
        world.index.put(path, row)
    note_trash(world, seen.trash)
    result.files += seen.pulled
    size = sum(row.size for _, row in seen.rows) if seen.pulled else 0
    result.size, result.conflicts = result.size + size, result.conflicts + seen.conflicts
    world.progress.add(seen.pulled, size)
