"""Saving a volume whose machine is dead or gone."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from cloudify_scipion.errors import PermanentError, PuppetFailed
from cloudify_scipion.lifecycle.held import held_volumes, lost_record
from cloudify_scipion.lifecycle.rescue import rescue
from cloudify_scipion.lifecycle.volume import discard
from tests.fakes.deployment import UNINSTALL, UNSAVED, Deployment
from tests.fakes.world import World
from tests.unit.lifecycle.test_seal import installed, sealed


def lose_machine(world: World) -> None:
    world.host.reboot()
    world.host.lose_folder(world.record().machine)


def reboot(world: World) -> None:
    world.host.reboot()


def hang(world: World) -> None:
    world.host.cut_network(world.record().machine)


def lose_machine_and_layers(world: World) -> None:
    lose_machine(world)
    world.host.layers.clear()


def uninstalled_over_the_gate(world: World) -> None:
    deployment = Deployment(world, workflow="uninstall")
    deployment.run(UNINSTALL)


@pytest.mark.parametrize("harm", [lose_machine, reboot, hang, lose_machine_and_layers, uninstalled_over_the_gate])
def test_rescue(world: World, harm: Callable[[World], None]) -> None:
    deployment = installed(world)
    harm(world)
    rescue(world.services(), world.record())
    assert sealed(world)
    assert not world.host.machines and not world.host.alive()
    assert world.space().files["mine"] == b"results"
    record = world.record()
    assert (record.installed, record.rescuing, dict(record.ports)) == (False, False, {})
    assert len(world.host.layers) == (0 if harm is lose_machine_and_layers else 1)
    rescue(world.services(), world.record())
    assert "is sealed already" in world.progress.text
    deployment.uninstall()
    assert not world.host.volumes and not world.known()


def test_what_a_rescue_needs(world: World) -> None:
    installed(world, **UNSAVED)
    with pytest.raises(PermanentError, match="names no data space"):
        rescue(world.services(), world.record())
    Deployment(world, {"project_id": "second"}, name="second").install()
    with pytest.raises(PermanentError, match="runs, and can save by itself"):
        rescue(world.services(), world.record("second"))
    lose_machine(world)
    world.host.reboot()
    world.host.volumes.clear()
    with pytest.raises(PermanentError, match="is gone"):
        rescue(world.services(), world.record("second"))


def test_what_a_broken_off_rescue_leaves_is_no_project(world: World) -> None:
    deployment = installed(world)
    lose_machine(world)
    world.puppet.errors.append(PuppetFailed("no room"))
    with pytest.raises(PuppetFailed):
        rescue(world.services(), world.record())
    assert world.record().rescuing
    deployment.install()
    record = world.record()
    assert not record.rescuing
    assert record.generation == 3
    assert world.host.volumes[record.volume].files["mine"] == b"results"


def test_discard_after_a_broken_off_rescue(world: World) -> None:
    installed(world)
    lose_machine(world)
    world.puppet.errors.append(PuppetFailed("no room"))
    with pytest.raises(PuppetFailed):
        rescue(world.services(), world.record())
    discard(world.services(), world.record())
    assert not world.host.machines and not world.host.volumes
    assert "NOT PROVEN SAVED: the last pull that is known was" in world.progress.text


def test_held_and_lost_volumes(world: World) -> None:
    assert held_volumes(world.services()) == []
    installed(world)
    uninstalled_over_the_gate(world)
    (held,) = held_volumes(world.services())
    assert (held.project, held.bytes, "no proof" in held.why, "last push" in held.saved) == (
        "relion-2d", 2_000_000_000, True, True
    )  # fmt: skip
    world.services().projects.forget("relion-2d")
    (lost,) = held_volumes(world.services())
    assert (lost.project, lost.deployment) == ("relion-2d", "relion-2d")
    assert lost.why == "its project's record is lost or damaged"
    with pytest.raises(PermanentError, match="no volume of a project 'other'"):
        lost_record(world.services(), "other")
    discard(world.services(), lost_record(world.services(), "relion-2d"))
    assert held_volumes(world.services()) == []


def test_a_volume_whose_machine_is_gone_is_listed(world: World) -> None:
    """Where the deployment is gone as well nobody would look for it in any other place."""
    installed(world)
    assert held_volumes(world.services()) == []
    lose_machine(world)
    (held,) = held_volumes(world.services())
    assert (held.project, held.why) == ("relion-2d", "its machine is gone")
    rescue(world.services(), world.record())
    world.host.volumes.clear()
    assert "its machine is gone" not in [held.why for held in held_volumes(world.services())]
