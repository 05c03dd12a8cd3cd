"""What the predecessor's sync lost, as far as machines and volumes go (the agent's tests have the rest)."""

from __future__ import annotations

import pytest
from cloudify.exceptions import NonRecoverableError

from cloudify_scipion.errors import PermanentError
from cloudify_scipion.lifecycle.repair import repair_project
from cloudify_scipion.lifecycle.volume import discard
from tests.fakes.deployment import Deployment
from tests.fakes.world import World


def with_results(world: World) -> Deployment:
    deployment = Deployment(world)
    deployment.install()
    world.write("mine", b"results")
    world.end_process()
    return deployment


def test_2_uninstall_ends_and_what_refuses_it_can_be_put_right(world: World) -> None:
    """Its cleanup failed by default, for ever."""
    with_results(world).uninstall()
    assert not world.known() and not world.host.volumes
    deployment = with_results(world)
    world.host.agents.failing["push"] = (1, "the data space is full")
    for _ in range(2):
        with pytest.raises(NonRecoverableError, match="the data space is full"):
            deployment.uninstall()
    world.host.agents.failing.clear()
    deployment.uninstall()
    assert not world.known() and not world.host.volumes


def test_3_saving_that_is_switched_off_afterwards_deletes_nothing(world: World) -> None:
    """Its cleanup succeeded, and deleted the results, once a variable was changed after the first copy."""
    with_results(world)
    changed = Deployment(world, {"data": {}})
    with pytest.raises(NonRecoverableError, match=r"data\.project\.source"):
        changed.install()
    changed.uninstall()  # with the changed inputs: what counts is what was installed
    assert world.space().files["mine"] == b"results"
    assert not world.host.volumes


def test_3_and_where_nobody_knows_any_more_that_it_was_on(world: World) -> None:
    with_results(world)
    world.services().projects.forget("relion-2d")
    changed = Deployment(world, {"data": {}})
    changed.uninstall()
    (volume,) = world.host.volumes.values()
    assert volume.files["mine"] == b"results"
    assert world.record().held


@pytest.mark.parametrize("volume_too", [False, True])
def test_4_a_machine_that_is_replaced_under_the_same_name_goes_on(world: World, volume_too: bool) -> None:
    """Its first copy "succeeded" with nothing copied, and no later push ever worked."""
    deployment = with_results(world)
    assert world.work("push") == 0
    record = world.record()
    world.host.reboot()
    world.host.lose_folder(record.machine)
    if volume_too:  # the last save is all that is left
        del world.host.volumes[record.volume]
        with pytest.raises(PermanentError, match="is gone"):
            repair_project(world.services(), record)
        discard(world.services(), world.record())
        deployment.install()
    else:
        repair_project(world.services(), record)
    (volume,) = world.host.volumes.values()
    assert volume.files["mine"] == b"results"
    world.write("mine", b"more")
    assert world.work("push") == 0
    assert world.space().files["mine"] == b"more"


def test_6_what_is_not_the_volume_is_not_taken_for_it(world: World) -> None:
    """Its volume was silently skipped, and the project landed on the root disk."""
    deployment = with_results(world)
    world.work("push")
    world.host.volumes[world.record().volume].mark = {}
    world.host.volumes[world.record().volume].files.clear()
    with pytest.raises(NonRecoverableError, match="this is not the project's volume"):
        deployment.uninstall()
    assert world.work("push") == 4
    assert world.space().files["mine"] == b"results"
