#!/usr/bin/python3 -IB
"""Opens the working copy again after a seal that was broken off. A timer runs it, which whoever closes it has started.

Whoever seals ends the user's programs and makes the working copy read-only. If he is killed before there is a seal,
nobody else would ever give the user his desktop back. A seal that was made stays as it is. Every work of the agent
holds one lock, the seal too: while that is held, this waits for the next time. Exit codes: 0 done, or to be asked again
later; 1 failed.
"""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

CONFIG = Path("/etc/scipion-data/config.json")
UNITS = Path("/run/scipion-data-reopen/units")
"""What was ended and is to be started again: names of units, root's own."""
TIMER = "scipion-data-reopen.timer"
PULL = "scipion-data@pull.service"
"""The work that takes the right to save again, which a seal gives back."""
BUSY, SEALED, OPEN = "a work goes on: asked again later", "it is sealed: nothing to do", "it is open again"

Run = Callable[[Sequence[str]], object]


def reopen(state: Path, user_path: Path, run: Run, is_read_only: Callable[[Path], bool]) -> str:
    """Make the working copy writable unless a work goes on or a seal was made; says what was found."""
    with _lock(state / "lock") as held:
        if not held:
            return BUSY
        if os.path.lexists(state / "seal.json"):
            return SEALED
        if is_read_only(user_path):
            run(["mount", "-o", "remount,bind,rw", str(user_path)])
        return OPEN


def main(
    config: Path = CONFIG,
    units: Path = UNITS,
    run: Run | None = None,
    is_read_only: Callable[[Path], bool] | None = None,
) -> int:
    """Do it, and start what was ended; then the timer is not needed any more."""
    run = run or _run
    try:
        known = json.loads(config.read_text(encoding="utf-8"))
        found = reopen(Path(known["state"]), Path(known["user_path"]), run, is_read_only or _is_read_only)
    except (OSError, ValueError, KeyError, TypeError, subprocess.CalledProcessError) as error:
        print(f"scipion-data-reopen: {error}", file=sys.stderr)
        return 1
    print(f"scipion-data-reopen: {found}")
    if found == OPEN:
        for unit in [PULL, *_listed(units)]:
            run(["systemctl", "start", "--no-block", unit])
    if found != BUSY:
        units.unlink(missing_ok=True)
        run(["systemctl", "stop", "--no-block", TIMER])
    return 0


@contextmanager
def _lock(path: Path) -> Iterator[bool]:
    """Whether no work of the agent goes on; none begins meanwhile."""
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except FileNotFoundError as error:
        raise OSError(f"the volume is not there: {error}") from error
    try:
        facts = path.parent.stat()
        os.fchown(handle, facts.st_uid, facts.st_gid)
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield True
    except BlockingIOError:
        yield False
    finally:
        os.close(handle)


def _listed(units: Path) -> list[str]:
    try:
        return units.read_text(encoding="utf-8").split()
    except FileNotFoundError:
        return []


def _is_read_only(path: Path) -> bool:
    return bool(os.statvfs(path).f_flag & os.ST_RDONLY)


def _run(argv: Sequence[str]) -> object:
    """A unit that cannot be started is in nobody's way; a mount that cannot be made writable is."""
    return subprocess.run(list(argv), check=argv[0] == "mount", timeout=60)


if __name__ == "__main__":
    sys.exit(main())
