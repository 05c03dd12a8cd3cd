"""One listed path after the other, in batches: folders are made, files and links pulled by several threads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from cloudify_scipion.agent.ports.tables.rows import Row
from cloudify_scipion.agent.work import lease
from cloudify_scipion.agent.work.fetch import Seen
from cloudify_scipion.agent.work.listing import Listed, listed
from cloudify_scipion.agent.work.pull_job import Job, job_of, known_of
from cloudify_scipion.agent.work.pull_path import pull_path
from cloudify_scipion.agent.work.pulled import Result
from cloudify_scipion.agent.work.pulled_folders import make_parents, pull_folders
from cloudify_scipion.agent.work.trash import note_trash
from cloudify_scipion.agent.work.world import World

KEEP_SECONDS = 5.0


def settle(world: World, result: Result) -> None:
    """Pull what is new; what was done is kept every few seconds."""
    saved, intended = world.clock.elapsed(), world.index.intents()
    for rows in listed(world):
        if _settle_batch(world, rows, intended, result) and world.clock.elapsed() - saved > KEEP_SECONDS:
            world.tree.sync()
            world.keep()
            saved = world.clock.elapsed()


def _settle_batch(world: World, rows: Sequence[Listed], intended: Mapping[bytes, set[str]], result: Result) -> bool:
    """False if there was nothing to pull."""
    known = known_of(world, rows)
    pull_folders(world, [(path, mode) for path, form, mode, _, _ in rows if form == "d"], known.bases, result)
    jobs = [job for row in rows if row[1] in "fl" and (job := job_of(world, row, known, intended)) is not None]
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
    rows: list[tuple[bytes, Row]] = []
    for job, seen in world.each(lambda job: pull_path(world, job), jobs):
        if isinstance(seen, FileNotFoundError | NotADirectoryError) and world.space.stat(job.path) is None:
            continue  # gone since it was listed: the next scan sees what became of it
        if isinstance(seen, OSError):
            result.failed.append((job.path, seen.strerror or str(seen)))
        else:
            rows += seen.rows
            _note(world, job, seen, result)
    world.index.put_all(rows)


def _note(world: World, job: Job, seen: Seen, result: Result) -> None:
    if seen.drop:
        world.index.drop(job.path)
    note_trash(world, seen.trash)
    result.files += seen.pulled
    size = sum(row.size for _, row in seen.rows) if seen.pulled else 0
    result.size, result.conflicts = result.size + size, result.conflicts + seen.conflicts
    world.progress.add(seen.pulled, size)
