"""What every implementation of the port Layers does."""

from __future__ import annotations

import pytest

from cloudify_scipion.errors import PermanentError
from tests.contract.worlds import World, spec

A, B = "a" * 64, "b" * 64


def captured(world: World, name: str, digest: str) -> None:
    wanted = spec(world, name)
    world.machines.start(wanted)
    world.put(name, "/opt/software", digest)
    world.machines.stop(name)
    world.machines.capture_layer(wanted, digest, {"scipion": name})


def test_nothing_kept(world: World) -> None:
    assert not world.layers.has(A)
    assert not world.layers.list()
    world.layers.remove(A)


def test_listed_oldest_first_with_users(world: World) -> None:
    captured(world, "one", B)
    captured(world, "two", A)
    world.machines.create(spec(world, "three", layer=B))
    world.machines.delete("two")
    listed = world.layers.list()
    assert [facts.digest for facts in listed] == [B, A]
    assert [facts.used_by for facts in listed] == [("one", "three"), ()]
    assert [facts.contents for facts in listed] == [{"scipion": "one"}, {"scipion": "two"}]
    assert all(facts.size_bytes > 0 and facts.created_at for facts in listed)


def test_layer_in_use_is_refused(world: World) -> None:
    captured(world, "one", A)
    with pytest.raises(PermanentError, match="one"):
        world.layers.remove(A)
    assert world.layers.has(A)
    world.machines.delete("one")
    world.layers.remove(A)
    assert not world.layers.has(A)


def test_layer_of_a_machine_whose_folder_is_lost_is_refused(world: World) -> None:
    captured(world, "one", A)
    world.machines.start(spec(world, "one", layer=A))
    world.lose_folder("one")
    with pytest.raises(PermanentError, match="one"):
        world.layers.remove(A)
    world.machines.delete("one")
    world.layers.remove(A)
    assert not world.layers.list()
