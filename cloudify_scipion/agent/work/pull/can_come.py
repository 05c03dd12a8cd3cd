"""What of the new can come now: uploads that are finished, and what the volume has room for.

A file of the data space counts when it was quiet over two looks, by the data space's own clock: what was not changed
for a while is quiet at once, so that a first pull ends. All else is looked at again after a few seconds; what goes on
then comes with a later scan.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from cloudify_scipion.agent.errors import NoRoom
from cloudify_scipion.agent.plan.manifest import Entry, entry_from
from cloudify_scipion.agent.plan.names import whole_way
from cloudify_scipion.agent.plan.ruins import is_zeros
from cloudify_scipion.agent.plan.text import shown
from cloudify_scipion.agent.ports.calls import close_read
from cloudify_scipion.agent.ports.facts import kind, mtime_of
from cloudify_scipion.agent.ports.holes import WORTH, pieces, taken
from cloudify_scipion.agent.work.lease import lease
from cloudify_scipion.agent.work.pull.find_new import Incoming, Pulled, is_wanted, known_of
from cloudify_scipion.agent.work.pull.list_space import LISTING, listed
from cloudify_scipion.agent.work.space.probe import abilities
from cloudify_scipion.agent.work.world import World

QUIET_NS = 120_000_000_000
"""Uploads do not pause for longer than that."""
LOOK_SECONDS = 2.0
"""Between two looks at the same file."""
Look = Callable[[Incoming], bool]
"""Whether a job is to be done now."""
CHECKED = "room"
"""Whether the volume was found to have room for all of a first copy, which goes on."""
RESERVE_BYTES = 64_000_000
"""Room that a pull leaves on the volume."""


@dataclass
class Quiet:
    """What of one look through the data space may still be on its way there."""

    world: World
    began: float
    """When it was listed, on the clock that does not jump."""
    waits: int = 0
    _now: int | None = field(default=None)

    def is_quiet(self, job: Incoming) -> bool:
        """Whether a listed file can be taken as it is; else it is to be looked at again."""
        quiet = self._is_quiet(job) and not self._first_name_waits(job)
        self.waits += not quiet
        return quiet

    def _is_quiet(self, job: Incoming) -> bool:
        if job.form != "f" or self._as_saved(job.base, job.size, job.mtime):
            return True
        return job.mtime <= self._now_there() - QUIET_NS and (job.size > 0 or not _had_content(job))

    def _first_name_waits(self, job: Incoming) -> bool:
        """Another name of a file that is not here before it has none to be a name of."""
        if job.base is None or not job.base.link:
            return False
        link, facts = job.base.link, None
        with contextlib.suppress(OSError):  # whoever pulls that one tells
            facts = self.world.space.stat(link)
        if facts is None or kind(facts) != "f" or mtime_of(facts) <= self._now_there() - QUIET_NS:
            return False
        base = self.world.index.base.rows([link]).get(link)
        return not self._as_saved(entry_from(base) if base else None, facts.st_size, mtime_of(facts))

    def _as_saved(self, base: Entry | None, size: int, mtime: int) -> bool:
        """Whether that is what we put there, whole, as the manifest tells, with its time as it is kept there."""
        tick = abilities(self.world).tick
        return base is not None and base.kind == "f" and (base.size, base.mtime // tick * tick) == (size, mtime)

    def _now_there(self) -> int:
        if self._now is None:
            self._now = lease.now_there(self.world)
        return self._now

    def await_second_look(self) -> None:
        """Let some seconds pass since the first one."""
        while (left := self.began + LOOK_SECONDS - self.world.clock.elapsed()) > 0:
            self.world.clock.sleep(left)
            self.world.session.beat()


def is_as_listed(world: World, job: Incoming) -> bool:
    """The second look: whether a file has the facts that it had at the first one. Raises OSError."""
    return world.space.fresh(job.path) in (None, (job.size, job.mtime))


def _had_content(job: Incoming) -> bool:
    """Whether an empty file is less than what is known of it."""
    return (job.row is not None and job.row.rsize > 0) or (job.base is not None and job.base.size > 0)


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


def that_fit(world: World, jobs: Sequence[Incoming], result: Pulled) -> list[Incoming]:
    """Those for which the volume has room, small ones first; the others are named with their sizes.

    It is the volume that its user works on: what is new in the data space never fills it. Of a first copy all of it was
    looked at before it began.
    """
    if not jobs or world.index.get_state(CHECKED):
        return list(jobs)
    left, fit = world.tree.free() - RESERVE_BYTES, set[bytes]()
    for job in sorted(jobs, key=lambda job: job.size):
        large = job.form == "f" and job.size > left and not _is_here(world, job.path)
        if large and data_of(world, job.path, job.size) > left:
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
        close_read(fd)


def _not_zeros(world: World, fd: int, size: int) -> int:
    data = 0
    for piece in pieces(fd, size, growing=True):
        world.session.beat()
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
