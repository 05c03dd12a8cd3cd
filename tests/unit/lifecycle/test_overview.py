"""All projects at one look: none of them, however broken, keeps the others from being seen."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from cloudify_scipion.errors import TemporaryError
from cloudify_scipion.lifecycle import overview
from cloudify_scipion.lifecycle.facts import CommandResult
from cloudify_scipion.lifecycle.overview import ASKED_SECONDS, AT_ONCE, Project, all_projects
from tests.fakes.deployment import UNINSTALL, UNSAVED, Deployment
from tests.fakes.world import World


def second(world: World) -> Deployment:
    return Deployment(world, {"project_id": "other"}, "other")


def look(world: World) -> dict[str, Project]:
    found = all_projects(world.services())
    assert [one.project for one in found] == sorted(one.project for one in found)
    return {one.project: one for one in found}


def kinds(project: Project) -> list[str]:
    return [need.kind for need in project.needs]


@pytest.fixture
def two(world: World) -> World:
    for demo in (Deployment(world), second(world)):
        demo.install()
        world.end_process()
    return world


def lose_machine(world: World) -> None:
    world.host.lose_folder(world.record().machine)


def alarm(world: World) -> None:
    world.host.agents.alarms.append(f"{world.clock.now().isoformat()} a is newer")


def question(world: World) -> None:
    world.host.agents.questions.append({"id": "deletions", "text": "Delete?", "answers": ["delete"]})


def fail_to_save(world: World) -> None:
    world.host.agents.failing["push"] = (1, "the data space is away")
    world.work("push")


def silence(world: World) -> None:
    world.broken["/usr/local/bin/scipion-data"] = "no such program"


def expire(world: World) -> None:
    world.clock.sleep(15 * 86400)
    for project in ("relion-2d", "other"):
        world.work("push", project)


def end_over_the_gate(world: World) -> None:
    Deployment(world, workflow="uninstall").run(UNINSTALL)
    world.end_process()


def record_file(world: World) -> Path:
    return world.root / "projects/relion-2d/project.json"


def damage(world: World) -> None:
    record_file(world).write_text("{")


HARMS: dict[str, tuple[Callable[[World], None], str, list[str]]] = {
    "nothing": (lambda _: None, "running", []),
    "machine is off": (lambda world: world.host.reboot(), "down", ["down"]),
    "machine is gone": (lose_machine, "gone", ["gone"]),
    "an alarm": (alarm, "running", ["alarm"]),
    "a question": (question, "running", ["question"]),
    "a save failed": (fail_to_save, "running", ["doubt"]),
    "nothing saves any more": (lambda world: world.clock.sleep(7200), "running", ["late"]),
    "agent is silent": (silence, "running", ["silent"]),
    "network is cut": (lambda world: world.host.cut_network(world.record().machine), "running", ["silent"]),
    "time is over": (expire, "running", ["expired"]),
    "volume is held": (end_over_the_gate, "held", ["held"]),
    "record is damaged": (damage, "damaged", ["damaged"]),
}


@pytest.mark.parametrize("harm", HARMS)
def test_what_needs_a_person(two: World, harm: str) -> None:
    work, state, needs = HARMS[harm]
    work(two)
    before = two.facts() if state != "damaged" else {}
    found = look(two)
    assert (found["relion-2d"].state, kinds(found["relion-2d"])) == (state, needs)
    assert all(need.text for need in found["relion-2d"].needs)
    assert set(found) == {"relion-2d", "other"} and found["other"].state != "damaged"
    assert not before or two.facts() == before


def test_what_a_project_says(two: World) -> None:
    two.clock.sleep(3600)
    two.work("push")
    found = look(two)["relion-2d"]
    record = two.record()
    assert (found.deployment, found.expires) == ("relion-2d", record.expires)
    assert found.seconds_left == pytest.approx(14 * 86400, abs=7200)
    assert found.saved == two.clock.now().isoformat(timespec="seconds")
    assert found.title == record.settings["project"]["title"]


def test_without_a_data_space_nothing_is_missed(world: World) -> None:
    Deployment(world, UNSAVED).install()
    assert [(one.state, list(one.needs), one.saved) for one in all_projects(world.services())] == [("running", [], "")]


def test_a_project_that_was_only_begun(world: World) -> None:
    Deployment(world).operation("volume", "precreate")
    (found,) = all_projects(world.services())
    assert (found.state, kinds(found)) == ("begun", [])
    assert all_projects(World(world.root / "empty").services()) == []


WRONG: Sequence[object] = (None, [], "x", 7, -1.5, True, {}, {"x": []})


def test_whatever_stands_in_a_record_the_others_are_listed(two: World) -> None:
    document = json.loads(record_file(two).read_text())
    for key in document:
        for value in WRONG:
            record_file(two).write_text(json.dumps({**document, key: value}))
            found = look(two)
            assert set(found) == {"relion-2d", "other"} and kinds(found["other"]) == [], (key, value)


def test_whatever_stands_in_the_place_of_a_record_the_others_are_listed(two: World) -> None:
    record_file(two).unlink()
    assert set(look(two)) == {"other"}
    record_file(two).mkdir()
    assert [one.state for one in look(two).values()] == ["running", "damaged"]


@pytest.mark.parametrize("said", ["", "[]", "null", '{"last": 5}', '{"pulled": true, "saved": 5}', '{"alarms": 7}'])
def test_an_agent_that_says_nonsense_is_told_and_nobody_else_misses_anything(
    two: World, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = '{"pulled": true}'

    @dataclass
    class Saying:
        text: str

        def run(self, *_: object, **__: object) -> CommandResult:
            return CommandResult(0, self.text, "")

    services = replace(two.services(), connect=lambda record: Saying(said if record.project == "relion-2d" else told))
    found = {one.project: one for one in all_projects(services)}
    assert kinds(found["relion-2d"]) and kinds(found["other"]) == []


def test_machines_that_hang_are_asked_at_the_same_time_and_for_a_short_while(two: World) -> None:
    """Each waits here until all others have been asked, too: asked one after the other, this would never end."""
    together = threading.Barrier(2, timeout=30)

    class Hanging:
        def run(self, argv: Sequence[str], *, timeout: float) -> CommandResult:
            assert timeout == ASKED_SECONDS <= 10
            together.wait()
            raise TemporaryError("did not answer")

    services = replace(two.services(), connect=lambda _: Hanging())
    assert [kinds(one) for one in all_projects(services)] == [["silent"], ["silent"]]
    assert AT_ONCE >= 16 and overview.AT_ONCE == AT_ONCE
