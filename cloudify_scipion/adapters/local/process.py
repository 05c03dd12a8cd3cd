"""Processes, told apart from later ones that were given the same number."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

POLL_SECONDS = 0.05


@dataclass(frozen=True)
class Process:
    """A process: its number, and its start time in clock ticks since the host's boot."""

    pid: int
    start: int


def parse_stat(text: str) -> tuple[str, int] | None:
    """State letter and start time out of /proc/PID/stat; the command's name in it may hold anything."""
    fields = text.rpartition(")")[2].split()
    return (fields[0], int(fields[19])) if len(fields) > 19 else None


def parse_namespace_pids(status: str) -> list[int]:
    """Numbers of a process in its PID namespaces, outermost first, out of /proc/PID/status."""
    for line in status.splitlines():
        if line.startswith("NSpid:"):
            return [int(word) for word in line.split()[1:]]
    return []


def identify(pid: int) -> Process | None:
    """The living process of that number, or None; a zombie is not living."""
    stat = parse_stat(_read(f"/proc/{pid}/stat"))
    return Process(pid, stat[1]) if stat is not None and stat[0] not in "ZX" else None


def alive(process: Process) -> bool:
    """Whether this very process still lives."""
    return identify(process.pid) == process


def is_namespace_init(pid: int) -> bool:
    """Whether a process is the first one of a PID namespace directly below ours."""
    return _inner_pids(pid)[:1] == [1]


def is_in_our_namespace(pid: int) -> bool:
    """Whether a process is in our own PID namespace, not in a container."""
    return not _inner_pids(pid)


def _inner_pids(pid: int) -> list[int]:
    depth = len(parse_namespace_pids(_read("/proc/self/status")))
    return parse_namespace_pids(_read(f"/proc/{pid}/status"))[depth:]


def process_words(pid: int) -> bytes:
    """The command line of a process, its words ended by NUL; empty if it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def send(process: Process, number: int) -> bool:
    """Signal this very process, never another that took its number. False if it is gone."""
    try:
        handle = os.pidfd_open(process.pid)
    except ProcessLookupError:
        return False
    try:
        if not alive(process):
            return False
        signal.pidfd_send_signal(handle, number)
    except ProcessLookupError:
        return False
    finally:
        os.close(handle)
    return True


def wait_gone(processes: Iterable[Process], seconds: float) -> bool:
    """Wait until none of them lives, at most `seconds`. True if so."""
    waiting = list(processes)
    deadline = time.monotonic() + seconds
    while waiting := [process for process in waiting if alive(process)]:
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_SECONDS)
    return True


def _read(path: str) -> str:
    try:
        return Path(path).read_text(errors="replace")
    except OSError:
        return ""
