"""The workflow of a Scipion project's database, `project.sqlite`, as Scipion would export it.

The file is opened read-only and as it lies there (`immutable`): no lock, no recovery, nothing is written beside it.
Each protocol is a row without parent, its parameters are that row's children (pyworkflow 3.11.7, `mapper.sqlite`).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote

MAX_ROWS = 500_000
"""Limit of rows: more is no workflow."""
_MAX_STEPS = 20_000
"""Limit of SQLite's work, in thousands of its instructions: a file from elsewhere may hold a view that never ends."""
# Attributes of a protocol that are no parameters: its state, and what the form does not show.
_STATE = frozenset([
    "status", "initTime", "endTime", "_error", "interactive", "_resultFiles", "_needsGPU", "workingDir", "_outputs",
    "_useOutputList", "expertLevel", "lastUpdateTimeStamp", "hostFullName", "_jobId", "_pid", "_stepsDone", "_cpuTime",
    "_numberOfSteps", "allowHeader", "summaryVar", "methodsVar", "forceSchedule",
])  # fmt: skip
_VALUES = frozenset(["String", "Integer", "Float", "Boolean", "CsvList", "Pointer", "PointerList"])
Row = tuple[int, int | None, str, str, str | None, str, str]


def read_database(path: Path) -> list[dict[str, Any]] | str:
    """The protocols, in the order of their ids, or why the database cannot be read."""
    try:
        if not path.is_file():
            return "there is no project.sqlite"
        if any(path.with_name(path.name + end).exists() for end in ("-wal", "-journal")):
            return "project.sqlite is in use, or was left in the middle of a change"
        with closing(sqlite3.connect(f"file:{quote(str(path.absolute()))}?mode=ro&immutable=1", uri=True)) as database:
            return list(_protocols(_rows(database)))
    except (OSError, sqlite3.Error, ValueError, TypeError, OverflowError) as error:
        return f"project.sqlite cannot be read as a project of Scipion 3 ({error})"


def _rows(database: sqlite3.Connection) -> list[Row]:
    steps = iter(range(_MAX_STEPS))
    database.set_progress_handler(lambda: next(steps, None) is None, 1000)
    columns = "id, parent_id, name, classname, value, label, comment"
    rows = database.execute(f"SELECT {columns} FROM Objects ORDER BY id LIMIT {MAX_ROWS + 1}").fetchall()
    if len(rows) > MAX_ROWS:
        raise ValueError(f"more than {MAX_ROWS:,} rows")
    return rows


def _protocols(rows: list[Row]) -> Iterator[dict[str, Any]]:
    children: dict[int, list[Row]] = {}
    for row in rows:
        if row[1] is not None:
            children.setdefault(row[1], []).append(row)
    for number, parent, _, class_name, _, label, comment in rows:
        # A protocol keeps its parameters below itself; the project's own values (its creation time) have none.
        if parent is None and number in children:
            protocol = {"object.className": class_name, "object.id": str(number)}
            protocol |= {"object.label": label, "object.comment": comment or ""}
            for child in children[number]:
                name = child[2].rpartition(".")[2]
                # An export leaves out what points nowhere.
                if name not in _STATE and child[3] in _VALUES and (child[3] != "Pointer" or child[4]):
                    protocol[name] = _value(child, children)
            yield protocol


def _value(row: Row, children: dict[int, list[Row]]) -> Any:
    kind, text = row[3], row[4]
    if kind == "PointerList":
        return [_value(item, children) for item in children.get(row[0], ()) if item[3] == "Pointer"]
    if kind == "CsvList":
        return text or ""
    if text is None or kind == "String":
        return text
    if kind == "Boolean":
        return text == "1"
    if kind == "Pointer":
        extended = [child[4] for child in children.get(row[0], ()) if child[2].endswith("._extended")]
        return f"{text}.{(extended or [''])[0] or ''}"
    return int(text) if kind == "Integer" else float(text)
