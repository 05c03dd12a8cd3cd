from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.contract.worlds import FakeWorld, RealWorld, World
from tests.realhost import RealHost


@pytest.fixture(params=["fake", pytest.param("real", marks=pytest.mark.machine)])
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    if request.param == "fake":
        yield FakeWorld()
        return
    host = RealHost(request.getfixturevalue("machine_state"))
    host.clear()
    yield RealWorld(host)
    host.clear()
