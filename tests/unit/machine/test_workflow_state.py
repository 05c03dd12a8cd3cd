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
import workflow_places as wp
import workflow_state as ws

PROJECT = "/home/scipion/ScipionUserData/projects/p"


def item(id: str, class_name: str, label: str = "") -> dict[str, str]:
    return {"object.id": id, "object.className": class_name, "object.label": label}


def test_a_workflow_is_read_in_order() -> None:
    text = json.dumps([item("2", "ProtImport", "Import"), item("60", "ProtClassify")])
    assert ws.parse_workflow(text) == [ws.Wanted("2", "ProtImport", "Import"), ws.Wanted("60", "ProtClassify", "")]


@pytest.mark.parametrize("text", ["", "{}", '{"a": 1}', "[1]", '[{"object.id": "2"}]', "null", '["a"]'])
def test_what_is_no_workflow_is_refused(text: str) -> None:
    with pytest.raises(wp.Refused) as caught:
        ws.parse_workflow(text)
    assert caught.value.code == wp.MISFIT


def test_protocols_without_their_plugin_are_named() -> None:
    wanted = [ws.Wanted("2", "A", "first"), ws.Wanted("3", "B", "second")]
    assert [p.row() for p in ws.dropped(wanted, {"A"})] == [{"id": "3", "class": "B", "label": "second"}]


def test_a_project_may_have_more_than_its_workflow_but_not_less() -> None:
    states = [ws.State("2", "", "A", "saved", ""), ws.State("9", "", "C", "saved", "")]
    assert ws.lacks(states, [ws.Wanted("2", "A", "")]) == []
    assert ws.lacks(states, [ws.Wanted("2", "A", ""), ws.Wanted("3", "A", "")]) == ["A"]


def test_protocols_whose_plugin_is_gone_are_named() -> None:
    states = [ws.State("2", "Import", "A", "finished", ""), ws.State("9", "Pick", "B", "saved", "")]
    assert [state.label for state in ws.unknown(states, {"A"})] == ["Pick"]


@pytest.mark.parametrize("name", ["", "a b", "../x", "-x", "ä", "a/b", "a.b"])
def test_names_that_scipion_would_change_are_refused(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCIPION_USER_DATA", "/data")
    with pytest.raises(wp.Refused):
        wp.project_folder(name)


def database(path: Path, *protocols: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE Objects (id INTEGER PRIMARY KEY, parent_id, name, classname, value, label)")
        add = "INSERT INTO Objects (id, parent_id, name, classname, value, label) VALUES (?, ?, ?, ?, ?, ?)"
        connection.execute(add, (1, None, "CreationTime", "String", "2026", ""))
        for p in protocols:
            connection.execute(add, (p["id"], None, "", p["class"], None, p["label"]))
            for name in ("status", "_error", "workingDir", "_pid", "_outputs", "_useQueue"):
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
    with wp.locked("p", "run"), pytest.raises(wp.Refused, match="another"), wp.locked("p", "run"):
        pass
    with wp.locked("p", "run"), wp.locked("q", "run"), wp.locked("p", "create"):
        pass


def test_a_projects_folders_without_its_files_are_no_project(tmp_path: Path) -> None:
    folder = tmp_path / "p"
    assert not wp.is_there(folder)
    (folder / "Runs/2/extra").mkdir(parents=True)
    assert not wp.is_there(folder) and not folder.exists()
    (folder / "Runs").mkdir(parents=True)
    (folder / "Runs/particles.star").write_text("mine")
    with pytest.raises(wp.Refused, match=r"holds files and no project\.sqlite"):
        wp.is_there(folder)
    assert (folder / "Runs/particles.star").read_text() == "mine"
    (folder / "project.sqlite").write_text("")
    assert wp.is_there(folder)


def test_whom_a_run_waits_for_is_known_as_long_as_it_waits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCIPION_USER_DATA", str(tmp_path))
    assert wp.awaited_now("p") == []
    with wp.locked("p", "run", awaited="3 7"):
        assert wp.awaited_now("p") == ["3", "7"]
    assert wp.awaited_now("p") == []
    with wp.locked("p", "run"):
        assert wp.awaited_now("p") == []


KILLED = """
import os, signal, sqlite3, sys
connection = sqlite3.connect(sys.argv[1])
connection.execute("PRAGMA cache_spill = 1")
connection.execute("PRAGMA cache_size = 1")
for number in range(1000):
    connection.execute("INSERT INTO Objects (parent_id, name, value) VALUES (9, 'x', ?)", ("y" * 3000,))
connection.execute("UPDATE Objects SET value = 'finished' WHERE name = '58.status'")
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_project_whose_writer_was_killed_in_the_middle_can_be_read(tmp_path: Path) -> None:
    database(tmp_path / "project.sqlite", {**step(tmp_path, 0), "status": "saved"})
    subprocess.run([sys.executable, "-c", KILLED, tmp_path / "project.sqlite"], check=False)
    assert (tmp_path / "project.sqlite-journal").stat().st_size > 0
    assert [state.status for state in ws.read_states(tmp_path)] == ["saved"]


@pytest.mark.parametrize("left", [b"", b"SQLite format 3\0" + bytes(50), b"x" * 4096])
def test_a_steps_own_database_that_a_full_disk_has_cut_short_is_passed_over(tmp_path: Path, left: bytes) -> None:
    database(tmp_path / "project.sqlite", step(tmp_path, 7))
    (tmp_path / "Runs/58/logs").mkdir(parents=True)
    (tmp_path / "Runs/58/logs/run.db").write_bytes(left)
    assert [state.status for state in ws.read_states(tmp_path)] == ["failed"]


def test_an_error_is_told_without_the_colours_of_a_terminal(tmp_path: Path) -> None:
    error = "\x1b[31mProtocol failed: no disk\x1b[0m"
    database(tmp_path / "project.sqlite", {**step(tmp_path, 0), "status": "failed", "_error": error})
    assert [state.error for state in ws.read_states(tmp_path)] == ["Protocol failed: no disk"]


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
            assert [pids for _, pids in ws.living(folder)] == [[process.pid]] * (words is scipions)
            process.kill()
        assert (state.status, bool(state.since)) == (status, status == "running")
        (state,) = ws.read_states(folder)
        assert (state.status, state.since) == ("failed", "")
        assert ws.was_killed(state)
        assert f"Process {process.pid} not found running: " in state.error
        assert state.error.endswith("Run the step again.")
        assert set(ws.newly_dead(folder)) == {"58"}
        assert "not found running: on somebody's word. Run" in ws.newly_dead(folder, "on somebody's word")["58"].error


SLEEPS = [sys.executable, "-c", "import time; print(flush=True); time.sleep(600)", "pw_protocol_run.py"]


def test_a_step_that_began_while_its_database_was_waited_for_is_not_called_dead(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, began = ws.read_rows, []
    database(tmp_path / "project.sqlite", step(tmp_path, 7))

    def after_a_while(folder: Path, path: Path) -> list[tuple[ws.State, ws.Step]]:
        words = [*SLEEPS, str(tmp_path), "Runs/58/logs/run.db", "58"]
        began.append(subprocess.Popen(words, stdout=subprocess.PIPE))
        assert began[0].stdout
        began[0].stdout.readline()
        return read(folder, path)

    monkeypatch.setattr(ws, "read_rows", after_a_while)
    try:
        assert [state.status for state in ws.read_states(tmp_path)] == ["running"]
    finally:
        for one in began:
            one.kill()
            one.communicate()


def test_steps_of_a_project_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    project = tmp_path / "p"
    project.mkdir()
    (project / "project.sqlite").write_text("")
    words = [*SLEEPS, str(project), "Runs/000058_ProtWait/logs/run.db", "58"]
    with subprocess.Popen(words, stdout=subprocess.PIPE) as process:
        assert process.stdout
        process.stdout.readline()
        try:
            found = [(state, pids) for folder, state, pids in ws.strays([project]) if folder == project]
        finally:
            process.kill()
    ((state, pids),) = found
    assert (state.id, state.label, state.class_name, state.status) == ("58", "000058_ProtWait", "ProtWait", "running")
    assert state.since and pids == [process.pid]
