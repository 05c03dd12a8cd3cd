"""The machine's `scipion-workflow`: what it decides without asking Scipion."""

from __future__ import annotations

import json
import sqlite3
import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[3] / "puppet/modules/scipion/files"))

import workflow_state as ws  # noqa: E402

PROJECT = "/home/scipion/ScipionUserData/projects/p"


def item(id: str, class_name: str, label: str = "") -> dict[str, str]:
    return {"object.id": id, "object.className": class_name, "object.label": label}


def test_a_workflow_is_read_in_order() -> None:
    text = json.dumps([item("2", "ProtImport", "Import"), item("60", "ProtClassify")])
    assert ws.parse_workflow(text) == [ws.Wanted("2", "ProtImport", "Import"), ws.Wanted("60", "ProtClassify", "")]


@pytest.mark.parametrize("text", ["", "{}", '{"a": 1}', "[1]", '[{"object.id": "2"}]', "null", '["a"]'])
def test_what_is_no_workflow_is_refused(text: str) -> None:
    with pytest.raises(ws.Refused) as caught:
        ws.parse_workflow(text)
    assert caught.value.code == ws.MISFIT


def test_protocols_without_their_plugin_are_named() -> None:
    wanted = [ws.Wanted("2", "A", "first"), ws.Wanted("3", "B", "second")]
    assert [p.row() for p in ws.dropped(wanted, {"A"})] == [{"id": "3", "class": "B", "label": "second"}]


def test_a_project_may_have_more_than_its_workflow_but_not_less() -> None:
    states = [ws.State("2", "", "A", "saved", ""), ws.State("9", "", "C", "saved", "")]
    assert ws.lacks(states, [ws.Wanted("2", "A", "")]) == []
    assert ws.lacks(states, [ws.Wanted("2", "A", ""), ws.Wanted("3", "A", "")]) == ["A"]


@pytest.mark.parametrize(
    ("status", "error", "line", "expected"),
    [
        ("running", "", f"sh -c python pw_protocol_run.py {PROJECT} run.db 58", False),
        ("running", "", "", True),
        ("running", "", "/usr/sbin/sshd -D", True),  # the pid is another's by now
        ("scheduled", "", "", True),
        ("failed", "Process 77 not found running on the machine. It probably has died", "", True),
        ("failed", "relion_refine: not found", "", False),
        ("finished", "", "", False),
        ("saved", "", "", False),
    ],
)
def test_killed_protocols_are_told_from_failed_ones(status: str, error: str, line: str, expected: bool) -> None:
    assert ws.died(status, error, line, PROJECT) is expected


def test_a_workflow_goes_forward_step_by_step() -> None:
    turns = {"2": ws.Turn("saved"), "3": ws.Turn("saved", ["2"]), "4": ws.Turn("saved", ["2", "3"])}
    assert ws.ready(turns, set()) == ["2"]
    turns["2"] = ws.Turn("running")
    assert ws.ready(turns, {"2"}) == []
    turns["2"] = ws.Turn("finished")
    assert ws.ready(turns, {"2"}) == ["3"]
    turns["3"] = ws.Turn("failed", ["2"])
    assert ws.ready(turns, {"2", "3"}) == []


def test_streaming_protocols_start_on_growing_inputs() -> None:
    growing, still = ws.Turn("running", growing=True), ws.Turn("running")
    streams, waits = ws.Turn("saved", ["2"], streams=True), ws.Turn("saved", ["2"])
    assert ws.ready({"2": growing, "3": streams}, set()) == ["3"]
    assert ws.ready({"2": growing, "3": waits}, set()) == []
    assert ws.ready({"2": still, "3": streams}, set()) == []


def test_interrupted_protocols_start_again_once() -> None:
    turns = {"2": ws.Turn("failed", interrupted=True), "3": ws.Turn("running", interrupted=True)}
    assert ws.ready(turns, set()) == ["2", "3"]
    assert ws.ready(turns, {"2", "3"}) == []


def test_a_parent_that_is_not_in_the_project_holds_nothing_back() -> None:
    assert ws.ready({"3": ws.Turn("saved", ["99"])}, set()) == ["3"]


@pytest.mark.parametrize("name", ["", "a b", "../x", "-x", "ä", "a/b", "a.b"])
def test_names_that_scipion_would_change_are_refused(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCIPION_USER_DATA", "/data")
    with pytest.raises(ws.Refused):
        ws.project_folder(name)


def database(path: Path, *protocols: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE Objects (id INTEGER PRIMARY KEY, parent_id, name, classname, value, label)")
        add = "INSERT INTO Objects (id, parent_id, name, classname, value, label) VALUES (?, ?, ?, ?, ?, ?)"
        connection.execute(add, (1, None, "CreationTime", "String", "2026", ""))
        for p in protocols:
            connection.execute(add, (p["id"], None, "", p["class"], None, p["label"]))
            for name in ("status", "_error", "workingDir"):
                row = (None, p["id"], f"{p['id']}.{name}", "String", p.get(name), "")
                connection.execute(add, row)


def test_states_of_active_protocols_come_from_their_own_database(tmp_path: Path) -> None:
    first = {"id": 2, "class": "A", "label": "Import", "status": "finished", "workingDir": "Runs/2"}
    second = {"id": 58, "class": "B", "label": "Classify", "status": "running", "workingDir": "Runs/58"}
    database(tmp_path / "project.sqlite", first, second)
    database(tmp_path / "Runs/58/logs/run.db", first, {**second, "status": "failed", "_error": "no disk"})
    assert [state.row() for state in ws.read_states(tmp_path)] == [
        {"id": "2", "label": "Import", "class": "A", "status": "finished", "error": ""},
        {"id": "58", "label": "Classify", "class": "B", "status": "failed", "error": "no disk"},
    ]


def test_one_program_at_a_time_works_on_a_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCIPION_USER_DATA", str(tmp_path))
    with ws.locked("p"), pytest.raises(ws.Refused, match="another"), ws.locked("p"):
        pass
    with ws.locked("p"), ws.locked("q"):
        pass
