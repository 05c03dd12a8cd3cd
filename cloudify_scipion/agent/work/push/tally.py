"""What the parts of a push share, what it did, and what becomes of a path that could not be saved.

This is the one place where a failure ends no more than that path. Whether an error is of one path or of all is never
told by its number: EROFS is a folder that is mounted otherwise, or the whole space. So it is asked, by writing a small
file of our own. Large files that could not be saved are not sent again by every push: less and less often, by the clock
that does not jump. Small ones are, since that costs nothing.
"""

from __future__ import annotations

import contextlib
import errno
import os
import time
from dataclasses import dataclass, field

from cloudify_scipion.agent.errors import AgentError
from cloudify_scipion.agent.plan.abilities import Abilities
from cloudify_scipion.agent.plan.names import TEMPORARY
from cloudify_scipion.agent.plan.text import shown
from cloudify_scipion.agent.ports.tables.attempts import Failed
from cloudify_scipion.agent.ports.whole_files import write_new
from cloudify_scipion.agent.work.pull.fetch import restore_beside
from cloudify_scipion.agent.work.push.place import Outcome
from cloudify_scipion.agent.work.push.send import Busy, Destroyed, Held, Upload
from cloudify_scipion.agent.work.questions import DESTROYED, REPLACED, ask_destroyed
from cloudify_scipion.agent.work.space.check import not_written
from cloudify_scipion.agent.work.space.room import NoRoomThere, TooLarge
from cloudify_scipion.agent.work.trash.throw import note_trash
from cloudify_scipion.agent.work.world import World

LEFT = "left"
"""What was told of what could not be cleaned up."""
_ROOM = (errno.ENOSPC, errno.EDQUOT)
ASK_SECONDS = 5.0
"""So long an answer counts: where thousands of files fail, not each is asked about."""
LARGE = 1 << 20
"""Bytes from which a file is put off."""
FIRST_SECONDS, MOST_SECONDS = 600.0, 6 * 3600.0


@dataclass
class Saved:
    """What a push did. `failed` are the files that could not be saved, with the reason."""

    files: int = 0
    size: int = 0
    counted: int = 0
    """Bytes of it that count already as saved on this day."""
    deleted: int = 0
    moved: int = 0
    busy: int = 0
    waiting: int = 0
    """Files that wait in folders in whose places a held file was."""
    held: int = 0
    conflicts: int = 0
    failed: list[tuple[bytes, str]] = field(default_factory=list)
    special: list[bytes] = field(default_factory=list)
    restored: list[bytes] = field(default_factory=list)
    odd: list[bytes] = field(default_factory=list)
    wrote: bool = False
    left: list[str] = field(default_factory=list)
    """What could not be cleaned up there."""
    rest: bool = False
    """Whether large files wait while what is new is looked for."""
    crowded: int = 0
    """How many of the `failed` are for lack of room."""
    full: AgentError | None = None
    """Why nothing more could be sent, while the rest of the work went on."""

    def again(self) -> None:
        """A new round: what was done counts, and what failed is tried."""
        self.failed, self.restored, self.rest, self.full = [], [], False, None
        self.busy = self.waiting = self.held = self.crowded = 0


@dataclass
class Asked:
    """When the data space was last found to take what is written."""

    at: float = float("-inf")


@dataclass(frozen=True)
class Run:
    """What the parts of a push share. `final`: nobody writes any more; `made`: folders that are known to be there."""

    world: World
    able: Abilities
    final: bool = False
    result: Saved = field(default_factory=Saved)
    made: set[bytes] = field(default_factory=lambda: {b""})
    asked: Asked = field(default_factory=Asked)

    def note(self, outcome: Outcome) -> None:
        """Something has changed in the data space."""
        self.wrote()
        note_trash(self.world, outcome.trash)
        self.result.conflicts += len(outcome.conflicts)

    def wrote(self) -> None:
        """The index may say so once that is on stable storage."""
        self.result.wrote = self.world.session.unsettled = True

    def left(self, path: bytes, reason: str) -> None:
        """Something could not be cleaned up in the data space: no content is at stake, so it is only told, once."""
        text = f"{os.fsdecode(path)} in the data space: {reason}"
        if text not in self.world.index.get_state(LEFT, []):
            self.world.tell(text, "alarm")
        self.result.left.append(text)

    def fail(self, path: bytes, reason: str, room: bool = False) -> None:
        """A file or folder could not be saved; for lack of `room`?"""
        self.result.failed.append((path, reason))
        self.result.crowded += room


def not_saved(run: Run, job: Upload, error: OSError) -> None:
    """Try it again next time, ask, or note it. Raises AgentError where nothing else can be saved either."""
    if isinstance(error, Busy):
        run.world.index.attempts.count_try(job.path)
        run.result.busy += 1
    elif isinstance(error, Destroyed):
        _destroyed(run, job)
    elif isinstance(error, Held):
        run.world.index.people.hold(REPLACED, job.path, job.known.rsize if job.known else 0)
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
    path = world.session.unfinished()
    moved = path + b"-moved"
    world.space.forget()
    try:
        write_new(world.space, path, b"?")
        world.space.rename(path, moved)
    except OSError as error:
        return not_written(world, error, TEMPORARY)
    finally:
        for name in (path, moved):
            with contextlib.suppress(OSError):
                world.space.unlink(name)
    return None


def _destroyed(run: Run, job: Upload) -> None:
    """Nothing is replaced by what a crash may have left, before a person has said what to do."""
    run.result.held += 1
    if job.known is None or not run.world.index.people.holds_for(DESTROYED, "restore", job.path):
        ask_destroyed(run.world, job.path, job.known.rsize if job.known else 0)
        return
    try:
        name = restore_beside(run.world, job.path, job.known)
    except OSError as error:
        run.fail(job.path, f"it cannot be brought back: {error.strerror}")
        return
    run.world.tell(f"the earlier content of {os.fsdecode(job.path)} is back as {os.fsdecode(name)}")
    run.result.restored.append(job.path)


def put_off(world: World, path: bytes, size: int, reason: str, room: bool) -> None:
    """Remember that a file could not be saved, and when it is its turn again."""
    known = world.index.attempts.failed(path)
    tries = known.tries + 1 if known else 1
    wait = min(MOST_SECONDS, FIRST_SECONDS * 2 ** min(tries - 2, 10)) if size >= LARGE and tries > 1 else 0.0
    world.index.attempts.note_failed(
        path, Failed(tries, size, reason, room, world.clock.boot(), world.clock.elapsed() + wait)
    )


def waits(world: World, path: bytes, size: int) -> Failed | None:
    """Why a file is not tried now; None if it is its turn: also where it became smaller, or the machine was booted."""
    known = world.index.attempts.failed(path)
    if known is None or known.boot != world.clock.boot() or size < known.size:
        return None
    return known if world.clock.elapsed() < known.until else None
