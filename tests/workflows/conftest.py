from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cloudify_scipion.adapters import state
from tests.fakes.world import World
from tests.workflows.engine import Engine


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    monkeypatch.setattr(state, "port_is_free", lambda _: True)
    monkeypatch.setenv("CFY_WORKDIR", str(tmp_path / "cfy"))
    world = World(tmp_path / "state")
    yield Engine(world, tmp_path)
    world.close()


@pytest.fixture
def cause(capsys: pytest.CaptureFixture[str]) -> Callable[[Callable[[], object]], str]:
    """Runs an execution that must fail; what its events say (Cloudify's own error has no cause in it)."""

    def fail(act: Callable[[], object]) -> str:
        capsys.readouterr()
        with pytest.raises(RuntimeError):
            act()
        return capsys.readouterr().out

    return fail
