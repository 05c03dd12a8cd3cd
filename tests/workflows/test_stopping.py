"""Cloudify's own workflows that stop or make nodes again, by its own engine: all is saved first, the volume is kept."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.unit.lifecycle.test_steps import MINE
from tests.workflows.engine import Engine

Cause = Callable[[Callable[[], object]], str]
LIFECYCLE = "cloudify.interfaces.lifecycle"
MACHINE = {"node_ids": ["machine"]}


def operation(name: str, **more: Any) -> dict[str, Any]:
    return {"operation": f"{LIFECYCLE}.{name}", **more}


STOPPING: dict[str, tuple[str, dict[str, Any]]] = {
    "reinstall": ("reinstall", {}),
    "reinstall of the machine": ("reinstall", MACHINE),
    "heal": ("heal", {"force_reinstall": True, "ignore_failure": False}),
    "stop": ("stop", {}),
    "stop of the machine": ("stop", MACHINE),
    "restart": ("restart", {"run_by_dependency_order": True}),
    "uninstall of the machine": ("uninstall", MACHINE),
    "execute stop": ("execute_operation", operation("stop")),
    "execute prestop": ("execute_operation", operation("prestop")),
    "execute delete": ("execute_operation", operation("delete", **MACHINE)),
}


@pytest.mark.parametrize("name", STOPPING)
def test_it_saves_first_and_keeps_the_volume(engine: Engine, name: str) -> None:
    workflow, parameters = STOPPING[name]
    engine.install()
    engine.world.write("mine", b"data")
    engine.execute(workflow, **parameters)
    assert engine.world.space().files["mine"] == b"data"
    (volume,) = engine.world.host.volumes.values()
    assert volume.files["mine"] == b"data"


@pytest.mark.parametrize("name", STOPPING)
def test_what_cannot_be_saved_is_not_stopped(engine: Engine, cause: Cause, name: str) -> None:
    workflow, parameters = STOPPING[name]
    engine.install()
    engine.world.write("mine", b"data")
    engine.world.host.agents.failing["push"] = (1, "the data space is full")
    said = cause(lambda: engine.execute(workflow, **parameters))
    assert "cannot be saved now, so its machine was not stopped: push: the data space is full" in said
    assert len(engine.world.host.alive()) == 1
    (volume,) = engine.world.host.volumes.values()
    assert volume.files["mine"] == b"data"


RUN = {"node_ids": ["scipion_project"]}
ENDING_STEPS = {
    **STOPPING,
    "uninstall": ("uninstall", {}),
    "uninstall of the workflow's node": ("uninstall", RUN),
    "stop of the workflow's node": ("stop", RUN),
}


@pytest.mark.parametrize("name", ENDING_STEPS)
def test_steps_that_run_are_not_ended_without_a_word(engine: Engine, cause: Cause, name: str) -> None:
    workflow, parameters = ENDING_STEPS[name]
    engine.install()
    (disk,) = engine.world.host.machines.values()
    disk.steps.append(MINE)
    said = cause(lambda: engine.execute(workflow, **parameters))
    assert "are running, so nothing was stopped:\n  step 7 of Scipion's project mine: my 3D refine" in said
    assert disk.running and disk.steps == [MINE]


IGNORING: dict[str, tuple[str, dict[str, Any]]] = {
    "uninstall": ("uninstall", {"ignore_failure": True}),
    "reinstall": ("reinstall", {"ignore_failure": True}),
    "heal": ("heal", {"force_reinstall": True}),
    "stop": ("stop", {**MACHINE, "operation_parms": {"ignore_failure": True}}),
}


@pytest.mark.parametrize("name", IGNORING)
def test_ignoring_that_keeps_the_volume(engine: Engine, name: str) -> None:
    workflow, parameters = IGNORING[name]
    engine.install()
    engine.world.write("mine", b"data")
    engine.world.host.agents.failing["push"] = (1, "the data space is full")
    engine.execute(workflow, **parameters)
    (volume,) = engine.world.host.volumes.values()
    assert volume.files["mine"] == b"data"
    assert engine.world.known()
    assert len(engine.world.host.alive()) == (1 if workflow in ("reinstall", "heal") else 0)
