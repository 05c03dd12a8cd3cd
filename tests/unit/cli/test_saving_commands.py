"""`save`, `rescue`, `held`, `discard` and `status`, which need nothing but the project's state."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner, Result

from cloudify_scipion.cli import wiring
from cloudify_scipion.cli.main import main
from tests.fakes.deployment import UNINSTALL, Deployment
from tests.fakes.world import World


@pytest.fixture(autouse=True)
def wired(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wiring, "make_services", lambda _: world.services())


@pytest.fixture
def installed(world: World) -> World:
    Deployment(world).install()
    world.write("mine", b"results")
    world.end_process()
    return world


def run(*words: str) -> Result:
    return CliRunner().invoke(main, words)


def left_over(world: World) -> None:
    """Uninstalled over the gate."""
    Deployment(world, workflow="uninstall").run(UNINSTALL)
    world.end_process()


def test_save(installed: World) -> None:
    said = run("save", "relion-2d")
    assert (said.exit_code, "is in the data space, and was read back" in said.stdout) == (0, True)
    assert installed.space().files["mine"] == b"results"
    installed.host.agents.unsavable.add("mine")
    installed.write("mine", b"more")
    said = run("save", "relion-2d")
    assert (said.exit_code, "could not be saved: mine" in said.stderr) == (1, True)


def test_rescue_and_discard(installed: World) -> None:
    left_over(installed)
    said = run("rescue", "relion-2d")
    assert (said.exit_code, "is sealed: all its data are in the data space" in said.stdout) == (0, True)
    assert installed.space().files["mine"] == b"results"
    installed.end_process()
    assert run("discard", "relion-2d").exit_code == 0
    assert not installed.host.volumes and "NOT PROVEN SAVED" not in installed.progress.text


@pytest.mark.parametrize("words", [["save", "x"], ["rescue", "x"], ["discard", "x"]])
def test_unknown_projects(installed: World, words: list[str]) -> None:
    said = run(*words)
    assert said.exit_code == 1
    assert "'x'" in said.stderr
    assert installed.host.volumes


def test_held(installed: World) -> None:
    assert run("held").output == "no volume is held\n"
    left_over(installed)
    assert "the last push that is known was" in run("held").stdout
    (row,) = json.loads(run("held", "--json").stdout)
    assert (row["project"], row["bytes"]) == ("relion-2d", 2_000_000_000)
    installed.services().projects.forget("relion-2d")
    assert "its project's record is lost or damaged" in run("held").stdout
    assert run("discard", "relion-2d").exit_code == 0
    assert not installed.host.volumes


def test_status_shows_the_saving(installed: World) -> None:
    said = run("status", "relion-2d")
    assert (said.exit_code, "saving     2 files not saved yet, nothing was saved so far" in said.stdout) == (0, True)
    ways = installed.host.agents
    ways.alarms.append("the trash is full")
    ways.questions.append({"id": "q", "text": "400 files were deleted: on purpose?", "answers": ["yes"]})
    said = run("status", "relion-2d")
    assert "QUESTION q: 400 files were deleted: on purpose?; ALARM the trash is full" in said.stdout
    assert json.loads(run("status", "relion-2d", "--json").stdout)["saving"]["unsaved"] == 2
