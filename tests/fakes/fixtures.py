"""Fixtures on fakes of installations, for the conftest.py of whoever works on them: they need Cloudify."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cloudify_scipion.adapters.files import write_atomic
from cloudify_scipion.adapters.local import addresses
from cloudify_scipion.catalogue.entries.load import load_catalogue
from cloudify_scipion.lifecycle import layer
from tests.fakes.deployment import Deployment
from tests.fakes.world import World


@pytest.fixture
def new_world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], World]]:
    """Makes installations with nothing in them; every port of this host counts as free."""
    monkeypatch.setattr(addresses, "port_is_free", lambda _: True)
    monkeypatch.setattr(
        "cloudify_scipion.adapters.files.os.fsync", lambda _: None
    )  # against power cuts, of which there are none here
    catalogue = load_catalogue()
    monkeypatch.setattr(layer, "load_catalogue", lambda: catalogue)
    made: list[World] = []

    def make() -> World:
        made.append(World(tmp_path / f"state{len(made)}"))
        # one id for all: names of machines and volumes can be compared
        write_atomic(made[-1].root / "installation", b"0123abcd")
        return made[-1]

    yield make
    for world in made:
        world.close()


@pytest.fixture
def world(new_world: Callable[[], World]) -> World:
    return new_world()


@pytest.fixture
def demo(world: World) -> Deployment:
    """The demo, not yet installed."""
    return Deployment(world)
