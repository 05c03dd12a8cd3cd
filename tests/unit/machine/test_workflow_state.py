"""The machine's `scipion-workflow`: what it decides without asking Scipion."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
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
    turns = {
        "2": ws.Turn("failed", interrupted=True, begun=True),
        "3": ws.Turn("running", interrupted=True, begun=True),
    }
    assert ws.ready(turns, set()) == ["2", "3"]
    assert ws.ready(turns, {"2", "3"}) == []


@pytest.mark.parametrize(
    ("turn", "starts"),
    [
        (ws.Turn("saved"), True),
        (ws.Turn("saved", mine=False), False),  # a box that the user has only saved
        (ws.Turn("failed", mine=False, interrupted=True), False),  # one of his that died
        (ws.Turn("failed", interrupted=True, begun=False), False),  # a step that he had started himself
        (ws.Turn("saved", begun=True), False),  # one that he has reset
        (ws.Turn("failed", interrupted=True, begun=True), True),
        (ws.Turn("failed", begun=True), False),
        (ws.Turn("aborted", begun=True), False),
    ],
)
def test_only_the_project_files_steps_are_started_and_each_of_them_once(turn: ws.Turn, starts: bool) -> None:
    assert ws.ready({"2": turn}, set()) == ["2"] * starts


def test_the_users_own_work_keeps_the_run_from_ending_only_where_a_step_waits_for_it() -> None:
    his = ws.Turn("running", mine=False)
    assert not ws.is_busy({"2": ws.Turn("finished"), "9": his})
    assert ws.is_busy({"2": ws.Turn("saved", ["9"]), "9": his})
    assert ws.is_busy({"2": ws.Turn("running")})


def test_a_person_is_awaited_where_nothing_else_keeps_the_steps_back() -> None:
    turns = {
        "2": ws.Turn("finished", begun=True),
        "3": ws.Turn("interactive", ["2"], begun=True),
        "4": ws.Turn("saved", ["3"]),
        "5": ws.Turn("saved", ["4"]),
    }
    assert ws.awaited(turns) == ["3"]
    assert ws.awaited({**turns, "2": ws.Turn("failed", begun=True)}) == []
    assert ws.awaited({**turns, "4": ws.Turn("finished"), "5": ws.Turn("finished")}) == []
    assert ws.awaited({**turns, "4": ws.Turn("saved", ["3"], mine=False), "5": ws.Turn("finished")}) == []


def test_protocols_whose_plugin_is_gone_are_named() -> None:
    states = [ws.State("2", "Import", "A", "finished", ""), ws.State("9", "Pick", "B", "saved", "")]
    assert [state.label for state in ws.unknown(states, {"A"})] == ["Pick"]


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
            for name in ("status", "_error", "workingDir", "_pid"):
                row = (None, p["id"], f"{p['id']}.{name}", "String", p.get(name), "")
                connection.execute(add, row)


def test_states_of_active_protocols_come_from_their_own_database(tmp_path: Path) -> None:
    first = {"id": 2, "class": "A", "label": "Import", "status": "finished", "workingDir": "Runs/2"}
    second = {"id": 58, "class": "B", "label": "Classify", "status": "running", "workingDir": "Runs/58"}
    database(tmp_path / "project.sqlite", first, second)
    database(tmp_path / "Runs/58/logs/run.db", first, {**second, "status": "failed", "_error": "no disk"})
    assert [state.row() for state in ws.read_states(tmp_path)] == [
        {"id": "2", "label": "Import", "class": "A", "status": "finished", "error": "", "since": ""},
        {"id": "58", "label": "Classify", "class": "B", "status": "failed", "error": "no disk", "since": ""},
    ]


def test_one_program_at_a_time_works_on_a_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCIPION_USER_DATA", str(tmp_path))
    with ws.locked("p", "run"), pytest.raises(ws.Refused, match="another"), ws.locked("p", "run"):
        pass
    with ws.locked("p", "run"), ws.locked("q", "run"), ws.locked("p", "create"):
        pass


def step(folder: Path, number: int) -> dict[str, Any]:
    return {"id": 58, "class": "B", "label": "Classify", "status": "running", "workingDir": "Runs/58", "_pid": number}


def test_a_step_is_running_only_while_its_own_process_lives(tmp_path: Path) -> None:
    """By the number of a process that Scipion started for it: one of somebody else proves nothing."""
    folder = tmp_path / "projects" / "p"
    told = "import time; print(flush=True); time.sleep(600)"
    scipions = ("pw_protocol_run.py", str(folder), "Runs/58/logs/run.db", "58")
    others = (
        ("a sleep",),
        ("pw_protocol_run.py", str(folder) + "2", "Runs/58/logs/run.db"),
        (str(folder), "Runs/5/logs"),
    )
    for words, status in ((scipions, "running"), *((other, "failed") for other in others)):
        with subprocess.Popen([sys.executable, "-c", told, *words], stdout=subprocess.PIPE) as process:
            assert process.stdout
            process.stdout.readline()
            shutil.rmtree(folder, ignore_errors=True)
            database(folder / "project.sqlite", step(folder, process.pid))
            database(folder / "Runs/58/logs/run.db", step(folder, process.pid))
            (state,) = ws.read_states(folder)
            process.kill()
        assert (state.status, bool(state.since)) == (status, status == "running")
        (state,) = ws.read_states(folder)
        assert (state.status, state.since) == ("failed", "")
        assert ws.was_killed(state)
        assert f"Process {process.pid} not found running: " in state.error
        assert state.error.endswith("Run the step again.")
        assert set(ws.newly_dead(folder)) == {"58"}
