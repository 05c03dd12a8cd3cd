"""`list`, and how it and `status` end where data are not being saved."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import fields

import pytest
from click.testing import CliRunner, Result

from cloudify_scipion.cli import wiring
from cloudify_scipion.cli.list_projects import WIDTH, exit_code, lines
from cloudify_scipion.cli.main import main
from cloudify_scipion.errors import PermanentError
from cloudify_scipion.lifecycle.overview import STATES, Project
from cloudify_scipion.lifecycle.ports import Services
from cloudify_scipion.lifecycle.unsaved import KINDS, Need
from tests.fakes.deployment import Deployment
from tests.fakes.world import World


@pytest.fixture(autouse=True)
def wired(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wiring, "make_services", lambda _: world.services())


@pytest.fixture
def installed(world: World) -> World:
    Deployment(world).install()
    world.end_process()
    return world


def run(*words: str) -> Result:
    return CliRunner().invoke(main, words)


def test_nothing_and_one(world: World) -> None:
    assert (run("list").output, run("list").exit_code) == ("no project is known in this state folder\n", 0)
    Deployment(world).install()
    world.work("push")
    said = run("list")
    assert said.exit_code == 0
    assert said.output.splitlines() == [
        "PROJECT    STATE     TIME LEFT    LAST SAVED (UTC)",
        "relion-2d  running   13 d 23 h    2026-01-01 00:00",
    ]


def test_for_programs(installed: World) -> None:
    installed.host.agents.alarms.append(f"{installed.clock.now().isoformat()} a is newer")
    said = run("list", "--json")
    told = json.loads(said.output)
    (project,) = told["projects"]
    assert (said.exit_code, told["ok"]) == (4, True)
    assert set(project) == {field.name for field in fields(Project)}
    assert project["needs"] == [{"kind": "alarm", "text": "2026-01-01T00:00:10+00:00 a is newer"}]
    assert json.loads(run("status", "relion-2d", "--json").output)["not_saved"] == project["needs"]


LONG = "a" * 40
CASES = [
    Project(LONG, state="damaged", needs=[Need("damaged", "the project's record /a/b is damaged: no JSON")]),
    Project("p-1", state="running", seconds_left=3650 * 86400.0, saved="2030-01-31T15:05:00+01:00", expires="x"),
    Project(
        "p" * 36, state="rescue", seconds_left=-1.0, saved="2030-01-31T14:05:00+00:00",
        needs=[Need("alarm", "x" * 300), Need("question", "Delete it? " * 30), Need("held", "\x1b[2J\nforged: line")],
    ),
]  # fmt: skip


def test_it_fits_a_terminal_and_a_log() -> None:
    said = lines(CASES)
    assert max(map(len, said)) <= WIDTH == 80
    assert [line for line in said if "2030-01-31 14:05" in line] and not any("15:05" in line for line in said)
    assert any(line.split()[:3] == ["p-1", "running", "3650"] for line in said)
    assert said[1:3] == [LONG, f"{'':<36}  damaged   ?            -"]
    below = said[said.index("needs a person:") + 1 :]
    assert [line.split(":")[0] for line in below if not line.startswith(" ")] == [LONG, *["p" * 36] * 3]


def test_no_line_is_forged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cloudify_scipion.cli.list_projects.all_projects", lambda _: CASES)
    said = run("list").output
    assert "\x1b" not in said and "\nforged" not in said


@pytest.mark.parametrize("state", STATES)
def test_every_state_has_room(state: str) -> None:
    assert max(map(len, lines([Project("p" * 36, state=state, seconds_left=3650 * 86400.0)]))) <= WIDTH


def test_how_it_ends() -> None:
    assert exit_code([]) == exit_code([Project("a")]) == 0
    for kind in KINDS:
        assert exit_code([Project("a", needs=[Need("expired", "")]), Project("b", needs=[Need(kind, "")])]) == 4
    for kind in ("expired", "held", "down", "gone", "rescue", "damaged"):
        assert exit_code([Project("a", needs=[Need(kind, "")]), Project("b")]) == 1


def alarm(world: World) -> None:
    world.host.agents.alarms.append(f"{world.clock.now().isoformat()} a is newer")


def question(world: World) -> None:
    world.host.agents.questions.append({"id": "deletions", "text": "Delete?", "answers": ["delete"]})


def fail(world: World) -> None:
    world.host.agents.failing["push"] = (1, "the data space is away")
    world.work("push")


def lose_first_copy(world: World) -> None:
    del world.host.volumes[world.record().volume].agent["pulled"]


def silence(world: World) -> None:
    world.broken["/usr/local/bin/scipion-data"] = "no such program"


NOT_SAVED: dict[str, tuple[Callable[[World], None], str]] = {
    "alarm": (alarm, "ALARM 2026-"),
    "question": (question, "QUESTION deletions: Delete?"),
    "doubt": (fail, "NOT CERTAIN that all is saved: the last push did not succeed"),
    "first_copy": (lose_first_copy, "the first copy from the data space is not complete"),
    "silent": (silence, "NOT SAVED  the agent on the machine"),
    "late": (lambda world: world.clock.sleep(3601), "NOT SAVED  nothing has been saved since 2026-"),
}


def test_status_and_list_end_with_a_code_of_their_own_where_data_are_not_saved(installed: World) -> None:
    assert set(NOT_SAVED) == set(KINDS)
    assert (run("status", "relion-2d").exit_code, run("list").exit_code) == (0, 0)


@pytest.mark.parametrize("kind", NOT_SAVED)
def test_each_reason_is_told_and_ends_with_that_code(installed: World, kind: str) -> None:
    work, words = NOT_SAVED[kind]
    work(installed)
    said = run("status", "relion-2d")
    assert (said.exit_code, words in said.output, "is running" in said.output) == (4, True, True), said.output
    listed = run("list")
    assert (listed.exit_code, "\nrelion-2d: " in listed.output) == (4, True)


def test_it_goes_before_a_desktop_that_does_not_answer_and_not_before_a_machine_that_is_off(installed: World) -> None:
    question(installed)
    installed.host.machines[installed.record().machine].units.clear()
    assert run("status", "relion-2d").exit_code == 4
    installed.host.reboot()
    assert (run("status", "relion-2d").exit_code, run("list").exit_code) == (1, 1)


def test_an_error_is_for_programs_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    def closed(_: object) -> Services:
        raise PermanentError("this state folder is root's", "be root")

    monkeypatch.setattr(wiring, "make_services", closed)
    said = run("list", "--json")
    assert (said.exit_code, json.loads(said.output)["next_step"]) == (1, "be root")
    assert (run("list").exit_code, "next: be root" in run("list").output) == (1, True)


def test_a_damaged_record_keeps_nobody_from_asking_about_others(installed: World) -> None:
    (installed.root / "projects/relion-2d/project.json").write_text("{")
    assert "(known: relion-2d)" in run("status", "other").output
    held = run("held")
    assert held.exit_code == 0 and "its project's record is lost or damaged" in held.output
    refused = run("discard", "relion-2d")
    assert refused.exit_code == 1 and "is damaged" in refused.output and installed.host.volumes


def test_a_time_that_is_none_ends_no_list() -> None:
    (told,) = [line for line in lines([Project("a", saved="nonsense")]) if line.startswith("a ")]
    assert "nonsense" in told
