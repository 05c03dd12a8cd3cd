"""What becomes of a path that could not be saved: the one place where a failure ends no more than that.

Whether an error is of one path or of all is never told by its number: EROFS is a folder that is mounted otherwise, or
the whole space. So it is asked, by writing a small file of our own.
"""

from __future__ import annotations

import contextlib
import errno
import os
import time

from cloudify_scipion.agent.errors import AgentError
from cloudify_scipion.agent.plan.names import TEMPORARY, joined, temporary_name
from cloudify_scipion.agent.plan.sizes import shown
from cloudify_scipion.agent.ports.files import write_new
from cloudify_scipion.agent.work.content import Busy, Destroyed, Held, Job
from cloudify_scipion.agent.work.fetch import restore_beside
from cloudify_scipion.agent.work.put_off import put_off
from cloudify_scipion.agent.work.questions import DESTROYED, REPLACED, ask_destroyed
from cloudify_scipion.agent.work.room_there import NoRoomThere, TooLarge
from cloudify_scipion.agent.work.run import Run
from cloudify_scipion.agent.work.space import not_written
from cloudify_scipion.agent.work.world import World, again

_ROOM = (errno.ENOSPC, errno.EDQUOT)
ASK_SECONDS = 5.0
"""So long an answer counts: where thousands of files fail, not each is asked about."""


def not_saved(run: Run, job: Job, error: OSError) -> None:
    """Try it again next time, ask, or note it. Raises AgentError where nothing else can be saved either."""
    if isinstance(error, Busy):
        run.world.index.count_try(job.path)
        run.result.busy += 1
    elif isinstance(error, Destroyed):
        _destroyed(run, job)
    elif isinstance(error, Held):
        run.world.index.hold(REPLACED, job.path, job.known.rsize if job.known else 0)
    else:
        failed(run, job.path, error, job.size)


def failed(run: Run, path: bytes, error: OSError, size: int = 0) -> None:
    """One path could not be saved, or not be taken away. Raises AgentError where that goes for all of them."""
    must_take(run, error)
    room, looked = error.errno in _ROOM, isinstance(error, NoRoomThere)
    sized = size and (room or error.errno == errno.EFBIG) and not isinstance(error, NoRoomThere | TooLarge)
    reason = (error.strerror or str(error)) + (f" ({shown(size)})" if sized else "")
    run.fail(path, reason, room)
    put_off(run.world, path, 0 if looked else size, reason, room)  # whoever only looks may look again


def must_take(run: Run, error: OSError) -> None:
    """Raise AgentError if the data space takes nothing at all just now."""
    if time.monotonic() - run.asked.at < ASK_SECONDS:
        return
    if (whole := down(run.world)) is not None:
        raise whole from error
    run.asked.at = time.monotonic()


def down(world: World) -> AgentError | None:
    """What it means if the data space does not take and move a small file of ours; None if it does."""
    path = joined(TEMPORARY, temporary_name(world.generation, world.nonce()))
    moved = path + b"-moved"
    world.space.forget()
    try:
        again(lambda: write_new(world.space, path, b"?"))
        again(lambda: world.space.rename(path, moved))
    except OSError as error:
        return not_written(world, error, TEMPORARY)
    finally:
        for name in (path, moved):
            with contextlib.suppress(OSError):
                world.space.unlink(name)
    return None


def _destroyed(run: Run, job: Job) -> None:
    """Nothing is replaced by what a crash may have left, before a person has said what to do."""
    run.result.held += 1
    if job.known is None or not run.world.index.holds_for(DESTROYED, "restore", job.path):
        ask_destroyed(run.world, job.path, job.known.rsize if job.known else 0)
        return
    try:
        name = restore_beside(run.world, job.path, job.known)
    except OSError as error:
        run.fail(job.path, f"it cannot be brought back: {error.strerror}")
        return
    run.world.tell(f"the earlier content of {os.fsdecode(job.path)} is back as {os.fsdecode(name)}")
    run.result.restored.append(job.path)
