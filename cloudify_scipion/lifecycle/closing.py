"""Whether the user may write: the mount of the working copy, and the machine's own watch that opens it again."""

from __future__ import annotations

from collections.abc import Sequence

from cloudify_scipion.lifecycle.layout import REOPEN_TIMER, REOPEN_UNITS, TARGET
from cloudify_scipion.lifecycle.ports import Shell

_ANY = range(128)


def watch(shell: Shell, units: Sequence[str]) -> None:
    """Before the first of `units` is stopped: have them started again, should nobody come back to do it."""
    keep_watch(shell)
    listed = [*dict.fromkeys([*listed_units(shell), *units])]
    shell.run(
        ["install", "-D", "-m", "0600", "/dev/stdin", REOPEN_UNITS], stdin="".join(f"{u}\n" for u in listed).encode()
    )


def keep_watch(shell: Shell) -> None:
    """The ten minutes begin again. (A machine that was made by an older version has no such watch.)"""
    shell.run(["systemctl", "restart", REOPEN_TIMER], expect=_ANY)


def listed_units(shell: Shell) -> list[str]:
    """What an earlier attempt has stopped, and nobody has started since."""
    return shell.run(["cat", REOPEN_UNITS], expect=_ANY).stdout.split()


def end_watch(shell: Shell) -> None:
    """All is open again."""
    shell.run(["systemctl", "stop", REOPEN_TIMER], expect=_ANY)
    shell.run(["rm", "-f", REOPEN_UNITS])


def make_writable(shell: Shell) -> None:
    """Let the user write through it again. The caller has taken the seal away."""
    shell.run(["mount", "-o", "remount,bind,rw", TARGET])


def is_read_only(shell: Shell) -> bool:
    """Whether the mount of the working copy is read-only, as the kernel says."""
    options = shell.run(["findmnt", "-n", "-o", "OPTIONS", "--mountpoint", TARGET]).stdout
    return "ro" in options.strip().split(",")


def make_read_only(shell: Shell) -> str:
    """Let nobody write through it any more; returns what the kernel has against it."""
    return shell.run(["mount", "-o", "remount,bind,ro", TARGET], expect=range(128)).stderr.strip()
