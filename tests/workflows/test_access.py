"""Whoever may not work with a provider, or in a state root, is told so first, on every way in."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner
from cloudify.exceptions import NonRecoverableError

from cloudify_scipion.adapters.services import make_services
from cloudify_scipion.cli import wiring
from cloudify_scipion.cli.main import main
from tests.fakes.host import with_provider
from tests.workflows.engine import Engine

DENIED, NEXT = "the site's machines are not for you", "next: sudo cfy install"
PROJECT = "relion-2d"


@pytest.fixture
def refusal(capsys: pytest.CaptureFixture[str]) -> Callable[[Callable[[], object]], str]:
    """Runs what must be refused; what its events and its error say."""

    def refused(act: Callable[[], object]) -> str:
        capsys.readouterr()
        with pytest.raises((RuntimeError, NonRecoverableError)) as caught:
            act()
        return capsys.readouterr().out + str(caught.value)

    return refused


Refusal = Callable[[Callable[[], object]], str]


def deny(engine: Engine) -> None:
    engine.services = lambda: with_provider(engine.world.services(), denied=DENIED)


def test_nothing_is_made_for_whoever_may_not_work_with_the_provider(engine: Engine, refusal: Refusal) -> None:
    deny(engine)
    said = refusal(engine.install)
    assert (DENIED in said, NEXT in said) == (True, True)
    assert (engine.world.host.calls, engine.world.known()) == ([], False)


@pytest.mark.parametrize("workflow", ["check_status", "save", "uninstall"])
def test_workflows_of_an_installed_project_say_so(engine: Engine, refusal: Refusal, workflow: str) -> None:
    engine.install()
    before, calls = engine.world.facts(), len(engine.world.host.calls)
    deny(engine)
    said = refusal(lambda: engine.execute(workflow))
    assert (DENIED in said, NEXT in said) == (True, True)
    assert engine.world.facts() == before
    assert engine.world.host.calls[calls:] == []


@pytest.mark.parametrize("command", ["status", "repair", "open", "save", "discard"])
def test_commands_on_a_project_say_so(engine: Engine, monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    engine.install()
    deny(engine)
    monkeypatch.setattr(wiring, "make_services", lambda _: engine.services())
    before = engine.world.facts()
    said = CliRunner().invoke(main, [command, PROJECT], input=PROJECT)
    assert said.exit_code not in (0, 2)
    assert (DENIED in said.output, NEXT in said.output) == (True, True), said.output
    assert engine.world.facts() == before


@pytest.mark.parametrize("workflow", ["check_status", "save", "uninstall"])
def test_a_state_root_of_somebody_else_is_closed(
    engine: Engine, refusal: Refusal, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, workflow: str
) -> None:
    """Also for workflows: a traceback of a file that cannot be read would help nobody."""
    engine.install()
    before = engine.world.facts()
    engine.services = lambda: make_services(print, engine.world.root)
    monkeypatch.setattr(os, "geteuid", lambda: 4_000_000_000)
    said = refusal(lambda: engine.execute(workflow))
    assert f"the state folder {engine.world.root} is" in said
    assert "next: sudo " in said
    assert engine.world.facts() == before
