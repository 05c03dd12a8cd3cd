"""Ending all that may write to the working copy, and letting it write again."""

from __future__ import annotations

from cloudify_scipion.errors import NotSealed, ScipionError
from cloudify_scipion.lifecycle.closing import is_read_only, keep_watch, make_read_only, watch
from cloudify_scipion.lifecycle.layout import DESKTOP_UNITS, QUIESCE, SAVING_UNITS, TARGET
from cloudify_scipion.lifecycle.ports import Services, Shell
from cloudify_scipion.lifecycle.record import Record
from cloudify_scipion.lifecycle.scipion_project import run_workflow, unit

_ANY = range(128)


def end_writers(services: Services, record: Record) -> None:
    """Stop whatever works on the data, then let nobody write. Raises NotSealed naming who still does.

    The machine starts all of it again by itself if we are killed and nobody comes back, unless there is a seal by then.
    """
    shell = services.connect(record)
    services.progress.say("ending everything that works on the data")
    watch(shell, _to_start_again(shell, record))
    for units in (SAVING_UNITS, tuple(reversed(DESKTOP_UNITS)), (unit(record),)):
        shell.run(["systemctl", "stop", *units], timeout=120, expect=_ANY)
    left = shell.run([QUIESCE], timeout=120, expect=_ANY)
    if left.code != 0:
        raise NotSealed(f"processes of the user cannot be ended: {(left.stdout or left.stderr).strip()}", _LOOK)
    keep_watch(shell)
    told = make_read_only(shell)
    if not is_read_only(shell):
        raise NotSealed(f"something still writes to {TARGET}: {_open_files(shell) or told}", _LOOK)


def start_writers(services: Services, record: Record) -> None:
    """Start again what `end_writers` stopped, apart from the agent."""
    if "desktop" in record.settings:
        services.connect(record).run(["systemctl", "start", *DESKTOP_UNITS], expect=_ANY)
    if "workflow" in record.settings:
        run_workflow(services, record, wait_minutes=0)


def _to_start_again(shell: Shell, record: Record) -> list[str]:
    """Units that a broken-off seal leaves stopped: the agent's, the desktop's, and the workflow's if it runs."""
    state = shell.run(["systemctl", "is-active", unit(record)], expect=_ANY).stdout.strip()
    desktop = DESKTOP_UNITS if "desktop" in record.settings else ()
    return [*SAVING_UNITS, *desktop, *([unit(record)] if state in ("active", "activating") else [])]


def _open_files(shell: Shell) -> str:
    """Which processes have files of the working copy open, for a message."""
    words = [
        "find",
        "/proc",
        "-maxdepth",
        "3",
        "-path",
        "/proc/[0-9]*/fd/*",
        "-lname",
        f"{TARGET}/*",
        "-printf",
        "%h %l\n",
    ]
    try:
        found = shell.run(words, expect=_ANY).stdout.splitlines()
    except ScipionError:
        return ""
    return "; ".join(line.replace("/proc/", "process ").replace("/fd ", " has ") for line in found[:5])


_LOOK = "end it on the machine, then uninstall again"
