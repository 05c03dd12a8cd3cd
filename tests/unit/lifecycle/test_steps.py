"""Steps that run: an uninstall names them and goes on only on somebody's word; disks that are nearly full are named."""

from __future__ import annotations

from dataclasses import replace

import pytest
from cloudify.exceptions import NonRecoverableError

from cloudify_scipion.cli.status import status_lines
from cloudify_scipion.errors import MachineUnreachable, StepsRun
from cloudify_scipion.lifecycle import seal
from cloudify_scipion.lifecycle.layout import DESKTOP_UNITS, TARGET, WORKFLOW_TOOL
from cloudify_scipion.lifecycle.ports import Shell
from cloudify_scipion.lifecycle.record import Record
from cloudify_scipion.lifecycle.scipion_project import ProtocolStatus, awaited, run_workflow
from cloudify_scipion.lifecycle.status import project_status
from cloudify_scipion.lifecycle.steps import ask_about_steps, stop_steps
from tests.fakes.deployment import UNSAVED, Deployment
from tests.fakes.host import Disk
from tests.fakes.world import World

MINE = {"project": "mine", "id": "7", "label": "my 3D refine", "since": "2026-02-03T04:05:06+00:00"}
WAITING = {**MINE, "id": "8", "label": "my mask", "since": "2026-02-03T04:05:07+00:00", "status": "scheduled"}


def disk(world: World) -> Disk:
    return world.host.machines[world.record().machine]


@pytest.mark.parametrize("inputs", [{}, UNSAVED], ids=["saved", "without a data space"])
def test_an_uninstall_names_what_runs_and_ends_nothing(world: World, inputs: dict[str, object]) -> None:
    demo = Deployment(world, dict(inputs))
    demo.install()
    disk(world).steps.extend([MINE, WAITING])
    before = world.facts()
    with pytest.raises(NonRecoverableError) as caught:
        demo.uninstall()
    said = str(caught.value)
    assert "step 8 of Scipion's project mine: my mask, waiting for its inputs since 2026-02-03T04:05:07" in said
    assert "cfy uninstall -b" in said and "ignore_failure=true" in said
    assert "step 7 of Scipion's project mine: my 3D refine, running since 2026-02-03T04:05:06+00:00" in said
    assert "cloudify-scipion stop-steps relion-2d" in said
    assert world.facts() == before
    assert disk(world).running
    assert disk(world).steps == [MINE, WAITING]


def test_a_step_that_began_while_all_was_saved_is_asked_about_too(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    demo = Deployment(world)
    demo.install()
    monkeypatch.setattr(seal, "write_about", lambda *_: disk(world).steps.append(MINE))
    with pytest.raises(NonRecoverableError, match="are running, so nothing was stopped:\n.*my 3D refine"):
        demo.uninstall()
    assert disk(world).steps == [MINE]
    assert set(DESKTOP_UNITS) <= set(disk(world).units)


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
    assert not any(unit.startswith("scipion-workflow@") for unit in {*disk(world).units, *disk(world).enabled})
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
    assert disk(world).enabled == {"scipion-workflow@relion-2d.service"}  # a boot goes on with it


def test_a_workflow_that_is_not_asked_for_any_more_is_not_started_by_a_boot(world: World) -> None:
    demo = Deployment(world, {"wait_minutes": "0"})
    world.workflows.seconds = 5000.0
    demo.install()
    record = world.record().asking("workflow", {**world.record().settings["workflow"], "run": False})
    run_workflow(world.services(), record)
    assert disk(world).enabled == set()


def test_a_machine_that_works_too_hard_to_answer_at_once_is_asked_again(world: World) -> None:
    Deployment(world, UNSAVED).install()
    disk(world).steps.append(MINE)
    services, busy = world.services(), [True, True]

    def connect(record: Record) -> Shell:
        if busy:
            busy.pop()
            raise MachineUnreachable("SSH failed: Connection timed out during banner exchange")
        return services.connect(record)

    with pytest.raises(StepsRun, match="my 3D refine"):
        ask_about_steps(replace(services, connect=connect), world.record())


def test_a_question_that_has_no_answer_is_said_and_holds_nobody_back(world: World) -> None:
    demo = Deployment(world)
    demo.install()
    world.broken[WORKFLOW_TOOL] = "project.sqlite is damaged"
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


def test_a_disk_that_can_hold_no_more_files_is_named_though_it_has_room(world: World) -> None:
    Deployment(world).install()
    disk(world).used[TARGET], disk(world).used_files[TARGET] = 10, 100
    status = project_status(world.services(), world.record())
    (told,) = status.disks
    assert told.startswith("volume ") and told.endswith(
        "FULL OF FILES, steps that make one fail, room for 0 more files"
    )
    assert status.disk_full


def test_an_install_says_who_is_awaited_and_the_unit_waits_for_him(world: World) -> None:
    demo = Deployment(world, {"wait_minutes": "60"})
    world.workflows.by_hand = {"Import particles"}
    demo.install()
    said = "workflow: a person must finish step 2 (Import particles) in Scipion's window; it goes on by itself"
    assert any(event.text.startswith(said) for event in world.record().events)
    assert any(unit.startswith("scipion-workflow@") for unit in disk(world).units)
    assert world.clock.seconds < 3600  # nobody waits for him in the install


def test_who_is_awaited_is_what_the_machine_says() -> None:
    """It alone knows which step waits for which; a manual step that others have used already keeps nobody back."""
    done, open_ = (ProtocolStatus(id, f"box {id}", "interactive", awaited=id == "3") for id in "23")
    assert awaited([done]) == ""
    assert awaited([done, open_]).startswith("a person must finish step 3 (box 3) in Scipion's window")
