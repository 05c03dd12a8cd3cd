"""Whether a step's process lives: what Scipion has written is compared with what the kernel knows."""

from __future__ import annotations

import errno
import os
import re
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

PROC = Path("/proc")
GRACE_SECONDS = 60.0
"""So long a step may be launched or scheduled before its process has said its number."""
FULL_PERCENT = 99
_BIRTH = 19
"""Place of a process's start in /proc/PID/stat, counted after its name."""
_TAIL = 20_000
_WORDS = [os.strerror(errno.ENOSPC), os.strerror(errno.EDQUOT), "database or disk is full", "disk I/O error"]
_FULL = re.compile("|".join(map(re.escape, _WORDS)), re.IGNORECASE)


@dataclass(frozen=True)
class Step:
    """A step of a project as its databases have it: `working` is its folder below `project`, `pids` what is written."""

    project: Path
    working: str
    pids: tuple[int, ...] = ()

    @property
    def database(self) -> Path:
        """The step's own database."""
        return self.project / self.working / "logs" / "run.db"


def process_of(step: Step, proc: Path = PROC) -> int:
    """The number of the step's process, 0 if none of those written is one of Scipion's that works on this step.

    A number alone proves nothing: after a restart, or on another machine, it is somebody else's. Scipion names project
    and database of the step on each command line.
    """
    named = re.compile(rf"(?<![\w-]){re.escape(step.project.name)}(?![\w-])")
    for pid in step.pids:
        line = command_line(pid, proc)
        if named.search(line) and f"{step.working}/logs/run.db" in line:
            return pid
    return 0


def is_alive(step: Step, status: str, now: float, proc: Path = PROC) -> bool:
    """Whether an active step's process lives, or may not have said its number yet (`now` in seconds since 1970)."""
    if process_of(step, proc):
        return True
    written = _written(step)
    is_young = written > _machine_start(proc) and now - written < GRACE_SECONDS
    return is_young and status in ("launched", "scheduled")


def began(pid: int, proc: Path = PROC) -> str:
    """When a process began, in ISO 8601 and UTC; empty where that is not known."""
    seconds = _start(pid, proc)
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds") if seconds else ""


def cause(step: Step, proc: Path = PROC) -> str:
    """Why the step's process is gone, as far as that can be seen, for people."""
    for log in ("run.stderr", "run.stdout"):
        if _FULL.search(_tail(step.project / step.working / "logs" / log)):
            return "the disk was full"
    if _written(step) < _machine_start(proc):
        return "the machine was started again, or is another one, since it ran"
    if percent_used(step.project) >= FULL_PERCENT:
        return "the disk is full"
    return "it was ended from outside, perhaps for want of memory"


def percent_used(path: Path) -> int:
    """How much of a file system is in use, rounded up."""
    usage = shutil.disk_usage(path)
    return -(-usage.used * 100 // max(1, usage.used + usage.free))


def command_line(pid: int, proc: Path = PROC) -> str:
    """Command line of a process; empty if there is none, or if it is dead and only not collected yet."""
    try:
        return (proc / f"{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace") if pid > 0 else ""
    except (FileNotFoundError, ProcessLookupError):
        return ""


def _machine_start(proc: Path) -> float:
    """When this machine was started (the first process, since a container has the kernel of its host)."""
    return _start(1, proc)


def _start(pid: int, proc: Path) -> float:
    try:
        fields = (proc / f"{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
        boot = re.search(r"^btime (\d+)$", (proc / "stat").read_text(), re.M)
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    return int(boot[1]) + int(fields[_BIRTH]) / os.sysconf("SC_CLK_TCK") if boot else 0.0


def _written(step: Step) -> float:
    try:
        return step.database.stat().st_mtime
    except OSError:
        return 0.0


def _tail(path: Path) -> str:
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - _TAIL))
            return file.read().decode(errors="replace")
    except OSError:
        return ""
