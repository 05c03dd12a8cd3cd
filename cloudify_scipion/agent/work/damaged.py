"""Files of ours that the data space has lost the content of, or never got whole: thrown away, and saved again."""

from __future__ import annotations

import os

from cloudify_scipion.agent.plan.guards import is_zeros
from cloudify_scipion.agent.plan.names import ORIGINAL
from cloudify_scipion.agent.ports.calls import patient
from cloudify_scipion.agent.ports.facts import kind
from cloudify_scipion.agent.work.content import CHUNK
from cloudify_scipion.agent.work.fetch import Seen
from cloudify_scipion.agent.work.pull_job import Job
from cloudify_scipion.agent.work.thrown import Thrown, throw_away
from cloudify_scipion.agent.work.whose import is_beginning
from cloudify_scipion.agent.work.world import World


def is_damaged(world: World, job: Job, local: os.stat_result, facts: os.stat_result) -> bool:
    """Whether a file in the data space is a ruin of what is here."""
    if job.row is not None and job.row.size > 0 and _is_void(world, job.path, facts):
        return True
    return job.intended and kind(local) == "f" and is_beginning(world.space, job.path, world.tree, job.path)


def _is_void(world: World, path: bytes, facts: os.stat_result) -> bool:
    """Empty or all zeros where content was: what a cut connection leaves behind."""
    if facts.st_size == 0:
        return True
    fd = world.space.open(path)
    try:
        while data := patient(os.read, fd, CHUNK):
            if not is_zeros(data):
                return False
    finally:
        os.close(fd)
    return True


def throw_damaged(world: World, job: Job, facts: os.stat_result) -> Seen:
    """Move it to the trash; the next push saves the file again."""
    name = throw_away(world, job.path, ORIGINAL)
    world.tell(f"{os.fsdecode(job.path)} was empty, zeros or cut short in the data space: it is saved again", "alarm")
    rows = [(job.path, job.row.without_remote())] if job.row is not None else []
    return Seen(rows, trash=[Thrown(name, job.path, facts.st_size, ORIGINAL)])
