"""`stop-steps`: what it ends, and when the workflow goes on."""

from __future__ import annotations

import pytest
from click.testing import CliRunner, Result

from cloudify_scipion.cli import wiring
from cloudify_scipion.cli.main import main
from tests.fakes.deployment import Deployment
from tests.fakes.world import World

PROJECT = "relion-2d"


@pytest.fixture
def running(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr(wiring, "make_services", lambda _: world.services())
    world.workflows.seconds = 5000.0
    Deployment(world, {"wait_minutes": "0"}).install()
    world.end_process()
    return world


def run() -> Result:
    return CliRunner().invoke(main, ["stop-steps", PROJECT])


def test_what_is_ended_is_named_and_stays_ended(running: World) -> None:
    said = run()
    assert said.exit_code == 0
    assert "ending step 2 of Scipion's project relion-2d: Import particles, running since" in said.stdout
    assert f"no step of project '{PROJECT}' runs; its workflow goes on only when it is installed again" in said.stdout


def test_without_its_machine_nothing_is_ended_and_nothing_else_is_said(running: World) -> None:
    running.host.machines[running.record().machine].running = False
    said = run()
    assert said.exit_code == 0
    assert "its workflow goes on with its machine" in said.stdout
    assert running.record().settings["workflow"]["run"] is True
