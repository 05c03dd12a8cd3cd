"""The machine's `scipion-workflow`: what runs in all projects, and its end. Processes are real, without Scipion."""

from __future__ import annotations

import subprocess
import sys
import types
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
import scipion_workflow as sw
import workflow_places
import workflow_project as wj
from workflow_record import Made, read_made, write_made
from workflow_state import State

from tests.unit.machine.test_workflow_state import SLEEPS, database

STEP = {"id": 58, "class": "B", "label": "Classify", "status": "running", "workingDir": "Runs/58"}
NEXT = State("58", "Classify", "B", "running", "")


@pytest.fixture
def projects(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SCIPION_USER_DATA", str(tmp_path))
    database(tmp_path / "projects/good/project.sqlite", STEP)
    return tmp_path / "projects"


@pytest.fixture
def runs(projects: Path) -> Iterator[subprocess.Popen[bytes]]:
    words = [*SLEEPS, str(projects / "good"), "Runs/58/logs/run.db", "58"]
    with subprocess.Popen(words, stdout=subprocess.PIPE) as process:
        assert process.stdout
        process.stdout.readline()
        yield process
        process.kill()


def named(found: list[tuple[Path, Any]], below: Path) -> list[tuple[str, str]]:
    return [(folder.name, state.id) for folder, state in found if folder.is_relative_to(below)]


def test_between_two_steps_of_a_workflow_the_next_one_is_waited_for(
    projects: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The unit has just finished one, or still loads Scipion: an uninstall must not find nothing running."""
    looks: list[int] = []
    monkeypatch.setattr(wj, "_running", lambda: looks.append(1) or [(projects, NEXT)] * (len(looks) == 3))
    with workflow_places.locked("good", "run"):
        assert wj.running_steps() == [(projects, NEXT)]
    assert len(looks) == 3


@pytest.mark.parametrize("awaited", ["", "58"])
def test_a_workflow_that_is_over_or_waits_for_a_person_is_not_waited_for(
    projects: Path, monkeypatch: pytest.MonkeyPatch, awaited: str
) -> None:
    looks: list[int] = []
    monkeypatch.setattr(wj, "_running", lambda: looks.append(1) or [])
    with workflow_places.locked("good", "run", awaited=awaited) if awaited else nullcontext():
        assert wj.running_steps() == []
    assert len(looks) == 1


def test_a_create_waits_for_one_whose_caller_was_killed(
    projects: Path, runs: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An install that was broken off and is run again at once."""
    (projects.parent / "workflow.json").write_text("[]")
    monkeypatch.setattr(sw, "are_known", lambda _: True)
    with ThreadPoolExecutor() as pool:
        with workflow_places.locked("good", "create"):
            second = pool.submit(sw.create, "good", projects.parent / "workflow.json")
            with pytest.raises(TimeoutError):
                second.result(0.3)
        assert second.result()["protocols"] == 0


@pytest.mark.parametrize(("was", "steps"), [("demo", {}), ("another", {"2": "A"})])
def test_a_project_that_the_user_has_renamed_is_not_run_once_more_under_its_old_name(
    projects: Path, monkeypatch: pytest.MonkeyPatch, was: str, steps: dict[str, str]
) -> None:
    write_made(projects / "good", Made("d", {"58": "B"}, was))
    (projects.parent / "workflow.json").write_text("[]")
    monkeypatch.setattr(sw, "scipion", lambda: types.SimpleNamespace(getProtocols=dict))
    monkeypatch.setattr(sw, "make_project", lambda _, folder, *__: folder.mkdir() or {"2": "A"})
    answer = sw.create("demo", projects.parent / "workflow.json")
    assert answer["created"] and answer["renamed"] == ("" if steps else "good")
    assert read_made(projects / "demo").steps == steps


@pytest.mark.parametrize("content", [b"", b"x" * 5000, b"SQLite format 3\0" + bytes(80)], ids=["empty", "odd", "cut"])
def test_a_project_that_cannot_be_read_keeps_nobody_from_the_others(
    projects: Path, runs: subprocess.Popen[bytes], content: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    (projects / "bad").mkdir()
    (projects / "bad/project.sqlite").write_bytes(content)
    assert named(wj.running_steps(), projects) == [("good", "58")]
    assert wj.settle_all() == []
    assert "project bad cannot be read: " in capsys.readouterr().err
    code = subprocess.run([sys.executable, sw.__file__, "status", "bad"], capture_output=True, text=True, check=False)
    assert code.returncode == workflow_places.MISFIT
    assert "project.sqlite cannot be read: " in code.stderr and "Earlier versions of files" in code.stderr


@pytest.mark.parametrize(
    ("words", "ends"),
    [
        ({"status": "running"}, True),
        ({"status": "failed", "_error": "Process 77 not found running"}, True),
        ({"status": "failed", "_error": "no such file"}, False),
        ({"status": "aborted"}, False),
    ],
)
def test_what_a_killed_step_has_called_ends_before_the_step_begins_again(
    projects: Path, monkeypatch: pytest.MonkeyPatch, words: dict[str, str], ends: bool
) -> None:
    ended: list[int] = []
    monkeypatch.setattr(wj, "_end", ended.extend)
    project = projects / "own"
    database(project / "project.sqlite", {**STEP, **words})
    logs = project / "Runs/58/logs"
    logs.mkdir(parents=True)
    with (logs / "run.stdout").open("w") as log, subprocess.Popen(["sleep", "60"], stdout=log) as called:
        try:
            assert wj.end_left_alone(project, {"59"}) == []
            assert [state.id for state in wj.end_left_alone(project, {"58"})] == ["58"] * ends
        finally:
            called.kill()
    assert ended == [called.pid] * ends


def test_where_one_process_has_ended_the_others_are_ended_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """Scipion's scheduler ends when it has started the step, whose command line is like its own."""

    class NoSuchProcess(Exception):
        pass

    killed: list[int] = []

    class Process:
        def __init__(self, pid: int) -> None:
            if pid == 1:
                raise NoSuchProcess
            self.pid = pid

        def children(self, recursive: bool) -> list[Process]:
            return [Process(self.pid + 1000)] if self.pid < 1000 else []

        def kill(self) -> None:
            killed.append(self.pid)

    fake = types.SimpleNamespace(NoSuchProcess=NoSuchProcess, Process=Process, wait_procs=lambda *_, **__: None)
    monkeypatch.setitem(sys.modules, "psutil", fake)
    wj._end([1, 7, 8])
    assert killed == [7, 1007, 8, 1008]
