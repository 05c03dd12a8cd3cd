"""What every implementation of the port Volumes does."""

from __future__ import annotations

import pytest

from cloudify_scipion.errors import PermanentError, VolumeBusy
from cloudify_scipion.lifecycle.facts import VolumeFacts
from tests.contract.worlds import World, spec

SIZE = 100_000_000


def test_absent_volume(world: World) -> None:
    assert world.volumes.look("v") == VolumeFacts(exists=False)
    assert not world.volumes.detach("v")
    assert not world.volumes.delete("v")
    with pytest.raises(PermanentError, match="does not exist"):
        world.volumes.attach("v")


def test_each_verb_is_done_once(world: World) -> None:
    assert world.volumes.create("v", SIZE, {"project": "p"})
    assert not world.volumes.create("v", SIZE, {"project": "p"})
    assert world.volumes.look("v") == VolumeFacts(True, SIZE, None, {"project": "p"})
    point = world.volumes.attach("v")
    assert world.volumes.attach("v") == point
    assert world.volumes.look("v").mounted == point
    assert world.volumes.detach("v")
    assert not world.volumes.detach("v")
    assert world.volumes.look("v").mounted is None
    assert world.volumes.delete("v")
    assert not world.volumes.delete("v")
    assert not world.volumes.look("v").exists


def test_content_stays(world: World) -> None:
    world.volumes.create("v", SIZE, {})
    world.put_data("v", "kept", "results")
    world.volumes.detach("v")
    assert not world.volumes.create("v", SIZE, {})
    assert world.get_data("v", "kept") == "results"
    world.reboot()
    assert world.get_data("v", "kept") == "results"


def test_tags_change_and_nothing_else(world: World) -> None:
    world.volumes.create("v", SIZE, {"held": "no"})
    world.put_data("v", "kept", "results")
    assert not world.volumes.create("v", SIZE, {"held": "yes"})
    assert world.volumes.look("v").tags == {"held": "yes"}
    assert world.get_data("v", "kept") == "results"


def test_detach_while_a_machine_uses_it(world: World) -> None:
    world.volumes.create("v", SIZE, {})
    world.machines.start(spec(world, "m", volume="v"))
    with pytest.raises(VolumeBusy, match="v"):
        world.volumes.detach("v")
    with pytest.raises(VolumeBusy, match="v"):
        world.volumes.delete("v")
    assert world.volumes.look("v").mounted is not None
    world.machines.stop("m")
    assert world.volumes.detach("v")


def test_detach_beside_another_machine(world: World) -> None:
    world.volumes.create("v", SIZE, {})
    world.volumes.attach("v")
    world.machines.start(spec(world, "m"))
    assert world.volumes.detach("v")
    assert world.volumes.delete("v")


def test_delete_mounted(world: World) -> None:
    world.volumes.create("v", SIZE, {})
    world.volumes.attach("v")
    assert world.volumes.delete("v")
    assert not world.volumes.look("v").exists
