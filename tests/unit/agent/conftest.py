"""A machine of a project, with its first pull done."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.agent.rig import Rig
from tests.unit.agent.typed import configure, run


@pytest.fixture
def new(tmp_path: Path) -> Rig:
    """Before the first pull."""
    return Rig(tmp_path / "volume", tmp_path / "space")


@pytest.fixture
def rig(new: Rig) -> Rig:
    new.pull()
    return new


@pytest.fixture
def typed(new: Rig) -> Rig:
    """One whose works are typed, its first pull, too."""
    configure(new)
    assert run(new, "pull") == 0
    return new


@pytest.fixture
def facility(new: Rig) -> Rig:
    """A data space with raw data, before anything was copied."""
    for number in range(20):
        new.web(f"raw/movie{number}.mrc", f"movie {number}", age=5000)
    return new
