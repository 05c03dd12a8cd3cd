"""The agent on the machine, which moves the data: what it says, and starting and following its works.

A work runs in a unit of its own and goes on whoever watches it: a process that was killed attaches to it again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from cloudify_scipion.errors import (
    DiskFull,
    GuardTripped,
    LeaseHeld,
    NotAllSaved,
    PermanentError,
    ReadOnlyDataSpace,
    ScipionError,
    TemporaryError,
)
from cloudify_scipion.lifecycle.layout import AGENT_COMMAND, AGENT_FOLDER, SEAL, WHOLE
from cloudify_scipion.lifecycle.ports import Services, Shell
from cloudify_scipion.lifecycle.record import Record

POLL_SECONDS, WORD_SECONDS = 2.0, 10.0
SILENT_SECONDS = 180.0
"""How long the machine may not answer while a work is followed, which goes on meanwhile."""
DONE, SOME_FAILED, TEMPORARY = 0, 6, 75
ERRORS: Mapping[int, type[PermanentError]] = {
    3: LeaseHeld, 4: GuardTripped, 5: DiskFull, SOME_FAILED: NotAllSaved, 7: ReadOnlyDataSpace,
}  # fmt: skip
"""What the agent's exit codes mean, beside 0 (done), 75 (try again) and the rest (failed)."""
T = TypeVar("T")
_SHOWN = ("-p", "ActiveState", "-p", "Job")
_GOING = ("active", "activating", "reloading", "deactivating")


@dataclass(frozen=True)
class Result:
    """How a work ended; `message` and `next` are for people, `facts` depend on the work, `run` tells runs apart."""

    work: str
    ok: bool
    code: int
    at: str
    message: str = ""
    next: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)
    run: str = ""


@dataclass(frozen=True)
class AgentStatus:
    """What the agent says of itself. `unsaved` counts files, `doubt` says why it may be more, `saved` is when it last
    saved (UTC), `last` holds the last result of each work."""

    work: str = ""
    phase: str = ""
    files_done: int = 0
    files_total: int = 0
    bytes_done: int = 0
    bytes_total: int = 0
    rate: float = 0.0
    seconds_left: float | None = None
    pulled: bool = False
    unsaved: int = 0
    doubt: str = ""
    saved: str | None = None
    last: Mapping[str, Result] = field(default_factory=dict)
    questions: Sequence[Mapping[str, Any]] = ()
    alarms: Sequence[str] = ()
    seal: Mapping[str, Any] | None = None


def agent_status(shell: Shell, seconds: float = 30.0) -> AgentStatus:
    """Ask it, for so long. Raises CommandFailed where there is no agent, TemporaryError where no machine answers."""
    told: Mapping[str, Any] = json.loads(shell.run([AGENT_COMMAND, "status", "--json"], timeout=seconds).stdout)
    known = {name: value for name, value in told.items() if name in AgentStatus.__dataclass_fields__}
    known["last"] = {work: _result(result) for work, result in (told.get("last") or {}).items() if result}
    return AgentStatus(**known)


def read_seal(shell: Shell) -> Mapping[str, Any]:
    """The seal that lies on the volume, empty if there is none. (What the agent says of itself may be older.)"""
    try:
        seal = json.loads(shell.run(["cat", f"{WHOLE}/{AGENT_FOLDER}/{SEAL}"], expect=range(128)).stdout)
    except ValueError:
        return {}
    return seal if isinstance(seal, dict) else {}


def run_work(services: Services, record: Record, work: str) -> Result:
    """Start a work, or attach to the one that runs, report its progress, and return how it ended.

    Raises the error that its exit code stands for; files that could not be saved (NotAllSaved) are the caller's affair.
    """
    shell = services.connect(record)
    before = agent_status(shell).last.get(work)
    going = is_running(shell, work)
    services.progress.say(f"{work}: attached to what runs already" if going else f"{work}: started")
    if not going:
        shell.run(["systemctl", "start", "--no-block", unit(work)])
    _follow(services, shell, work)
    return _checked(before, agent_status(shell).last.get(work), work)


def unit(work: str) -> str:
    """The systemd unit that does a work."""
    return f"scipion-data@{work}.service"


def progress_line(status: AgentStatus) -> str:
    """Such as `copying: 12 of 400 files, 1.5 of 80.0 GB, 50 MB/s, 26 min left`."""
    parts = [f"{status.files_done} of {status.files_total} files"] if status.files_total else []
    if status.bytes_total:
        parts.append(f"{status.bytes_done / 1e9:.1f} of {status.bytes_total / 1e9:.1f} GB")
    if status.rate:
        parts.append(f"{status.rate / 1e6:.0f} MB/s")
    if status.seconds_left is not None:
        parts.append(f"{status.seconds_left / 60:.0f} min left")
    return f"{status.phase or 'working'}{': ' if parts else ''}{', '.join(parts)}"


def _follow(services: Services, shell: Shell, work: str) -> None:
    """Report what a work does until it has ended."""
    clock = services.clock
    began = spoken = clock.monotonic()
    while _patiently(services, lambda: is_running(shell, work)):
        if clock.monotonic() - spoken >= WORD_SECONDS:
            line = progress_line(_patiently(services, lambda: agent_status(shell)))
            services.progress.say(f"{work}: {line} ({clock.monotonic() - began:.0f} s)")
            spoken = clock.monotonic()
        clock.sleep(POLL_SECONDS)


def _patiently(services: Services, question: Callable[[], T]) -> T:
    """Ask again while the machine does not answer: a copy of hours must not end with one lost connection."""
    end = services.clock.monotonic() + SILENT_SECONDS
    while True:
        try:
            return question()
        except TemporaryError:
            if services.clock.monotonic() > end:
                raise
            services.clock.sleep(POLL_SECONDS)


def is_running(shell: Shell, work: str) -> bool:
    """Whether a work's unit runs, or is about to. (Of a unit that has ended, systemd may forget all else.)"""
    told = shell.run(["systemctl", "show", *_SHOWN, unit(work)]).stdout
    values = dict(line.split("=", 1) for line in told.splitlines() if "=" in line)
    return values.get("Job", "") not in ("", "0") or values.get("ActiveState") in _GOING


def _checked(before: Result | None, result: Result | None, work: str) -> Result:
    if result is None or (before is not None and before.run == result.run):  # skipped, or killed before it could speak
        raise PermanentError(f"{work} ended without a result", f"see `journalctl -u {unit(work)}` on the machine")
    if result.code in (DONE, SOME_FAILED):
        return result
    raise error_of(result)


def error_of(result: Result) -> ScipionError:
    """The error that a result stands for."""
    what = f"{result.work}: {result.message or f'failed (exit code {result.code})'}"
    if result.code == TEMPORARY:
        return TemporaryError(what, result.next, retry_after=10.0)
    return ERRORS.get(result.code, PermanentError)(what, result.next)


def _result(told: Mapping[str, Any]) -> Result:
    return Result(**{name: value for name, value in told.items() if name in Result.__dataclass_fields__})
