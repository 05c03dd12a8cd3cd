"""Back from the record alone; and what people see."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from cloudify_scipion.cli.status import exit_code, status_lines
from cloudify_scipion.errors import FAILED, CommandFailed, PermanentError, PuppetFailed
from cloudify_scipion.lifecycle.layout import WORKFLOW_TOOL
from cloudify_scipion.lifecycle.overview import all_projects
from cloudify_scipion.lifecycle.parts import PARTS, Part
from cloudify_scipion.lifecycle.record import MachineState
from cloudify_scipion.lifecycle.repair import repair_project
from cloudify_scipion.lifecycle.status import project_status
from tests.fakes.deployment import INSTALL, UNSAVED, Deployment
from tests.fakes.world import World


def lose_machine(world: World) -> None:
    world.host.lose_folder(world.record().machine)


def lose_machine_and_layer(world: World) -> None:
    world.host.reboot()
    lose_machine(world)
    world.host.layers.clear()


def lose_mount(world: World) -> None:
    world.host.reboot()


def cut_network(world: World) -> None:
    world.host.cut_network(world.record().machine)


def stop_services(world: World) -> None:
    world.host.machines[world.record().machine].units.clear()


def nothing(world: World) -> None:
    pass


@pytest.mark.parametrize(
    "harm", [nothing, lose_machine, lose_machine_and_layer, lose_mount, cut_network, stop_services]
)
def test_repair_from_the_record_alone(demo: Deployment, harm: Callable[[World], None]) -> None:
    demo.install()
    world = demo.world
    world.write("mine", b"data")
    before = world.facts()
    harm(world)
    repair_project(world.services(), world.record())
    assert world.facts() == before
    assert world.record().events[-1].text == "project 'relion-2d' was repaired"
    assert project_status(world.services(), world.record()).desktop_problem == ""


def test_repair_forgets_no_event_and_no_mark(demo: Deployment) -> None:
    demo.world.workflows.errors = {"Import particles": "no such file"}
    demo.install()
    events = len(demo.world.record().events)
    demo.world.host.reboot()
    lose_machine(demo.world)
    repair_project(demo.world.services(), demo.world.record())
    assert [event.text for event in demo.world.record().events[events:]] == [
        "protocol 2 (Import particles) failed: no such file", "project 'relion-2d' was repaired"
    ]  # fmt: skip
    assert demo.world.record().machine_state == MachineState.PERSONAL


def test_repair_keeps_the_ports(demo: Deployment) -> None:
    demo.install()
    ports = demo.world.record().ports
    lose_machine(demo.world)
    repair_project(demo.world.services(), demo.world.record())
    assert demo.world.record().ports == ports
    assert demo.world.record().generation == 2


def test_repair_of_a_volume_that_is_gone_makes_no_empty_one(demo: Deployment) -> None:
    demo.install()
    world = demo.world
    world.host.machines.clear()
    world.host.volumes.clear()
    with pytest.raises(PermanentError, match="is gone"):
        repair_project(world.services(), world.record())
    assert world.host.volumes == {}
    assert world.host.machines == {}


@pytest.mark.parametrize("steps", range(4, len(INSTALL)))
def test_repair_goes_as_far_as_the_install_did(demo: Deployment, steps: int) -> None:
    demo.run(INSTALL[:steps])
    world = demo.world
    lose_machine(world)
    repair_project(world.services(), world.record())
    assert world.host.machines[world.record().machine].running
    parts = {"scipion_project": "workflow", "desktop": "desktop"}
    for node, part in parts.items():
        assert (part in world.record().settings) == any(done == node for done, _ in INSTALL[:steps])


@pytest.mark.parametrize("harm", [stop_services, lose_machine])
def test_a_project_that_cannot_be_read_keeps_nobody_from_the_desktop_on_which_it_is_got_back(
    demo: Deployment, harm: Callable[[World], None]
) -> None:
    demo.install()
    world = demo.world
    harm(world)
    world.broken["/opt/scipion/bin/scipion-workflow"] = "project.sqlite cannot be read"
    with pytest.raises(CommandFailed, match=r"project\.sqlite cannot be read"):
        repair_project(world.services(), world.record())
    assert project_status(world.services(), world.record()).desktop_problem == ""


def test_nothing_to_repair(world: World) -> None:
    demo = Deployment(world, UNSAVED)
    demo.install()
    demo.uninstall()
    with pytest.raises(PermanentError, match="has no machine to repair"):
        repair_project(world.services(), world.record())


def test_status(demo: Deployment) -> None:
    demo.install()
    demo.world.clock.seconds = 86400.0
    status = project_status(demo.world.services(), demo.world.record())
    assert (status.machine_problem, status.desktop_problem, status.held) == ("", "", "")
    assert status.software == {
        "scipion": "3.8.3", "scipion-em-relion": "4.0.20", "relion": "3.1.3", "demo-particles": "1"
    }  # fmt: skip
    assert status.seconds_left == 13 * 86400
    assert [p.status for p in status.protocols] == ["finished", "finished"]
    assert status.deployment == "relion-2d"
    assert status.ssh == f"scipion@127.0.0.1, port {demo.world.record().port('ssh')}"


def test_status_of_a_machine_that_is_down_or_cannot_be_reached(demo: Deployment) -> None:
    demo.install()
    world = demo.world
    world.broken["/opt/scipion/bin/scipion-workflow"] = "file is not a database"
    status = project_status(world.services(), world.record())
    assert status.protocols == []
    (told,) = [text for name, text in status_lines(status) if name == "workflow"]
    assert told.startswith("what its steps do cannot be said: ") and "file is not a database" in told
    world.host.cut_network(world.record().machine)
    assert "has no network" in project_status(world.services(), world.record()).machine_problem
    world.host.reboot()
    status = project_status(world.services(), world.record())
    assert status.machine_problem.endswith("is not running")
    assert status.desktop_problem.endswith("is not running")
    lose_machine(world)
    assert project_status(world.services(), world.record()).machine_problem.endswith("does not exist")


def test_status_of_a_held_project(world: World) -> None:
    demo = Deployment(world, UNSAVED)
    demo.install()
    demo.uninstall()
    status = project_status(world.services(), world.record())
    assert (status.machine_problem, status.desktop_problem, status.desktop) == ("not installed", "not installed", "")
    assert "no proof" in status.held


ASKED_ALONE = ("machine", "configuration", "scipion_project", "seal")
"""Parts that are told of with what is asked of them besides, or that nothing can be wrong with."""


@pytest.mark.parametrize("part", [part for part in PARTS if part.name not in ASKED_ALONE])
def test_what_is_wrong_with_a_part_is_in_its_status(
    demo: Deployment, monkeypatch: pytest.MonkeyPatch, part: Part
) -> None:
    """No part of the table is left out, whatever asks it."""
    demo.install()
    world = demo.world
    world.services().projects.save(world.record().asking("puppet", {}))
    monkeypatch.setitem(part.__dict__, "problem", lambda services, record: f"{part.name} is broken")
    status = project_status(world.services(), world.record())
    assert status.problems == {part.name: f"{part.name} is broken"}
    assert exit_code(status) == FAILED
    assert any(f"{part.name} is broken" in text for _, text in status_lines(status))
    assert any("cloudify-scipion repair relion-2d" in text for _, text in status_lines(status))


def test_warnings_and_grace_are_in_the_record(demo: Deployment) -> None:
    demo.install()
    assert demo.world.record().settings["time_limit"] == {
        "days": 14, "warning_days": 3, "grace_days": 30, "time_zone": "UTC"
    }  # fmt: skip


def test_an_authors_classes_that_fail_keep_nobody_from_the_desktop(demo: Deployment) -> None:
    demo.install()
    world = demo.world
    asked = {"run": "software", "classes": ["mine"], "data": {}, "modules": "", "applied": 1}
    world.services().projects.save(world.record().asking("puppet", {"mine": asked}))
    stop_services(world)
    apply = world.puppet.apply

    def failing(shell: Any, access: Any, run: str, classes: Any, *more: Any) -> Any:
        if "mine" in classes:
            raise PuppetFailed("a mirror is down")
        return apply(shell, access, run, classes, *more)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(world.puppet, "apply", failing)
        with pytest.raises(PuppetFailed, match="a mirror is down"):
            repair_project(world.services(), world.record())
    assert project_status(world.services(), world.record()).desktop_problem == ""


def test_a_data_space_that_the_site_has_no_more_is_told_and_ends_no_look(demo: Deployment) -> None:
    demo.install()
    world, record = demo.world, demo.world.record()
    elsewhere = {**record.settings["data"], "project": {"source": "gone:p"}}
    world.services().projects.save(record.asking("data", elsewhere))
    status = project_status(world.services(), world.record())
    assert [need.kind for need in status.not_saved] == ["silent"] and "no data space 'gone'" in status.not_saved[0].text
    (seen,) = all_projects(world.services())
    assert (seen.state, seen.title) == ("running", status.title) and seen.needs[0].text == status.not_saved[0].text


def test_status_asks_the_workflow_once(demo: Deployment) -> None:
    demo.install()
    demo.world.sent.clear()
    project_status(demo.world.services(), demo.world.record())
    assert len([words for words, _ in demo.world.sent if WORKFLOW_TOOL in words]) == 1
