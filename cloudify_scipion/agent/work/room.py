"""Whether the volume has room for what is to be pulled."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence

from cloudify_scipion.agent.errors import NoRoom
from cloudify_scipion.agent.plan.guards import is_zeros
from cloudify_scipion.agent.plan.names import whole_way
from cloudify_scipion.agent.plan.sizes import shown
from cloudify_scipion.agent.ports.holes import WORTH, pieces, taken
from cloudify_scipion.agent.work.listing import LISTING, listed
from cloudify_scipion.agent.work.probes import abilities
from cloudify_scipion.agent.work.pull_job import Job, known_of
from cloudify_scipion.agent.work.pulled import Result
from cloudify_scipion.agent.work.wanted import is_wanted
from cloudify_scipion.agent.work.world import World

CHECKED = "room"
"""Whether the volume was found to have room for all of a first copy, which goes on."""
RESERVE_BYTES = 64_000_000
"""Room that a pull leaves on the volume."""


def check_room(world: World) -> None:
    """Raise NoRoom if what is to be pulled does not fit, before it starts."""
    files, need = _needed(world)
    free = world.tree.free()
    if need and need + RESERVE_BYTES > free:
        files, need = _needed(world, holes=True)  # asks for each large file
    if need and need + RESERVE_BYTES > free:
        world.index.set_state(LISTING, None)
        world.commit()
        raise NoRoom(
            f"the data take {shown(need)}, and the volume has {shown(free)} left",
            "ask for a larger volume, or pull less (data.project.include, exclude)",
        )
    world.index.set_state(CHECKED, True)
    world.progress.start("pulling", files, need)


def that_fit(world: World, jobs: Sequence[Job], result: Result) -> list[Job]:
    """Those for which the volume has room, small ones first; the others are named with their sizes.

    It is the volume that its user works on: what is new in the data space never fills it. Of a first copy all of it was
    looked at before it began.
    """
    if not jobs or world.index.get_state(CHECKED):
        return list(jobs)
    left, fit = world.tree.free() - RESERVE_BYTES, set[bytes]()
    for job in sorted(jobs, key=lambda job: job.size):
        if job.form == "f" and job.size > left and not _is_here(world, job.path) and _data(world, job) > left:
            free = shown(max(left, 0))
            result.failed.append((job.path, f"it has {shown(job.size)}, and the volume has {free} left for it"))
            result.unfit += 1
            continue
        left -= job.size if job.form == "f" else 0
        fit.add(job.path)
    return [job for job in jobs if job.path in fit]


def _is_here(world: World, path: bytes) -> bool:
    """Whether something is there; where nobody can look, whoever pulls it tells."""
    with contextlib.suppress(OSError):
        return world.tree.stat(path) is not None
    return False


def _data(world: World, job: Job) -> int:
    return data_of(world, job.path, job.size)


def data_of(world: World, path: bytes, size: int) -> int:
    """How many bytes of a large file in the data space are no holes.

    Some know that a file has holes and not where they are: such a file is read, as what is zeros becomes holes here.
    """
    if size < WORTH:
        return size
    try:
        fd = world.space.open(path)
    except OSError:
        return size
    try:
        data = taken(fd, size)
        sparse = abilities(world).holes and os.fstat(fd).st_blocks * 512 <= size // 2
        return _not_zeros(world, fd, size) if sparse and data == size else data
    except OSError:
        return size
    finally:
        os.close(fd)


def _not_zeros(world: World, fd: int, size: int) -> int:
    data = 0
    for piece in pieces(fd, size, growing=True):
        world.beat()
        if not isinstance(piece, int) and not is_zeros(piece):
            data += len(piece)
    return data


def is_below_mount(world: World, path: bytes) -> bool:
    """Whether a path of the working copy is on what somebody else has mounted there: nothing is put there."""
    mounts = world.tree.avoided
    return bool(mounts) and any(above in mounts for above in whole_way(path))


def _needed(world: World, holes: bool = False) -> tuple[int, int]:
    """How many files are to be pulled, and the bytes that they take; with `holes` those that are none."""
    files = need = 0
    for batch in listed(world):
        known = known_of(world, batch)
        for path, form, _, size, *_ in batch:
            base = known.bases.get(path)
            if form != "f" or path in known.rows or not is_wanted(world, path, base is not None):
                continue
            if not _is_here(world, path):
                files += 1
                if not (base and base.get("ln") and base.get("s", 0) == size):  # another name of the same file
                    size = data_of(world, path, size) if holes else size
                    need += (size + 4095) // 4096 * 4096
    return files, need
