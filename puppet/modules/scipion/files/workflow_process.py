"""Whether a step's process lives: what Scipion has written is compared with what the kernel knows."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

PROC = Path("/proc")
GRACE_SECONDS = 60.0
"""So long a step may be launched or scheduled before its process has said its number."""
FULL_PERCENT = 99
_BIRTH = 19
"""Place of a process's start in /proc/PID/stat, counted after its name."""
_TAIL, _SAME_RUN_SECONDS = 20_000, 60.0
LOGS, _DEPTH = ("run.stdout", "run.stderr"), 4
"""Logs of a step, and how far below the project: Runs/STEP/logs/run.stdout."""
_GONE = " (deleted)"
"""What the kernel adds to the name of a file that is open and gone, as after Scipion's Reset."""
_BEGINNING = "Logging configured."
"""What each run of a step writes first."""
_WORDS = [os.strerror(errno.ENOSPC), os.strerror(errno.EDQUOT), "database or disk is full", "disk I/O error"]
_FULL = re.compile("|".join(map(re.escape, _WORDS)), re.IGNORECASE)


@dataclass(frozen=True)
class Step:
    """A step of a project as its databases have it: `working` is its folder below `project`, `pid` what is written.

    `queued`: it asks for a queue.
    """

    project: Path
    working: str
    pid: int = 0
    queued: bool = False

    @property
    def database(self) -> Path:
        """The step's own database."""
        return self.project / self.working / "logs" / "run.db"


class Started:
    """The processes that Scipion has started for steps and that live now.

    They are known by their command lines, which name project and database of the step one after the other, and by the
    folder that they work in, since a project may be renamed while they run. A program that a step has called is known
    by its standard output, which is the step's log: it may live on, and write, when Scipion's own process was killed.
    A number that is written somewhere proves nothing: after a restart, or on another machine, it is somebody else's.
    """

    def __init__(self, proc: Path = PROC) -> None:
        self._found: dict[tuple[str, str], list[int]] = {}
        self._called: dict[tuple[str, str], list[int]] = {}
        for entry in proc.iterdir():
            if entry.name.isdecimal():
                keys = [*_started(entry, command_line(int(entry.name), proc))]
                for key in keys:
                    self._found.setdefault(key, []).append(int(entry.name))
                for key in () if keys else _logged(entry):
                    self._called.setdefault(key, []).append(int(entry.name))

    def of(self, step: Step) -> list[int]:
        """Numbers of the step's processes, Scipion's own first, then the oldest first as far as numbers tell.

        None if it does not run.
        """
        return sorted(self._found.get(_key(step), [])) + self._programs(step)

    def left_alone(self, step: Step) -> list[int]:
        """Numbers of the programs that a step has called and that live though Scipion's own process is gone."""
        return [] if _key(step) in self._found else self._programs(step)

    def _programs(self, step: Step) -> list[int]:
        return sorted(self._called.get(_key(step), []))

    def others(self, known: Iterable[Step]) -> list[tuple[Step, list[int]]]:
        """Steps that run and are none of those: of a project that cannot be read, or lies elsewhere."""
        keys = {_key(step) for step in known}
        rest = ((key, sorted(pids)) for key, pids in sorted(self._found.items()) if key not in keys)
        return [(Step(Path(project), str(Path(database).parents[1])), pids) for (project, database), pids in rest]


def _key(step: Step) -> tuple[str, str]:
    return os.path.realpath(step.project), f"{step.working}/logs/run.db"


def _started(process: Path, words: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Project and database of the steps for which Scipion has started a process."""
    for named, database in _named(words):
        yield _project(named, database, process), database


def _logged(process: Path) -> set[tuple[str, str]]:
    """Project and database of the step in whose log a process writes what it says."""
    found = set()
    for number in (1, 2):
        with suppress(OSError):
            log = Path(str((process / f"fd/{number}").readlink()).removesuffix(_GONE))
            if log.name in LOGS and log.parent.name == "logs" and len(log.parents) > _DEPTH:
                project = log.parents[_DEPTH - 1]
                found.add((str(project), str(log.with_name("run.db").relative_to(project))))
    return found


def _named(words: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Project and database that a command line names."""
    for project, database in pairwise(words):
        if project.startswith("/") and database.endswith("/logs/run.db") and not database.startswith("/"):
            yield project, database


def _project(named: str, database: str, process: Path) -> str:
    """Where a process's project is now: the folder above that it works in which has the database, or that it names."""
    try:
        here = (process / "cwd").readlink()
    except OSError:
        return os.path.realpath(named)
    found = (folder for folder in (here, *here.parents) if (folder / database).is_file())
    return str(next(found, os.path.realpath(named)))


def is_starting(step: Step, status: str, now: float, proc: Path = PROC) -> bool:
    """Whether a step without a process may get one yet (`now` in seconds since 1970)."""
    written = _written(step)
    is_young = written > _machine_start(proc) and now - written < GRACE_SECONDS
    return is_young and status in ("launched", "scheduled")


def began(pid: int, proc: Path = PROC) -> str:
    """When a process began, in ISO 8601 and UTC; empty where that is not known."""
    seconds = _start(pid, proc)
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds") if seconds else ""


def cause(step: Step, proc: Path = PROC) -> str:
    """Why the step's process is gone, as far as that can be seen, for people."""
    if step.queued:
        return "it asked for a queue, and this machine has none. Take 'Use a queue' off"
    if any(_FULL.search(text) for text in _last_words(step)):
        return "the disk was full"
    if _written(step) < _machine_start(proc):
        return "the machine was started again, or is another one, since it ran"
    if percent_used(step.project) >= FULL_PERCENT:
        return "the disk is full"
    return "it was ended from outside, perhaps for want of memory"


def percent_used(path: Path) -> int:
    """How much of a file system is in use, of its room or of the files that it can hold, rounded up."""
    found = os.statvfs(path)
    room = found.f_blocks - found.f_bfree, found.f_bavail
    files = found.f_files - found.f_ffree, found.f_favail
    return max(-(-used * 100 // max(1, used + left)) for used, left in (room, files))


def command_line(pid: int, proc: Path = PROC) -> list[str]:
    """Words of a process's command; none if there is no process, or if it is dead and only not collected yet."""
    try:
        return os.fsdecode((proc / f"{pid}/cmdline").read_bytes()).split("\0")
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return []


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


def _last_words(step: Step) -> Iterator[str]:
    """The ends of the step's logs; what an earlier run has written in them does not count."""
    logs = [step.database.with_name(name) for name in LOGS]
    times = {log: log.stat().st_mtime for log in logs if log.is_file()}
    for log, time in times.items():
        if time > max(times.values()) - _SAME_RUN_SECONDS:
            with log.open("rb") as file:
                file.seek(max(0, log.stat().st_size - _TAIL))
                yield file.read().decode(errors="replace").rpartition(_BEGINNING)[2]
