"""Steps that run: an uninstall names them and goes on only on somebody's word; disks that are nearly full are named."""

from __future__ import annotations

import pytest
from cloudify.exceptions import NonRecoverableError

from cloudify_scipion.cli.status import status_lines
from cloudify_scipion.lifecycle.facts import TARGET
from cloudify_scipion.lifecycle.scipion_project import TOOL, ProtocolStatus, awaited
from cloudify_scipion.lifecycle.status import project_status
from cloudify_scipion.lifecycle.steps import stop_steps
from tests.fakes.deployment import UNSAVED, Deployment
from tests.fakes.host import Disk
from tests.fakes.world import World

MINE = {"project": "mine", "id": "7", "label": "my 3D refine", "since": "2026-02-03T04:05:06+00:00"}


def disk(world: World) -> Disk:
    return world.host.machines[world.record().machine]


@pytest.mark.parametrize("inputs", [{}, UNSAVED], ids=["saved", "without a data space"])
def test_an_uninstall_names_what_runs_and_ends_nothing(world: World, inputs: dict[str, object]) -> None:
    demo = Deployment(world, dict(inputs))
    demo.install()
    disk(world).steps.append(MINE)
    before = world.facts()
    with pytest.raises(NonRecoverableError) as caught:
        demo.uninstall()
    said = str(caught.value)
    assert "step 7 of Scipion's project mine: my 3D refine, running since 2026-02-03T04:05:06+00:00" in said
    assert "cloudify-scipion stop-steps relion-2d" in said
    assert world.facts() == before
    assert disk(world).running
    assert disk(world).steps == [MINE]


def test_steps_of_the_workflow_are_named_as_well(world: World) -> None:
    demo = Deployment(world, {"wait_minutes": "0"})
    world.workflows.seconds = 5000.0
    demo.install()
    with pytest.raises(NonRecoverableError, match="step 2 of .* relion-2d: Import particles, running since"):
        demo.uninstall()


def test_after_the_word_for_it_the_project_ends_sealed(world: World) -> None:
    demo = Deployment(world, {"wait_minutes": "0"})
    world.workflows.seconds = 5000.0
    demo.install()
    disk(world).steps.append(MINE)
    record = stop_steps(world.services(), world.record())
    assert disk(world).steps == []
    assert not any(unit.startswith("scipion-workflow@") for unit in disk(world).units)
    assert any("stopped on somebody's word: step 7" in event.text for event in record.events)
    demo.uninstall()
    assert world.host.volumes == {}


def test_what_was_stopped_on_somebodys_word_starts_again_only_with_an_install(world: World) -> None:
    demo = Deployment(world, {"wait_minutes": "0"})
    world.workflows.seconds = 5000.0
    demo.install()
    stop_steps(world.services(), world.record())
    assert world.record().settings["workflow"]["run"] is False
    demo.install()
    assert world.record().settings["workflow"]["run"] is True


def test_a_question_that_has_no_answer_is_said_and_holds_nobody_back(world: World) -> None:
    demo = Deployment(world)
    demo.install()
    world.broken[TOOL] = "project.sqlite is damaged"
    demo.uninstall()
    assert any("which steps run cannot be said" in line for line in world.progress.lines)


@pytest.mark.parametrize(
    ("used", "named", "full"),
    [
        ({"/": 50, TARGET: 89}, [], False),
        ({"/": 50, TARGET: 90}, ["volume"], False),
        ({"/": 95, TARGET: 10}, ["root disk"], False),
        ({"/": 100, TARGET: 99}, ["root disk", "volume"], True),
    ],
)
def test_disks_that_are_nearly_full_are_named(world: World, used: dict[str, int], named: list[str], full: bool) -> None:
    Deployment(world).install()
    disk(world).used.update(used)
    status = project_status(world.services(), world.record())
    assert len(status.disks) == len(named)
    assert all(word in told for word, told in zip(named, status.disks, strict=True))
    assert status.disk_full is full
    assert [line[1] for line in status_lines(status) if line[0] == "DISK"] == status.disks


def test_an_install_says_who_is_awaited_and_the_unit_waits_for_him(world: World) -> None:
    demo = Deployment(world, {"wait_minutes": "60"})
    world.workflows.by_hand = {"Import particles"}
    demo.install()
    said = "workflow: a person must finish step 2 (Import particles) in Scipion's window (then: Continue)"
    assert any(event.text.startswith(said) for event in world.record().events)
    assert any(unit.startswith("scipion-workflow@") for unit in disk(world).units)
    assert world.clock.seconds < 3600  # nobody waits for him in the install


def protocols(*states: str) -> list[ProtocolStatus]:
    return [ProtocolStatus(str(number), f"box {number}", state) for number, state in enumerate(states, 1)]


@pytest.mark.parametrize(
    ("states", "person"),
    [
        (("finished", "interactive", "saved"), "step 2 (box 2)"),
        (("running", "interactive", "saved"), ""),
        (("finished", "interactive", "finished"), ""),
        (("finished", "failed", "saved"), ""),
    ],
)
def test_who_is_awaited_is_said_where_nothing_else_goes_on(states: tuple[str, ...], person: str) -> None:
    assert person in awaited(protocols(*states))
    assert bool(awaited(protocols(*states))) is bool(person)
