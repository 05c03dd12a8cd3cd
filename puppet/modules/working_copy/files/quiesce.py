#!/usr/bin/python3 -IB
"""Ends every process of one user: `scipion-data-quiesce [UID]`, by default the `user` of the agent's configuration.

Processes are found in /proc by the numbers that the kernel knows of each of their threads (real, effective, saved, file
system), never by a name. They get TERM, those that are left after ten seconds get KILL, new ones as well. Exit codes: 0
none is left, 1 some are, and they are named, 2 wrong use.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

CONFIG = Path("/etc/scipion-data/config.json")
PROC = Path("/proc")
PATIENCE = 10.0
LIMIT = 30.0
"""Seconds until KILL, and until we give up."""
LISTS = 100
"""So often /proc is listed at most, where there is always something new in it."""
FIRST_USER = 1000
"""Numbers below are the system's."""
DEAD = frozenset("ZX")


class Process(NamedTuple):
    """A process, with what the kernel says of one of its threads that is alive."""

    pid: int
    name: str
    state: str


class WrongUse(Exception):
    """What is wrong with how we were called."""


def parse_status(text: str) -> tuple[str, str, frozenset[int]]:
    """Name, state (a letter) and user numbers of a thread, from the text of /proc/PID/task/TID/status."""
    fields = dict(line.split(":\t", 1) for line in text.splitlines() if ":\t" in line)
    return fields["Name"], fields["State"][:1], frozenset(map(int, fields["Uid"].split()))


def look(pid: int, uid: int, proc: Path = PROC) -> Process | None:
    """The process, if a thread of it is alive and belongs to the user. A leader may be dead while others go on."""
    for text in _statuses(proc / str(pid) / "task"):
        name, state, uids = parse_status(text)
        if uid in uids and state not in DEAD:
            return Process(pid, name, state)
    return None


def processes_of(uid: int, proc: Path = PROC) -> list[Process]:
    """All processes of the user.

    One that forks and ends again and again is in no list by the time that this was read: so only when a list names
    nothing that was not looked at, nothing was missed.
    """
    found: list[Process] = []
    seen: set[int] = set()
    for _ in range(LISTS):
        new = {int(entry.name) for entry in proc.iterdir() if entry.name.isdigit()} - seen
        if not new:
            break
        seen |= new
        found += [process for pid in sorted(new) if (process := look(pid, uid, proc))]
    return found


def send(pid: int, uid: int, number: int) -> None:
    """Signal a process if it is still the user's: the number of one that has ended may be another's by now."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        if look(pid, uid):
            signal.pidfd_send_signal(handle, number)
    except ProcessLookupError:
        pass
    finally:
        os.close(handle)


def quiesce(
    find: Callable[[], list[Process]],
    tell: Callable[[int, int], None],
    monotonic: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> list[Process]:
    """End all that `find` finds; returns those that are left after all."""
    began = monotonic()
    asked: set[int] = set()
    while True:
        # Twice: what is forked while one list is made may be missing in it.
        left = find() or find()
        passed = monotonic() - began
        if not left or passed > LIMIT:
            return left
        for process in left:
            if passed > PATIENCE:
                tell(process.pid, signal.SIGKILL)
            elif process.pid not in asked:
                asked.add(process.pid)
                tell(process.pid, signal.SIGTERM)
        sleep(0.05)


def wanted(words: Sequence[str], config: Path = CONFIG) -> int:
    """The user's number: the one that was given, or the configuration's."""
    if len(words) > 1:
        raise WrongUse("give one number of a user, or none")
    try:
        uid = int(words[0]) if words else int(json.loads(config.read_text(encoding="utf-8"))["user"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise WrongUse(f"whose processes? Give the user's number ({config}: {error})") from error
    if uid < FIRST_USER:
        raise WrongUse(f"{uid} is a user of the system, whose processes are not ended")
    return uid


def main(words: Sequence[str]) -> int:
    """Do it, and say what is left."""
    try:
        if os.geteuid() != 0:
            raise WrongUse("only root may end the processes of others")
        uid = wanted(words)
        if uid in parse_status((PROC / "self/status").read_text(encoding="utf-8", errors="replace"))[2]:
            raise WrongUse(f"this process is one of {uid}'s itself")
    except WrongUse as wrong:
        print(f"scipion-data-quiesce: {wrong}", file=sys.stderr)
        return 2
    left = quiesce(lambda: processes_of(uid), lambda pid, number: send(pid, uid, number))
    for process in left:
        print(f"process {process.pid} ({process.name}, state {process.state}) of user {uid} is left", file=sys.stderr)
    return 1 if left else 0


def _statuses(tasks: Path) -> Iterator[str]:
    try:
        threads = list(tasks.iterdir())
    except (FileNotFoundError, NotADirectoryError, ProcessLookupError):
        return
    for thread in threads:
        try:
            yield (thread / "status").read_text(encoding="utf-8", errors="replace")
        except (FileNotFoundError, ProcessLookupError):
            continue


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
