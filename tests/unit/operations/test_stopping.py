"""Whatever stops or makes nodes again saves first and keeps the volume; only an uninstall ends a project."""

from __future__ import annotations

from itertools import product

import pytest
from cloudify.exceptions import NonRecoverableError

from tests.fakes.deployment import DISCARD, GATE, INSTALL, UNINSTALL, UNSAVED, Deployment
from tests.fakes.world import World
from tests.unit.lifecycle.test_seal import break_push, installed, lose_a_file, mend, sealed
from tests.unit.lifecycle.test_steps import MINE

KEEPING = [
    "reinstall", "heal", "auto_heal_reinstall_node_subgraph", "update", "csys_update_deployment",
    "csys_new_deployment_update", "execute_operation", "stop", "restart", "rollback", "scale", "somebody_elses",
]  # fmt: skip
"""Cloudify's own workflows, its system workflows on a manager, and one that a blueprint's author wrote."""
STOP, DELETE, RUN = ("machine", "stop"), ("machine", "delete"), ("scipion_project", "stop")


def running(world: World) -> bool:
    return bool(world.host.alive())


def kept(world: World) -> bool:
    return [volume.files["mine"] for volume in world.host.volumes.values()] == [b"results"]


@pytest.mark.parametrize("inputs", [{}, DISCARD, UNSAVED])
@pytest.mark.parametrize("workflow", KEEPING)
def test_all_others_keep_the_volume(world: World, workflow: str, inputs: dict[str, object]) -> None:
    deployment = installed(world, **inputs)
    deployment.workflow = workflow
    deployment.operation(*GATE)
    assert running(world) and not sealed(world)
    deployment.run(UNINSTALL)
    assert kept(world) and world.record().held
    assert inputs == UNSAVED or world.space().files["mine"] == b"results"
    deployment.workflow = "install"
    deployment.run(INSTALL)
    assert kept(world) and not world.record().held


@pytest.mark.parametrize("inputs", [{}, UNSAVED], ids=["saved", "without a data space"])
@pytest.mark.parametrize(
    ("workflow", "operation"),
    [*product(KEEPING, [GATE, STOP, RUN]), ("uninstall", STOP), ("uninstall", RUN), ("execute_operation", DELETE)],
)
def test_what_runs_is_not_stopped_without_a_word(
    world: World, workflow: str, operation: tuple[str, str], inputs: dict[str, object]
) -> None:
    """Also by `uninstall -p node_ids=machine`, which never asks the gate."""
    deployment = installed(world, **inputs)
    steps = world.host.machines[world.record().machine].steps
    steps.append(MINE)
    deployment.workflow = workflow
    with pytest.raises(NonRecoverableError) as caught:
        deployment.operation(*operation)
    said = str(caught.value)
    assert "are running, so nothing was stopped:\n  step 7 of Scipion's project mine: my 3D refine" in said
    assert "cloudify-scipion stop-steps relion-2d" in said
    assert ("the same with ignore_failure=true" in said) is (operation != DELETE)  # which has no such parameter
    assert running(world) and steps == [MINE]
    steps.clear()
    deployment.operation(*operation)


@pytest.mark.parametrize(("workflow", "operation"), [*product(KEEPING, [GATE, STOP])])
def test_what_cannot_be_saved_is_not_stopped(world: World, workflow: str, operation: tuple[str, str]) -> None:
    deployment = installed(world)
    break_push(world)
    deployment.workflow = workflow
    with pytest.raises(NonRecoverableError) as caught:
        deployment.operation(*operation)
    said = str(caught.value)
    assert "cannot be saved now, so its machine was not stopped: push: the data space is not the one" in said
    assert "cloudify-scipion save relion-2d" in said and "ignore_failure=true" in said
    assert running(world) and kept(world)
    world.end_process()
    mend(world)
    deployment.operation(*operation)
    assert world.space().files["mine"] == b"results"


@pytest.mark.parametrize("workflow", ["uninstall", *KEEPING])
def test_ignore_failure_keeps_what_could_not_be_saved(world: World, workflow: str) -> None:
    deployment = installed(world)
    break_push(world)
    deployment.workflow = workflow
    deployment.run([GATE, *UNINSTALL], ignore_failure=True)
    assert kept(world)
    if workflow == "execute_operation":  # a delete alone: nobody has asked a stop before
        assert running(world)
    else:
        assert not world.host.machines and world.record().held


@pytest.mark.parametrize("given", [True, "true"])
def test_one_operation_ignores_it_by_its_own_parameter(world: World, given: object) -> None:
    deployment = installed(world)
    world.host.machines[world.record().machine].steps.append(MINE)
    break_push(world)
    deployment.workflow = "stop"
    deployment.operation("scipion_project", "stop", ignore_failure=given)
    assert running(world)
    deployment.operation("machine", "stop", ignore_failure=given)
    assert not running(world) and kept(world)
    assert "NOT SAVED, stopped all the same; its volume is kept" in world.progress.text


def test_an_uninstall_that_ignores_failures_ends_steps_that_run_and_saves(world: World) -> None:
    deployment = installed(world)
    world.host.machines[world.record().machine].steps.append(MINE)
    deployment.workflow = "uninstall"
    deployment.run([GATE, *UNINSTALL], ignore_failure=True)
    assert not world.host.machines and kept(world) and world.space().files["mine"] == b"results"


@pytest.mark.parametrize("operation", [STOP, DELETE])
def test_an_uninstall_of_the_machine_alone_saves_first(world: World, operation: tuple[str, str]) -> None:
    """`uninstall -p node_ids=machine` never asks the gate."""
    deployment = installed(world)
    deployment.operation(*operation)
    assert world.space().files["mine"] == b"results" and kept(world)


def test_a_delete_alone_of_what_cannot_be_saved(world: World) -> None:
    deployment = installed(world)
    lose_a_file(world)
    deployment.workflow = "execute_operation"
    with pytest.raises(NonRecoverableError, match="could not be saved: mine"):
        deployment.operation(*DELETE)
    assert running(world)


def test_a_machine_that_does_not_answer_is_not_stopped_unsaved(world: World) -> None:
    deployment = installed(world)
    world.host.cut_network(world.record().machine)
    deployment.workflow = "reinstall"
    with pytest.raises(NonRecoverableError, match="Connection refused"):
        deployment.operation(*STOP)
    assert running(world)
    deployment.operation(*DELETE)  # its stop was refused, and that was ignored
    assert not running(world) and kept(world)


def test_what_is_sealed_or_down_or_never_filled_needs_no_saving(world: World) -> None:
    deployment = installed(world)
    deployment.operation(*GATE)
    pushes = world.host.agents.failing
    break_push(world)
    deployment.operation(*STOP)
    deployment.operation(*DELETE)
    pushes.clear()
    deployment.operation("volume", "delete")
    assert not world.host.volumes


def test_before_the_first_copy_is_complete_nothing_is_asked(world: World) -> None:
    world.host.agents.failing["pull"] = (3, "the folder belongs to another")
    deployment = Deployment(world)
    with pytest.raises(NonRecoverableError, match="belongs to another"):
        deployment.install()
    deployment.workflow = "reinstall"
    deployment.operation(*STOP)
    assert not running(world)
    assert "the first copy from the data space was never complete" in world.progress.text
