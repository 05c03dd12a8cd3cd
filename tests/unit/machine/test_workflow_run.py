"""The machine's `scipion-workflow`: what a run has to do, and how long it waits for a person."""

from __future__ import annotations

import logging
import sqlite3
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import workflow_run as wr
import workflow_scipion
from workflow_record import Made, write_made
from workflow_state import State

from tests.unit.machine.test_workflow_state import SLEEPS, database

DEAD = "Process 7 not found running: the machine was started again. Run the step again."
GIVEN = {"3": "", "7": "outputBox"}


def state(status: str, id: str = "3", error: str = "", outputs: str = "") -> State:
    return State(id, "Pick", "A", status, error, outputs=outputs)


WAITING = [state("interactive"), state("interactive", "7", outputs="outputBox"), state("saved", "9")]


@pytest.mark.parametrize(
    ("changed", "waits"),
    [
        ([], True),
        ([state("running")], True),  # the person works on it
        ([state("saved", "7")], True),  # he has reset it
        ([state("interactive", outputs="outputCoordinates")], False),
        ([state("interactive", "7", outputs="outputBox,outputCoordinates")], False),
        ([state("finished")], False),
        ([state("aborted")], False),
        ([state("failed", "7")], False),
        ([state("finished", "9")], True),  # none of those that are awaited
    ],
)
def test_a_run_waits_as_long_as_what_a_person_has_in_hands_is_as_it_was(changed: list[State], waits: bool) -> None:
    states = {one.id: one for one in [*WAITING, *changed]}
    assert wr.is_awaited(GIVEN, [*states.values()]) is waits


def test_a_step_that_the_user_has_deleted_is_not_waited_for() -> None:
    assert not wr.is_awaited(GIVEN, WAITING[1:])


@pytest.mark.parametrize(
    ("states", "begun", "left"),
    [
        ([state("finished"), state("finished", "4")], {"3", "4"}, False),
        ([state("finished"), state("saved", "4")], {"3"}, True),
        ([state("finished"), state("failed", "4", DEAD)], {"3", "4"}, True),
        ([state("finished"), state("failed", "4", DEAD)], {"3"}, False),  # the user had started it
        ([state("finished"), state("failed", "4", "no such file")], {"3", "4"}, False),
        ([state("aborted"), state("finished", "4")], {"3", "4"}, False),  # the user has stopped it
        ([state("running"), state("finished", "4")], {"3", "4"}, True),
        ([state("finished"), state("finished", "4"), state("saved", "9")], {"3", "4"}, False),  # his own box
    ],
)
def test_scipion_is_loaded_only_where_a_run_has_something_to_do(
    states: list[State], begun: set[str], left: bool
) -> None:
    assert wr.is_something_left(Made("d", {"3": "A", "4": "A"}), begun, states) is left


def test_classes_that_scipion_was_seen_to_have_are_known_until_its_packages_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packages = tmp_path / "site-packages"
    (packages / "relion").mkdir(parents=True)
    monkeypatch.setattr(workflow_scipion.Path, "home", lambda: tmp_path)
    monkeypatch.setattr(workflow_scipion.sysconfig, "get_path", lambda name: str(packages))
    assert not workflow_scipion.are_known({"A"})
    workflow_scipion._remember({"A": object, "B": object})
    assert workflow_scipion.are_known({"A"}) and workflow_scipion.are_known({"A", "B"})
    assert not workflow_scipion.are_known({"A", "C"})
    (packages / "relion").rename(packages / "elsewhere")
    assert not workflow_scipion.are_known({"A"})
    workflow_scipion._remember({"B": object})
    assert not workflow_scipion.are_known({"A"})
    workflow_scipion._seen().write_text("{")
    assert not workflow_scipion.are_known({"A"})


class Box:
    """A protocol as Scipion has it, which is done as soon as it is scheduled."""

    def __init__(self, id: str, status: str) -> None:
        self.id, self.status, self._outputs = id, status, list[str]()

    def strId(self) -> str:  # noqa: N802 - Scipion's names
        return self.id

    def __getattr__(self, name: str) -> Any:
        answers = {
            "getStatus": self.status, "getClassName": "A", "getObjLabel": f"box {self.id}", "getPrerequisites": [],
            "getInputStatus": (False, False, False), "iterOutputAttributes": [], "worksInStreaming": False,
            "validate": [], "getWorkingDir": f"Runs/{self.id}",
        }  # fmt: skip
        return lambda: answers[name]


class Project:
    """Scipion's project; `fails` is raised at its next looks."""

    def __init__(self, *boxes: Box) -> None:
        self.boxes, self.scheduled, self.fails = boxes, list[str](), list[Exception]()

    def load(self) -> None: ...

    def getRuns(self, **_: bool) -> tuple[Box, ...]:  # noqa: N802
        if self.fails:
            raise self.fails.pop()
        return self.boxes

    def getRunsGraph(self) -> Any:  # noqa: N802
        return SimpleNamespace(getNode=lambda _: SimpleNamespace(getParents=list))

    def scheduleProtocol(self, box: Box) -> None:  # noqa: N802
        self.scheduled.append(box.id)
        box.status = "finished"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """Of two steps of the project file, neither of which was begun; the unit's run of them is quick."""
    project = Project(Box("3", "saved"), Box("70", "saved"))
    rows = ({"id": int(box.id), "class": "A", "label": "", "status": box.status} for box in project.boxes)
    database(tmp_path / "project.sqlite", *rows)
    write_made(tmp_path, Made("d", {"3": "A", "70": "A"}))
    monkeypatch.setattr(wr, "scipion", lambda: None)
    monkeypatch.setattr(wr, "open_project", lambda *_: project)
    monkeypatch.setattr(wr, "POLL_SECONDS", 0.0)
    monkeypatch.setattr(wr, "FAILED_SECONDS", 0.0)
    monkeypatch.setattr(logging, "disable", lambda _: None)
    return project


def test_a_step_that_the_user_has_started_himself_and_reset_is_his(tmp_path: Path, project: Project) -> None:
    """Scipion's Reset empties the step's folder and makes it again."""
    (tmp_path / "Runs/3/logs").mkdir(parents=True)
    assert wr.Runner(tmp_path).run() == {}
    assert project.scheduled == ["70"]


def test_a_look_that_fails_while_a_step_runs_is_repeated_since_the_runs_end_would_end_the_step(
    tmp_path: Path, project: Project
) -> None:
    """As on a full disk: the unit's processes end with the run."""
    project.fails = [sqlite3.OperationalError("database or disk is full") for _ in range(3)]
    words = [*SLEEPS, str(tmp_path), "Runs/3/logs/run.db", "3"]
    with subprocess.Popen(words, stdout=subprocess.PIPE) as step:
        assert step.stdout
        step.stdout.readline()
        try:
            assert wr.Runner(tmp_path).run() == {}
        finally:
            step.kill()
    assert project.scheduled == ["3", "70"]


def test_a_look_that_fails_while_nothing_runs_ends_the_run(
    tmp_path: Path, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wr, "Started", lambda: SimpleNamespace(others=lambda _: []))
    project.fails = [sqlite3.OperationalError("database or disk is full")]
    with pytest.raises(sqlite3.OperationalError):
        wr.Runner(tmp_path).run()
