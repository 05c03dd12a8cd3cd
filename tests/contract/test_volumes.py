"""What every implementation of the port Volumes does."""

from __future__ import annotations

import pytest

from cloudify_scipion.errors import PermanentError, VolumeBusy
from cloudify_scipion.lifecycle.facts import VolumeFacts
from tests.contract.worlds import LAYOUT, World, spec

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
    assert world.volumes.look("v") == VolumeFacts(True, SIZE, False, {"project": "p"})
    for _ in range(2):
        world.volumes.attach("v")
        assert world.volumes.look("v").attached
    assert world.volumes.detach("v")
    assert not world.volumes.detach("v")
    assert world.volumes.look("v").attached is False
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
    assert world.volumes.look("v").attached
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


@pytest.mark.needs("owners")
def test_whose_what_lies_on_a_new_volume_is(world: World) -> None:
    world.volumes.create("v", SIZE, {"project": "p"})
    assert world.layout("v") == LAYOUT


def test_what_lies_on_a_new_volume(world: World) -> None:
    world.volumes.create("v", SIZE, {"project": "p"})
    assert world.mark("v") == {"version": 1, "volume": "v", "project": "p"}


def test_tags_are_replaced_without_a_look_at_the_volume(world: World) -> None:
    world.volumes.create("v", SIZE, {"project": "p"})
    assert world.volumes.tag("v", {"project": "p", "seal": "abc"})
    assert not world.volumes.tag("v", {"project": "p", "seal": "abc"})
    assert world.volumes.look("v").tags == {"project": "p", "seal": "abc"}
    with pytest.raises(PermanentError, match="does not exist"):
        world.volumes.tag("other", {})


def test_all_volumes(world: World) -> None:
    assert world.volumes.all() == {}
    for name in ("v", "w"):
        world.volumes.create(name, SIZE, {"project": name})
    assert world.volumes.all() == {"v": world.volumes.look("v"), "w": world.volumes.look("w")}


def test_unseal(world: World) -> None:
    world.volumes.create("v", SIZE, {})
    with pytest.raises(PermanentError, match="not mounted"):
        world.volumes.unseal("v")
    world.volumes.attach("v")
    assert not world.volumes.unseal("v")
    world.seal("v")
    assert world.volumes.unseal("v")
    assert not world.volumes.unseal("v")


def test_the_seal_on_a_volume_is_read_whether_it_is_mounted_or_not(world: World) -> None:
    assert world.volumes.seal("v") == {}
    world.volumes.create("v", SIZE, {})
    assert world.volumes.seal("v") == {}
    world.seal("v", '{"manifest": "abc"}')
    assert world.volumes.seal("v") == {"manifest": "abc"}
    world.volumes.detach("v")
    assert world.volumes.seal("v") == {"manifest": "abc"}
    assert world.volumes.look("v").attached is False


def test_a_seal_that_makes_no_sense_is_none(world: World) -> None:
    world.volumes.create("v", SIZE, {})
    for text in ("", "[]", '{"manifest": "ab'):
        world.seal("v", text)
        for look in (lambda: None, lambda: world.volumes.detach("v")):
            look()
            assert world.volumes.seal("v") == {}


def test_a_seal_that_was_removed_just_before_the_power_failed_is_none(world: World) -> None:
    """Its removal may be in the journal of the file system only."""
    world.volumes.create("v", SIZE, {})
    world.seal("v", '{"manifest": "abc"}')
    world.volumes.detach("v")
    world.volumes.attach("v")
    assert world.volumes.unseal("v")
    world.cut_power("v")
    assert world.volumes.seal("v") == {}
    assert world.volumes.look("v").attached is False


def test_the_seal_on_a_volume_that_a_machine_uses(world: World) -> None:
    world.volumes.create("v", SIZE, {})
    world.seal("v", '{"manifest": "abc"}')
    world.machines.start(spec(world, "m", volume="v"))
    assert world.volumes.seal("v") == {"manifest": "abc"}
    world.machines.stop("m")
    assert world.volumes.seal("v") == {"manifest": "abc"}
