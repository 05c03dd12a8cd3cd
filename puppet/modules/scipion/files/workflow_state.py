"""What is known of a workflow and of a project without asking Scipion: files, databases, decisions."""

from __future__ import annotations

import fcntl
import json
import os
import re
import sqlite3
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

OK, UNFINISHED, USAGE, DROPPED, MISFIT = 0, 1, 2, 3, 4
ACTIVE = frozenset({"launched", "running", "scheduled"})
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]*")  # what Scipion leaves unchanged
_DEAD = re.compile(r"Process \S+ not found running")  # Scipion's words for a process that was killed


class Refused(Exception):
    """What was asked cannot be done; carries the exit status."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class Wanted:
    """A protocol of a workflow file."""

    id: str
    class_name: str
    label: str

    def row(self) -> dict[str, str]:
        """As it is reported."""
        return {"id": self.id, "class": self.class_name, "label": self.label}


@dataclass(frozen=True)
class State:
    """A protocol of a project. `status` is Scipion's word; `error` is empty unless it failed."""

    id: str
    label: str
    class_name: str
    status: str
    error: str

    def row(self) -> dict[str, str]:
        """As it is reported."""
        return {("class" if key == "class_name" else key): value for key, value in asdict(self).items()}


@dataclass(frozen=True)
class Turn:
    """What decides whether a protocol's turn has come. `streams`: it can work on inputs that still grow."""

    status: str
    parents: Collection[str] = ()
    streams: bool = False
    growing: bool = False
    interrupted: bool = False


def parse_workflow(text: str) -> list[Wanted]:
    """The protocols of an exported workflow, in order. Raises Refused if it is not one."""
    try:
        items = json.loads(text)
        if not isinstance(items, list):
            raise TypeError("not a list")
        return [Wanted(str(i["object.id"]), i["object.className"], i.get("object.label") or "") for i in items]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Refused(MISFIT, f"not a workflow as Scipion exports it: {error!r}") from error


def dropped(wanted: Sequence[Wanted], known: Collection[str]) -> list[Wanted]:
    """Protocols that Scipion would leave out without a word, because no plugin here has their class."""
    return [protocol for protocol in wanted if protocol.class_name not in known]


def lacks(states: Sequence[State], wanted: Sequence[Wanted]) -> list[str]:
    """Classes that the workflow has and the project has not (or not as often)."""
    missing = Counter(w.class_name for w in wanted) - Counter(s.class_name for s in states)
    return sorted(missing.elements())


def died(status: str, error: str, command_line: str, project: str) -> bool:
    """Whether a protocol's process was killed before it could say so.

    `command_line` is that of its recorded pid now (the pid may be another's), `project` the project's folder.
    """
    if status in ACTIVE:
        return project not in command_line
    return status == "failed" and bool(_DEAD.match(error))


def ready(turns: Mapping[str, Turn], started: Collection[str]) -> list[str]:
    """Protocols to start now: new or interrupted ones, whose inputs are complete, or grow and can be used growing."""

    def fed(turn: Turn) -> bool:
        parents = [turns[parent] for parent in turn.parents if parent in turns]
        return all(p.status == "finished" or (turn.streams and p.growing and p.status in ACTIVE) for p in parents)

    waiting = (name for name, turn in turns.items() if turn.status == "saved" or turn.interrupted)
    return [name for name in waiting if name not in started and fed(turns[name])]


def user_data() -> Path:
    """Folder of all projects and of this program's own files."""
    return Path(os.environ["SCIPION_USER_DATA"])


def project_folder(name: str) -> Path:
    """Where a project is; it need not exist."""
    if not _NAME.fullmatch(name):
        raise Refused(USAGE, f"not a name for a Scipion project: {name!r}")
    return user_data() / "projects" / name


def own_folder() -> Path:
    """Folder for locks and half-made projects, on the same file system as the projects."""
    folder = user_data() / ".scipion-workflow"
    folder.mkdir(mode=0o750, parents=True, exist_ok=True)
    return folder


@contextmanager
def locked(name: str) -> Iterator[None]:
    """One `create` or `run` at a time for each project; the lock ends with the process."""
    with (own_folder() / f"{name}.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Refused(MISFIT, f"another scipion-workflow works on {name}") from error
        yield


_STATES = """
SELECT o.id, o.label, o.classname, s.value, COALESCE(e.value, ''), COALESCE(w.value, '')
FROM Objects o JOIN Objects s ON s.parent_id = o.id AND s.name = o.id || '.status'
LEFT JOIN Objects e ON e.parent_id = o.id AND e.name = o.id || '._error'
LEFT JOIN Objects w ON w.parent_id = o.id AND w.name = o.id || '.workingDir'
WHERE o.parent_id IS NULL ORDER BY o.id"""


def read_rows(database: Path) -> list[tuple[State, str]]:
    """Protocols in a project's (or run's) database, each with its folder."""
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=10)) as connection:
        rows = connection.execute(_STATES).fetchall()
    return [(State(str(row[0]), row[1] or "", row[2], row[3] or "new", row[4]), row[5]) for row in rows]


def read_states(folder: Path) -> list[State]:
    """State of every protocol; that of an active one comes from its own database, which is newer than the project's."""
    states = []
    for state, working in read_rows(folder / "project.sqlite"):
        own = folder / working / "logs" / "run.db"
        if state.status in ACTIVE and own.is_file():
            newer = {other.id: other for other, _ in read_rows(own)}
            state = newer.get(state.id, state)
        states.append(state)
    return states


def command_line(pid: int) -> str:
    """Command line of a process; empty if there is none."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace") if pid else ""
    except FileNotFoundError:
        return ""


def existing(name: str) -> Path:
    """Folder of a project that exists; raises Refused."""
    folder = project_folder(name).resolve()
    if not (folder / "project.sqlite").is_file():
        raise Refused(MISFIT, f"there is no project {name}")
    return folder
