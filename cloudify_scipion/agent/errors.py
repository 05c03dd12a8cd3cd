"""What can go wrong in the agent; `code` is the exit code of the work that it ends."""

from __future__ import annotations

from cloudify_scipion.agent.plan.names import readable


class AgentError(Exception):
    """A failure that a person can act on: `what` failed, and the `next_step`."""

    code = 1

    def __init__(self, what: str, next_step: str = "") -> None:
        self.what, self.next_step = readable(what), next_step
        super().__init__(self.what)


class WrongUse(AgentError):
    """A command or a configuration that makes no sense."""

    code = 2


class LeaseForeign(AgentError):
    """Somebody else may write to the data space, not we."""

    code = 3


class LeaseStale(AgentError):
    """Our own heartbeat is too old: whoever waits for it may have taken over, so nothing more is written."""

    code = 75


class GuardFailed(AgentError):
    """The folder that is there is not the working copy or the data space that is meant."""

    code = 4


class NoRoom(AgentError):
    """What is to be written does not fit."""

    code = 5


class Unsaved(AgentError):
    """The rest was done, but some files could not be saved."""

    code = 6


class Temporary(AgentError):
    """Worth another try later."""

    code = 75
