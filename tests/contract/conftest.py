from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.worlds import FakeWorld, RealWorld, World
from tests.realhost import RealHost, state_root


@pytest.fixture(scope="session")
def real_root() -> Iterator[Path]:
    with state_root() as root:
        yield root


@pytest.fixture(params=["fake", pytest.param("real", marks=pytest.mark.machine)])
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    if request.param == "fake":
        yield FakeWorld()
        return
    host = RealHost(request.getfixturevalue("real_root"))
    host.clear()
    yield RealWorld(host)
    host.clear()
