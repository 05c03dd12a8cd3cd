"""What is known of a workflow and of a project without asking Scipion: files, databases, decisions."""

from __future__ import annotations

import fcntl
import json
import os
import re
import sqlite3
import time
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from workflow_process import Step, began, cause, is_alive, process_of

OK, UNFINISHED, USAGE, DROPPED, MISFIT, MISSING = range(6)
ACTIVE = frozenset({"launched", "running", "scheduled"})
INTERACTIVE = "interactive"
"""Scipion's word for a step that waits for a person."""
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]*")  # what Scipion leaves unchanged
_DEAD = re.compile(r"Process \S+ not found running")  # Scipion's words for a process that was killed, and ours


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
    """A protocol of a project. `status` is Scipion's word; `error` is empty unless it failed.

    `since` is when its process began (ISO 8601, UTC), empty unless one lives.
    """

    id: str
    label: str
    class_name: str
    status: str
    error: str
    since: str = ""

    def row(self) -> dict[str, str]:
        """As it is reported."""
        return {("class" if key == "class_name" else key): value for key, value in asdict(self).items()}


@dataclass(frozen=True)
class Turn:
    """What decides whether a protocol's turn has come. `streams`: it can work on inputs that still grow.

    `mine`: it is a step of the project file; `begun`: this program has started it, now or in an earlier run.
    """

    status: str
    parents: Collection[str] = ()
    streams: bool = False
    growing: bool = False
    interrupted: bool = False
    mine: bool = True
    begun: bool = False

    @property
    def waits(self) -> bool:
        """Whether it is ours to start: a step of the project file that never began, or died after we had started it.

        All others are the user's: his own boxes, and those of the workflow that he has started or reset himself.
        """
        return self.mine and (self.interrupted if self.begun else self.status == "saved")


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


def unknown(states: Sequence[State], known: Collection[str]) -> list[State]:
    """Protocols of a project whose class no plugin here has: Scipion shows them, and cannot run or change them."""
    return [state for state in states if state.class_name not in known]


def lacks(states: Sequence[State], wanted: Sequence[Wanted]) -> list[str]:
    """Classes that the workflow has and the project has not (or not as often)."""
    missing = Counter(w.class_name for w in wanted) - Counter(s.class_name for s in states)
    return sorted(missing.elements())


def was_killed(state: State) -> bool:
    """Whether a protocol's process was killed before it could say so, whoever has noticed."""
    return state.status == "failed" and bool(_DEAD.match(state.error))


def ready(turns: Mapping[str, Turn], started: Collection[str]) -> list[str]:
    """Protocols to start now: those that wait for us, whose inputs are complete, or grow and can be used growing."""

    def fed(turn: Turn) -> bool:
        parents = [turns[parent] for parent in turn.parents if parent in turns]
        return all(p.status == "finished" or (turn.streams and p.growing and p.status in ACTIVE) for p in parents)

    return [name for name, turn in turns.items() if turn.waits and name not in started and fed(turn)]


def is_busy(turns: Mapping[str, Turn]) -> bool:
    """Whether something runs that is ours, or that one of ours waits for; the user's other work is not our matter."""
    ours = {name for name, turn in turns.items() if turn.mine}
    ours |= {one for name, turn in turns.items() if turn.waits for one in _above(turns, name)}
    return any(turns[name].status in ACTIVE for name in ours)


def awaited(turns: Mapping[str, Turn]) -> list[str]:
    """Steps that a person must finish before others can go on, which nothing else keeps from it for ever."""
    found: set[str] = set()
    for name, turn in turns.items():
        if turn.waits:
            above = _above(turns, name)
            if all(turns[one].status in {"finished", INTERACTIVE} or turns[one].waits for one in above):
                found |= {one for one in above if turns[one].status == INTERACTIVE}
    return [name for name in turns if name in found]


def _above(turns: Mapping[str, Turn], name: str) -> set[str]:
    """All that a step depends on, directly or not."""
    found: set[str] = set()
    following = [name]
    while following:
        new = {parent for parent in turns[following.pop()].parents if parent in turns} - found
        found |= new
        following += new
    return found


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
def locked(name: str, work: str) -> Iterator[None]:
    """One `work` at a time for each project; the lock ends with the process.

    Making a project and running it have locks of their own: what is there can be looked at while it runs.
    """
    with (own_folder() / f"{name}.{work}.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Refused(MISFIT, f"another scipion-workflow {work} works on {name}") from error
        yield


_STATES = """
SELECT o.id, o.label, o.classname, s.value, COALESCE(e.value, ''), COALESCE(w.value, ''), COALESCE(p.value, 0)
FROM Objects o JOIN Objects s ON s.parent_id = o.id AND s.name = o.id || '.status'
LEFT JOIN Objects e ON e.parent_id = o.id AND e.name = o.id || '._error'
LEFT JOIN Objects w ON w.parent_id = o.id AND w.name = o.id || '.workingDir'
LEFT JOIN Objects p ON p.parent_id = o.id AND p.name = o.id || '._pid'
WHERE o.parent_id IS NULL ORDER BY o.id"""


def read_rows(database: Path) -> list[tuple[State, str, int]]:
    """Protocols in a project's (or run's) database, each with its folder and the number of its process (0: none)."""
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=10)) as connection:
        rows = connection.execute(_STATES).fetchall()
    return [(State(str(row[0]), row[1] or "", row[2], row[3] or "new", row[4]), row[5], int(row[6])) for row in rows]


def read_states(folder: Path) -> list[State]:
    """State of every protocol; that of an active one comes from its own database, which is newer than the project's.

    One whose process does not live is failed, with the reason, whatever the databases say.
    """
    return [_true_state(folder, *row) for row in read_rows(folder / "project.sqlite")]


def newly_dead(folder: Path) -> dict[str, State]:
    """Protocols, by id, that are active for Scipion though their process is gone, as they truly are."""
    stored = {state.id for state, _, _ in read_rows(folder / "project.sqlite") if state.status in ACTIVE}
    return {state.id: state for state in read_states(folder) if state.id in stored and was_killed(state)}


def _true_state(folder: Path, state: State, working: str, pid: int) -> State:
    if state.status not in ACTIVE:
        return state
    step = Step(folder, working, (pid,))
    if step.database.is_file():
        own = {other.id: (other, number) for other, _, number in read_rows(step.database)}
        state, number = own.get(state.id, (state, pid))
        step = replace(step, pids=(pid, number))
    if state.status not in ACTIVE:
        return state
    if process := process_of(step):
        return replace(state, since=began(process))
    return state if is_alive(step, state.status, time.time()) else replace(state, status="failed", error=told(step))


def told(step: Step) -> str:
    """What is said of a step whose process is gone; it begins as Scipion says it."""
    return f"Process {step.pids[-1]} not found running: {cause(step)}. Run the step again."


def projects() -> list[Path]:
    """Folders of all projects."""
    return sorted(path.parent.resolve() for path in (user_data() / "projects").glob("*/project.sqlite"))


def existing(name: str) -> Path:
    """Folder of a project that exists; raises Refused."""
    folder = project_folder(name).resolve()
    if not (folder / "project.sqlite").is_file():
        raise Refused(MISFIT, f"there is no project {name}")
    return folder
