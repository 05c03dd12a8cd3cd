"""Uploads that are not finished: a file of the data space counts when it was quiet over two looks.

By the data space's own clock: what was not changed for a while is quiet at once, so that a first pull ends. All else is
looked at again after a few seconds; what goes on then comes with a later scan.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field

from cloudify_scipion.agent.plan.manifest import Entry, entry_from
from cloudify_scipion.agent.ports.facts import kind, mtime_of
from cloudify_scipion.agent.work import lease
from cloudify_scipion.agent.work.probes import abilities
from cloudify_scipion.agent.work.pull_job import Job
from cloudify_scipion.agent.work.world import World

QUIET_NS = 120_000_000_000
"""Uploads do not pause for longer than that."""
LOOK_SECONDS = 2.0
"""Between two looks at the same file."""


@dataclass
class Quiet:
    """What of one look through the data space may still be on its way there."""

    world: World
    began: float
    """When it was listed, on the clock that does not jump."""
    waits: int = 0
    _now: int | None = field(default=None)

    def is_quiet(self, job: Job) -> bool:
        """Whether a listed file can be taken as it is; else it is to be looked at again."""
        quiet = self._is_quiet(job) and not self._first_name_waits(job)
        self.waits += not quiet
        return quiet

    def _is_quiet(self, job: Job) -> bool:
        if job.form != "f" or self._as_saved(job.base, job.size, job.mtime):
            return True
        return job.mtime <= self._now_there() - QUIET_NS and (job.size > 0 or not _had_content(job))

    def _first_name_waits(self, job: Job) -> bool:
        """Another name of a file that is not here before it has none to be a name of."""
        if job.base is None or not job.base.link:
            return False
        link, facts = job.base.link, None
        with contextlib.suppress(OSError):  # whoever pulls that one tells
            facts = self.world.space.stat(link)
        if facts is None or kind(facts) != "f" or mtime_of(facts) <= self._now_there() - QUIET_NS:
            return False
        base = self.world.index.bases([link]).get(link)
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
            self.world.beat()


def is_as_listed(world: World, job: Job) -> bool:
    """The second look: whether a file has the facts that it had at the first one. Raises OSError."""
    return world.space.fresh(job.path) in (None, (job.size, job.mtime))


def _had_content(job: Job) -> bool:
    """Whether an empty file is less than what is known of it."""
    return (job.row is not None and job.row.rsize > 0) or (job.base is not None and job.base.size > 0)


Look = Callable[[Job], bool]
"""Whether a job is to be done now."""
