"""Hostile spaces need root and /dev/fuse: all tests here are `long`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hostile.space import HostileSpace


@pytest.fixture
def backing(tmp_path: Path) -> Path:
    """The folder that the data space stands on; what is done to it is done "in the web UI"."""
    folder = tmp_path / "backing"
    folder.mkdir(mode=0o755)
    return folder


@pytest.fixture
def space(backing: Path) -> Iterator[HostileSpace]:
    """A mount of it where nothing is wrong yet."""
    with HostileSpace(backing) as mounted:
        yield mounted
