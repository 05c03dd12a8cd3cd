from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.worlds import FakeWorld, RealWorld, World
from tests.realhost import RealHost
from tests.toy.world import ToyWorld

WORLDS = {"fake": FakeWorld, "toy": ToyWorld, "real": RealWorld}


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "needs(*what): only for worlds that do not say that they lack it")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Each test on each world that has what it needs."""
    if "world" in metafunc.fixturenames:
        needed = {what for mark in metafunc.definition.iter_markers("needs") for what in mark.args}
        names = [name for name, kind in WORLDS.items() if not needed & kind.lacks]
        marked = [pytest.param(name, marks=[pytest.mark.machine] * (name == "real")) for name in names]
        metafunc.parametrize("world", marked, indirect=True)


@pytest.fixture
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    if request.param != "real":
        yield FakeWorld(tmp_path) if request.param == "fake" else ToyWorld(tmp_path)
        return
    host = RealHost(request.getfixturevalue("machine_state"))
    host.clear()
    yield RealWorld(host)
    host.clear()
