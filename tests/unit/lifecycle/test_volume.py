"""The volume: adopted, held, discarded; never lost without a word."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from cloudify.exceptions import NonRecoverableError

from cloudify_scipion.adapters.local.volumes import LoopVolumes
from cloudify_scipion.errors import PermanentError
from cloudify_scipion.lifecycle.held import held_volumes
from cloudify_scipion.lifecycle.record import VolumeState
from cloudify_scipion.lifecycle.volume import discard, end_volume, ensure_volume, volume_problem
from tests.fakes.deployment import GATE, INSTALL, SITE, UNINSTALL, Deployment
from tests.fakes.host import with_provider
from tests.fakes.world import World

KEEPING_SITE = {"name": "here", "provider": "local", "allow_discard": False}


def deployment(world: World, at_end: str, allowed: bool) -> Deployment:
    inputs: dict[str, object] = {"volume_at_end": at_end, "data": {}}
    return Deployment(world, inputs if allowed else inputs | {"site": KEEPING_SITE})


@pytest.mark.parametrize(
    ("at_end", "allowed", "kept"),
    [("discard", True, False), ("discard", False, True), ("hold", True, True), ("hold", False, True)],
)
def test_a_volume_goes_only_when_project_and_site_say_so(world: World, at_end: str, allowed: bool, kept: bool) -> None:
    assert "allow_discard: true" in SITE.read_text()
    demo = deployment(world, at_end, allowed)
    if at_end == "discard" and not allowed:  # refused by the first check, and, were that passed over, by every delete
        with pytest.raises(NonRecoverableError, match="allow_discard"):
            demo.operation("volume", "precreate")
    demo.run([("volume", "create"), ("machine", "create"), ("machine", "start")])
    said = [line for line in world.progress.lines if "NOTHING WILL BE KEPT" in line]
    assert bool(said) == (not kept)
    world.write("mine", b"data")
    demo.workflow = "uninstall"
    demo.run([("machine", "stop"), ("machine", "delete"), ("volume", "delete")])
    assert bool(world.host.volumes) == kept == world.known()
    if kept:
        record = world.record()
        assert world.host.volumes[record.volume].files == {"mine": b"data"}
        assert not world.host.volumes[record.volume].attached
        assert "no proof that its data are saved" in record.held
        assert "cloudify-scipion discard relion-2d" in world.progress.text
        assert "is HELD" in record.events[-1].text


def test_a_volume_that_no_machine_ever_had_is_deleted(world: World) -> None:
    demo = deployment(world, "hold", True)
    demo.run([("volume", "precreate"), ("volume", "create")])
    demo.workflow = "uninstall"
    demo.operation("volume", "delete")
    assert world.host.volumes == {}
    assert not world.known()


def test_a_held_volume_is_adopted_with_its_data(world: World) -> None:
    demo = deployment(world, "hold", True)
    demo.install()
    world.write("mine", b"data")
    demo.uninstall()
    assert world.record().held
    demo.install()
    record = world.record()
    assert not record.held
    assert record.generation == 2
    assert world.host.volumes[record.volume].files["mine"] == b"data"
    assert f"volume {record.volume} is there already: adopted" in world.progress.text


def test_discard_is_refused_while_a_machine_exists_or_runs(demo: Deployment) -> None:
    world = demo.world
    demo.install()
    for _ in range(2):
        with pytest.raises(PermanentError) as caught:
            discard(world.services(), world.record())
        assert "project 'relion-2d' is installed" in caught.value.what
        assert "cfy uninstall -b relion-2d" in caught.value.next_step
        if world.host.machines:  # and with its folder gone, it still runs
            world.host.lose_folder(world.record().machine)
    assert len(world.host.volumes) == 1


def test_discard(world: World) -> None:
    demo = deployment(world, "hold", True)
    demo.install()
    demo.uninstall()
    assert world.record().held
    discard(world.services(), world.record())
    assert world.host.volumes == {}
    assert not world.known()
    assert world.facts()["folders"] == []


def test_a_lost_volume_is_an_error_never_replaced(demo: Deployment) -> None:
    demo.install()
    world, record = demo.world, demo.world.record()
    world.host.machines.clear()
    del world.host.volumes[record.volume]
    assert volume_problem(world.services(), record) == f"volume {record.volume} does not exist"
    with pytest.raises(PermanentError, match=r"volume .* is gone"):
        ensure_volume(world.services(), record, heals=True)
    assert world.host.volumes == {}


def test_problems_and_healing(demo: Deployment) -> None:
    demo.install()
    world, record = demo.world, demo.world.record()
    assert volume_problem(world.services(), record) == ""
    world.host.reboot()
    assert "is not mounted" in volume_problem(world.services(), record)
    ensure_volume(world.services(), record, heals=True)
    assert volume_problem(world.services(), record) == ""


def test_ending_what_is_gone_forgets_the_project(demo: Deployment) -> None:
    demo.install()
    world, record = demo.world, demo.world.record()
    world.host.machines.clear()
    del world.host.volumes[record.volume]
    assert end_volume(world.services(), record) is None
    assert not world.known()
    assert "gone already" in world.progress.text


@pytest.mark.parametrize("workflow", ["heal", "reinstall", "execute_operation"])
def test_only_an_uninstall_discards(demo: Deployment, workflow: str) -> None:
    """Cloudify's heal and reinstall delete nodes, too: the demo's volume may go at the end, but this is not the end."""
    demo.install()
    demo.world.write("mine", b"data")
    demo.workflow = workflow
    demo.run([("machine", "stop"), ("machine", "delete"), ("volume", "delete")])
    record = demo.world.record()
    assert record.held
    assert demo.world.host.volumes[record.volume].files["mine"] == b"data"
    demo.install()
    assert demo.world.host.volumes[record.volume].files["mine"] == b"data"


def test_a_volume_that_is_gone_can_be_discarded(demo: Deployment) -> None:
    """Somebody has removed it: only what is known of the project is left."""
    demo.install()
    demo.world.host.machines.clear()
    demo.world.host.volumes.clear()
    discard(demo.world.services(), demo.world.record())
    assert demo.world.services().projects.load("relion-2d") is None


def test_ending_what_is_gone_clears_what_was_left_of_it(world: World, tmp_path: Path) -> None:
    """The install was killed while it made the volume: the image, all of its size, is there under another name."""
    demo = Deployment(world)
    demo.operation("volume", "create")
    record = world.record()
    world.host.volumes.clear()
    folder = tmp_path / "disk/volumes"
    folder.mkdir(parents=True)
    for ending in ("part", "json"):
        (folder / f"{record.volume}.{ending}").write_text("{}")
    services = with_provider(world.services(), volumes=LoopVolumes(tmp_path / "disk", world.progress))
    assert end_volume(services, record) is None
    assert {path.name for path in folder.iterdir()} <= {".lock"}


def test_a_project_whose_machine_is_there_is_not_forgotten(demo: Deployment) -> None:
    demo.install()
    world, record = demo.world, demo.world.record()
    world.host.reboot()
    del world.host.volumes[record.volume]
    demo.workflow = "execute_operation"
    demo.operation("volume", "delete")
    assert world.known()
    assert f"its machine {record.machine} is there still" in world.progress.text
    demo.workflow = "uninstall"
    demo.run(UNINSTALL, ignore_failure=True)
    assert not world.host.machines and not world.known()


@pytest.mark.parametrize("running", [True, False])
def test_a_volume_whose_disk_is_not_mounted_is_not_gone(demo: Deployment, running: bool) -> None:
    demo.install()
    world = demo.world
    world.write("mine", b"data")
    if not running:
        world.host.reboot()
    world.host.unseen = True
    demo.workflow = "uninstall"
    for operation in (GATE, *UNINSTALL):
        with pytest.raises(NonRecoverableError, match="the volumes are not seen"):
            demo.operation(*operation)
    with pytest.raises(PermanentError, match="the volumes are not seen"):
        held_volumes(world.services())
    world.end_process()
    world.host.unseen = False
    assert world.known()
    demo.install()
    demo.uninstall()
    assert world.space().files["mine"] == b"data"
    assert not world.host.volumes and not world.known()


def test_a_volume_that_is_made_anew_after_a_deletion_was_never_written(world: World) -> None:
    """Its deletion began and was cut off: what is there since is empty."""
    demo = Deployment(world)
    demo.run(INSTALL[:2])
    world.services().projects.save(replace(world.record(), volume_state=VolumeState.DISCARDING))
    world.host.volumes.clear()
    demo.run(INSTALL[:2])
    assert world.record().volume_state == VolumeState.NEW
    demo.workflow = "uninstall"
    for operation in (GATE, *UNINSTALL):
        demo.operation(*operation)
    assert world.host.volumes == {} and not world.known()
