"""What can go wrong, said for people: what failed, why, whose move it is and what comes next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

DONE, FAILED, WRONG_INPUT, IN_USE, NOT_SAVED = range(5)
EXIT_CODES = {
    DONE: "done; `status`, `list`: nothing needs a person",
    FAILED: "an error, said on standard error with the next step; `status`: a part has a problem, or a "
    "disk is full; `list`: a project needs a person; `choose`: no flavour fits",
    WRONG_INPUT: "problems in the project or site file; unknown command or option",
    IN_USE: "the project is in use by another command, or is another deployment's or another state folder's",
    NOT_SAVED: "`status`, `list`: data are not being saved, or a question or an alarm of the last day is about them",
}
"""What the exit codes of `cloudify-scipion` mean. Where several hold, `status` and `list` end with the highest."""

MAX_TEXT = 4000
"""Longest path or message of a problem."""


class ScipionError(Exception):
    """A failure that a person can act on. `next_step` says what to do; it may be empty."""

    exit_code = FAILED

    def __init__(self, what: str, next_step: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.next_step = next_step

    def __str__(self) -> str:
        return f"{self.what}\n  next: {self.next_step}" if self.next_step else self.what


class TemporaryError(ScipionError):
    """Worth another try after `retry_after` seconds."""

    def __init__(self, what: str, next_step: str = "", retry_after: float = 5.0) -> None:
        super().__init__(what, next_step)
        self.retry_after = retry_after


class PermanentError(ScipionError):
    """Trying again without a change does not help."""


@dataclass(frozen=True)
class Problem:
    """One thing wrong in an input: `path` is a JSON path such as `$.volume.size_gb`.

    Path and message may quote what a file's author wrote: more than MAX_TEXT characters are cut.
    """

    source: str
    path: str
    message: str

    def __post_init__(self) -> None:
        for name in ("path", "message"):
            text = getattr(self, name)
            if len(text) > MAX_TEXT:
                object.__setattr__(self, name, f"{text[: MAX_TEXT // 2]} ... {text[-MAX_TEXT // 2 :]}")

    def __str__(self) -> str:
        return f"{self.source}: {self.path}: {self.message}"


class InputError(PermanentError):
    """All problems of the inputs at once."""

    exit_code = WRONG_INPUT

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        count = len(self.problems)
        listed = "\n".join(f"  {problem}" for problem in self.problems)
        super().__init__(f"{count} problem{'s' if count != 1 else ''} in the input:\n{listed}")


class ProjectBusy(PermanentError):
    """Another execution holds the project's lock."""

    exit_code = IN_USE


class ProjectTaken(PermanentError):
    """The project id belongs to another deployment."""

    exit_code = IN_USE


class RecordLost(PermanentError):
    """A project was made, and this state root does not know it: another one's record says what may go."""

    exit_code = IN_USE


class LaterFormat(PermanentError):
    """A file of ours that a later version of this software has written: nothing was changed."""

    @classmethod
    def refuse(cls, document: object, source: Path | str, known: int = 1) -> None:
        """Raise it where `format` in a file's document is none up to `known`; a file that says nothing has the first.

        A format is raised where an older program would take the file for something else, or lose what it says.
        """
        found = document.get("format", 1) if isinstance(document, Mapping) else 1
        if not isinstance(found, int) or found > known:
            raise cls(
                f"{source} was written by a later version of cloudify-scipion (format {found}; this one reads up to "
                f"{known}): nothing was changed",
                "install that version again",
            )


class MissingTool(PermanentError):
    """A program that the host must have is absent; `next_step` names its package."""


class CommandFailed(PermanentError):
    """A program ended with an unexpected exit code."""

    def __init__(self, what: str, code: int, output: str = "", next_step: str = "") -> None:
        super().__init__(f"{what} (exit code {code})" + (f":\n{output.rstrip()}" if output else ""), next_step)
        self.code = code
        self.output = output


class PuppetFailed(PermanentError):
    """Resources failed in a Puppet run; the message lists resource, file and line, and Puppet's message."""


class PluginsMissing(PermanentError):
    """The project in the data space has protocols whose plugin is not installed."""


class WorkflowDropped(PermanentError):
    """Scipion left protocols of the workflow out, because it does not know their classes."""


class MachineUnreachable(TemporaryError):
    """The machine does not answer on SSH."""


class VolumeBusy(PermanentError):
    """The volume is in use or still mounted."""


class DiskFull(PermanentError):
    """No room is left where a file had to be written."""


class PortInUse(PermanentError):
    """A port that was to be published is taken by another program."""


class UnknownDataSpace(PermanentError):
    """The site has no data space of that name."""


class ReadOnlyDataSpace(PermanentError):
    """Project data are to be saved where nothing can be written."""

    @classmethod
    def found(cls, space: str, said: str, next_step: str) -> ReadOnlyDataSpace:
        """Found out by trying; the agent says the same where the project's folder was there already."""
        what = f"nothing can be saved in the data space '{space}': it is mounted or granted read-only ({said})"
        return cls(what, next_step)


class TokenExpires(PermanentError):
    """The token of a data space ends before the project does."""


class TokenRefused(PermanentError):
    """The provider of a data space does not accept the token."""


class LeaseHeld(PermanentError):
    """Somebody else may write to the project's folder of the data space."""


class GuardTripped(PermanentError):
    """The volume or the data space is not what it should be: nothing was written."""


class NotAllSaved(PermanentError):
    """Some files could not be saved; the agent's log names them."""


class StepsRun(PermanentError):
    """Steps are running that an uninstall would end, and nobody has said that they may be ended."""


class NotSealed(PermanentError):
    """There is no proof that all data are saved, so nothing was stopped and nothing deleted."""
