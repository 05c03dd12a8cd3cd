"""Ending all that may write to the working copy, and letting it write again."""

from __future__ import annotations

from cloudify_scipion.errors import NotSealed, ScipionError
from cloudify_scipion.lifecycle.data import TIMERS
from cloudify_scipion.lifecycle.desktop import SERVICES
from cloudify_scipion.lifecycle.facts import TARGET
from cloudify_scipion.lifecycle.mounts import is_read_only, make_read_only
from cloudify_scipion.lifecycle.ports import Services, Shell
from cloudify_scipion.lifecycle.record import Record
from cloudify_scipion.lifecycle.scipion_project import run_workflow, unit

QUIESCE = "/usr/local/sbin/scipion-data-quiesce"
_ANY = range(128)


def end_writers(services: Services, record: Record) -> None:
    """Stop whatever works on the data, then let nobody write. Raises NotSealed naming who still does."""
    shell = services.connect(record)
    services.progress.say("ending everything that works on the data")
    for units in (TIMERS, tuple(reversed(SERVICES)), (unit(record),)):
        shell.run(["systemctl", "stop", *units], timeout=120, expect=_ANY)
    left = shell.run([QUIESCE], timeout=120, expect=_ANY)
    if left.code != 0:
        raise NotSealed(f"processes of the user cannot be ended: {(left.stdout or left.stderr).strip()}", _LOOK)
    told = make_read_only(shell)
    if not is_read_only(shell):
        raise NotSealed(f"something still writes to {TARGET}: {_open_files(shell) or told}", _LOOK)


def start_writers(services: Services, record: Record) -> None:
    """Start again what `end_writers` stopped, apart from the agent."""
    if "desktop" in record.settings:
        services.connect(record).run(["systemctl", "start", *SERVICES], expect=_ANY)
    if "workflow" in record.settings:
        run_workflow(services, record, wait_minutes=0)


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
