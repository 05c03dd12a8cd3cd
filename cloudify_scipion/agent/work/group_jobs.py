"""Which files of the data space are looked at together: those that lie beside one as SQLite's lie beside a database."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from cloudify_scipion.agent.plan.names import base_of
from cloudify_scipion.agent.work.pull_job import Job, job_of, known_of
from cloudify_scipion.agent.work.spelled import Listed
from cloudify_scipion.agent.work.world import World


def with_groups(
    world: World, rows: Sequence[Listed], jobs: Sequence[Job], intended: Mapping[bytes, set[str]]
) -> list[Job]:
    """The jobs of a batch of what is listed; what lies beside a file is done with that, in whatever batch it is."""
    files = {row[0]: row for row in rows if row[1] == "f"}
    found = {job.path: job for job in jobs if not _is_done_with_another(world, job, files)}
    sides = _sides(world, files)
    known = known_of(world, [*(one for some in sides.values() for one in some), *(files[base] for base in sides)])
    for base, listed in sides.items():
        new = [job_of(world, one, known, intended, always=base in found) for one in listed]
        beside = tuple(job for job in new if job is not None)
        whole = found.get(base) or job_of(world, files[base], known, intended, always=True)
        if beside and whole is not None:
            found[base] = replace(whole, beside=beside, as_known=base not in found)
    return list(found.values())


def _sides(world: World, files: Mapping[bytes, Listed]) -> dict[bytes, list[Listed]]:
    """What lies beside these files."""
    sides: dict[bytes, list[Listed]] = {}
    if files:
        for side in world.index.listed_beside(min(files), max(files)):
            if base_of(side[0]) in files and side[1] in "fl":
                sides.setdefault(base_of(side[0]), []).append(side)
    return sides


def _is_done_with_another(world: World, job: Job, files: Collection[bytes]) -> bool:
    base = base_of(job.path)
    return bool(base) and (base in files or world.index.in_listing(base, "f"))
