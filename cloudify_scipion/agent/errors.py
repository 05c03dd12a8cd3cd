"""What can go wrong in the agent; `code` is the exit code of the work that it ends."""

from __future__ import annotations

import os
from collections.abc import Sequence

from cloudify_scipion.agent.plan.names import readable

_SHOWN = 10


class AgentError(Exception):
    """A failure that a person can act on: `what` failed, and the `next_step`."""

    code = 1

    def __init_subclass__(cls, code: int) -> None:
        cls.code = code

    def __init__(self, what: str, next_step: str = "") -> None:
        self.what, self.next_step = readable(what), next_step
        super().__init__(self.what)


class WrongUse(AgentError, code=2):
    """A command or a configuration that makes no sense."""


class LeaseForeign(AgentError, code=3):
    """Somebody else may write to the data space, not we."""


class LeaseGone(LeaseForeign, code=3):
    """Nobody holds the lease, though the index says that it is ours."""


class GuardFailed(AgentError, code=4):
    """The folder that is there is not the working copy or the data space that is meant."""


class NoRoom(AgentError, code=5):
    """What is to be written does not fit."""


class Unsaved(AgentError, code=6):
    """The rest was done, but some files could not be saved."""


def first_of(failed: Sequence[tuple[bytes, str]]) -> str:
    """The first of the files that failed, each with its reason, for a message."""
    return "; ".join(f"{os.fsdecode(path)}: {reason}" for path, reason in failed[:_SHOWN])


class ReadOnlySpace(AgentError, code=7):
    """The data space can be read and not written."""


class Temporary(AgentError, code=75):
    """Worth another try later."""


class LeaseUnseen(AgentError, code=75):
    """Nobody can see who holds the lease: `path` there cannot be read, written or listed, for this `reason`."""

    def __init__(self, path: bytes, reason: str) -> None:
        self.path, self.reason = path, f"it cannot be read or written, so nobody knows who may write: {reason}"
        super().__init__(
            f"{os.fsdecode(path)} in the data space: {self.reason}",
            "the operator looks at it in the data space; it is tried again by itself",
        )


class LeaseStale(AgentError, code=75):
    """Our own heartbeat is too old: whoever waits for it may have taken over, so nothing more is written."""
