from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.realhost import state_root


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "machine: real containers, mounts and loop devices (root, minutes)")


@pytest.fixture(scope="session")
def machine_state() -> Iterator[Path]:
    """One state root for all tests on the real machine, so that the base is built once."""
    with state_root() as root:
        yield root
