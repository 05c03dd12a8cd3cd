"""What is known of a workflow and of a project without asking Scipion: files and databases."""

from __future__ import annotations

import json
import re
import sqlite3
import time
from collections import Counter
from collections.abc import Collection, Sequence
from contextlib import closing, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from workflow_places import MISFIT, Refused
from workflow_process import Started, Step, began, cause, is_starting

ACTIVE = frozenset({"launched", "running", "scheduled"})
INTERACTIVE = "interactive"
"""Scipion's word for a step that waits for a person."""
_DEAD = re.compile(r"Process \S+ not found running")  # Scipion's words for a process that was killed, and ours
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


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

    `since` is when its process began (ISO 8601, UTC), empty unless one lives; `outputs` names what it has given.
    """

    id: str
    label: str
    class_name: str
    status: str
    error: str
    since: str = ""
    outputs: str = ""

    def row(self) -> dict[str, str]:
        """As it is reported."""
        told = {("class" if key == "class_name" else key): value for key, value in asdict(self).items()}
        return {key: value for key, value in told.items() if key != "outputs"}


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


_STATES = """
SELECT o.id, o.label, o.classname, s.value, COALESCE(e.value, ''), COALESCE(t.value, ''), COALESCE(w.value, ''),
    COALESCE(p.value, 0), COALESCE(q.value, 0)
FROM Objects o JOIN Objects s ON s.parent_id = o.id AND s.name = o.id || '.status'
LEFT JOIN Objects e ON e.parent_id = o.id AND e.name = o.id || '._error'
LEFT JOIN Objects t ON t.parent_id = o.id AND t.name = o.id || '._outputs'
LEFT JOIN Objects w ON w.parent_id = o.id AND w.name = o.id || '.workingDir'
LEFT JOIN Objects p ON p.parent_id = o.id AND p.name = o.id || '._pid'
LEFT JOIN Objects q ON q.parent_id = o.id AND q.name = o.id || '._useQueue'
WHERE o.parent_id IS NULL ORDER BY o.id"""


def read_rows(folder: Path, database: Path) -> list[tuple[State, Step]]:
    """Protocols in a project's (or run's) database, as it has them. Raises sqlite3.Error where it cannot be read."""
    try:
        return [_row(folder, *row) for row in _read(database, "ro")]
    except sqlite3.OperationalError:
        # Its last writer was killed: SQLite has to take back what that had begun, as Scipion's window would.
        return [_row(folder, *row) for row in _read(database, "rw")]


def _read(database: Path, mode: str) -> list[Any]:
    with closing(sqlite3.connect(f"file:{database}?mode={mode}", uri=True, timeout=10)) as connection:
        return connection.execute(_STATES).fetchall()


def _row(folder: Path, id: int, label: str | None, kind: str, status: str | None, *rest: Any) -> tuple[State, Step]:
    error, outputs, working, pid, queued = rest
    error = _COLOURS.sub("", error)
    state = State(str(id), label or "", kind, status or "new", error, outputs=outputs)
    return state, Step(folder, working, int(pid), bool(int(queued)))


def read_states(folder: Path) -> list[State]:
    """State of every protocol; that of an active one comes from its own database, which is newer than the project's.

    One whose process does not live is failed, with the reason, whatever the databases say.
    """
    started = Started()
    return [_true_state(started, *row) for row in read_rows(folder, folder / "project.sqlite")]


def newly_dead(folder: Path, why: str = "") -> dict[str, State]:
    """Protocols, by id, that are active for Scipion though their process is gone, as they truly are.

    `why` is the reason, where it is known.
    """
    rows = read_rows(folder, folder / "project.sqlite")
    steps = {state.id: step for state, step in rows if state.status in ACTIVE}
    dead = {state.id: state for state in read_states(folder) if state.id in steps and was_killed(state)}
    return {id: replace(state, error=told(steps[id], why) if why else state.error) for id, state in dead.items()}


def living(folder: Path) -> list[tuple[State, list[int]]]:
    """The protocols that have processes now, whatever the databases say of them, and those processes' numbers."""
    started = Started()
    rows = [(state, started.of(step)) for state, step in read_rows(folder, folder / "project.sqlite")]
    return [(replace(state, since=began(found[0])), found) for state, found in rows if found]


def left_alone(folder: Path) -> list[tuple[State, list[int]]]:
    """The protocols whose own process is gone though programs that it has called live on, and those programs' numbers.

    None of them can come to its end: nobody waits for what the programs give.
    """
    started = Started()
    rows = [(state, started.left_alone(step)) for state, step in read_rows(folder, folder / "project.sqlite")]
    return [(state, found) for state, found in rows if found]


def strays(folders: Sequence[Path]) -> list[tuple[Path, State, list[int]]]:
    """Steps that run and that no database of these projects has, with their processes' numbers."""
    known = []
    for folder in folders:
        with suppress(sqlite3.Error):
            known += [step for _, step in read_rows(folder, folder / "project.sqlite")]
    return [(step.project, _stray(step, pids[0]), pids) for step, pids in Started().others(known)]


def _stray(step: Step, pid: int) -> State:
    name = Path(step.working).name  # Scipion calls it NUMBER_CLASS
    number, _, kind = name.partition("_")
    return State(number.lstrip("0"), name, kind, "running", "", began(pid))


def _true_state(started: Started, state: State, step: Step) -> State:
    if state.status in ACTIVE and step.database.is_file():
        with suppress(sqlite3.Error):  # on a full disk it may be half made
            own = {row[0].id: row for row in read_rows(step.project, step.database)}
            state, step = own.get(state.id, (state, step))
    if state.status not in ACTIVE:
        return state
    if found := started.of(step) or Started().of(step):  # the database may have been waited for since the first look
        return replace(state, since=began(found[0]))
    return state if is_starting(step, state.status, time.time()) else replace(state, status="failed", error=told(step))


def told(step: Step, why: str = "") -> str:
    """What is said of a step whose process is gone; it begins as Scipion says it."""
    return f"Process {step.pid} not found running: {why or cause(step)}. Run the step again."
