"""`open`: links for those who work and those who only look, their end, and who is there."""

from __future__ import annotations

import json
import webbrowser

import pytest
from click.testing import CliRunner, Result

from cloudify_scipion.cli import wiring
from cloudify_scipion.cli.main import main
from tests.fakes.deployment import Deployment
from tests.fakes.world import World

PROJECT = "relion-2d"


@pytest.fixture(autouse=True)
def installed(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr(wiring, "make_services", lambda _: world.services())
    Deployment(world).install()
    world.end_process()
    return world


def run(*words: str) -> Result:
    return CliRunner().invoke(main, ["open", PROJECT, *words])


def test_a_link_is_all_that_stands_on_standard_output(installed: World) -> None:
    said = run()
    assert said.exit_code == 0
    assert said.stdout == f"http://127.0.0.1:{installed.record().ports['desktop']}/#token=t0ken\n"
    assert "within 60 s, in one browser" in said.stderr and "only looks" not in said.stderr


def test_a_link_that_only_looks_says_how_to_end_it() -> None:
    said = run("--view-only")
    assert f"it only looks; to end it: cloudify-scipion open {PROJECT} --revoke --id link0" in said.stderr
    assert run("--revoke", "--id", "link0").stdout == "ended 1 links and sessions\n"
    assert run("--who").stdout == "nobody is connected\n"


def test_who_is_there_is_told_in_words_and_as_json() -> None:
    run()
    looks = json.loads(run("--view-only", "--json").stdout)["id"]
    lines = run("--who").stdout.splitlines()
    assert [line.split(" since ")[0].split(" from ")[0] for line in lines] == ["link0 works", f"{looks} looks on"]
    told = json.loads(run("--who", "--json").stdout)
    assert [(one["id"], one["view_only"]) for one in told] == [("link0", False), (looks, True)]


def test_those_who_only_look_are_ended_alone() -> None:
    for words in ([], ["--view-only"], ["--view-only"]):
        run(*words)
    assert json.loads(run("--revoke", "--view-only", "--json").stdout) == {"revoked": 2}
    assert [one["id"] for one in json.loads(run("--who", "--json").stdout)] == ["link0"]
    assert json.loads(run("--revoke", "--json").stdout) == {"revoked": 1}
    assert json.loads(run("--who", "--json").stdout) == []


def test_an_id_alone_ends_nothing() -> None:
    said = run("--id", "link0")
    assert said.exit_code == 2
    assert "--id goes with --revoke" in said.stderr


@pytest.mark.parametrize(
    "words",
    [("--revoke", "--who"), ("--revoke", "--browser"), ("--who", "--browser"), ("--who", "--view-only")],
)
def test_options_that_would_be_passed_over_are_refused(words: tuple[str, ...]) -> None:
    run()
    assert run(*words).exit_code == 2
    assert len(json.loads(run("--who", "--json").stdout)) == 1  # nothing was ended or made


@pytest.mark.parametrize("more", [(), ("--json",)])
def test_an_id_that_nobody_has_is_said(more: tuple[str, ...]) -> None:
    run()
    said = run("--revoke", "--id", "nobody", *more)
    assert said.exit_code == 1 and said.stdout == ""
    assert "'nobody'" in said.stderr and f"cloudify-scipion open --who {PROJECT}" in said.stderr


def test_without_a_browser_the_link_stands_there_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webbrowser, "_tryorder", [])
    said = run("--browser")
    assert said.exit_code == 1
    assert "#token=t0ken" in said.stdout and "there is no browser on this machine" in said.stderr


@pytest.mark.parametrize("words", [(), ("--revoke",), ("--who",)])
def test_without_its_machine_it_is_said_what_to_do(installed: World, words: tuple[str, ...]) -> None:
    installed.host.machines[installed.record().machine].running = False
    said = run(*words)
    assert said.exit_code == 1
    assert "is not running" in said.stderr and f"cloudify-scipion repair {PROJECT}" in said.stderr
