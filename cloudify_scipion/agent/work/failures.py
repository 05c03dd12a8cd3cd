"""What becomes of a file that could not be saved."""

from __future__ import annotations

import errno
import os

from cloudify_scipion.agent.errors import Temporary
from cloudify_scipion.agent.work.content import Busy, Destroyed, Job
from cloudify_scipion.agent.work.fetch import restore_beside
from cloudify_scipion.agent.work.questions import DESTROYED, allowed, ask_destroyed
from cloudify_scipion.agent.work.run import Run
from cloudify_scipion.agent.work.space import not_written

_FOR_ALL = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)
_NOT_THERE = (errno.ENOTCONN, errno.ESTALE)


def not_saved(run: Run, job: Job, error: OSError) -> None:
    """Try it again next time, ask, or note it. Raises AgentError where nothing else can be saved either."""
    if isinstance(error, Busy):
        run.world.index.count_try(job.path)
        run.result.busy += 1
    elif isinstance(error, Destroyed):
        _destroyed(run, job)
    elif error.errno in _FOR_ALL:
        raise not_written(run.world, error) from error
    elif error.errno in _NOT_THERE:
        raise Temporary(f"the data space cannot be written: {error.strerror}", "repair the project") from error
    else:
        run.fail(job.path, error.strerror or str(error))
        run.world.index.count_try(job.path)


def _destroyed(run: Run, job: Job) -> None:
    """Nothing is replaced by what a crash may have left, before a person has said what to do."""
    run.result.held += 1
    if not allowed(run.world, DESTROYED, "restore") or job.known is None:
        ask_destroyed(run.world, job.path)
        return
    try:
        name = restore_beside(run.world, job.path, job.known)
    except OSError as error:
        run.fail(job.path, f"it cannot be brought back: {error.strerror}")
        return
    run.world.tell(f"the earlier content of {os.fsdecode(job.path)} is back as {os.fsdecode(name)}")
    run.result.restored.append(job.path)
