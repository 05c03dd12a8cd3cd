"""Ways in which a volume's data could go without anybody having said so."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from cloudify.exceptions import NonRecoverableError

from cloudify_scipion.adapters.local.volumes import LoopVolumes
from cloudify_scipion.cli import wiring
from cloudify_scipion.cli.main import main
from cloudify_scipion.errors import PermanentError
from cloudify_scipion.lifecycle.machine import delete_machine
from cloudify_scipion.lifecycle.repair import repair_project
from cloudify_scipion.lifecycle.volume import discard
from tests.fakes.deployment import INSTALL, Deployment
from tests.fakes.kill import Killed, Reaper
from tests.fakes.ports import FakeProgress
from tests.fakes.world import World

ALLOWED = {"name": "this-machine", "provider": "local", "allow_discard": True}
FORBIDDEN = {**ALLOWED, "allow_discard": False}


def installed(world: World, **inputs: Any) -> Deployment:
    """As an author's blueprint does it, whose documents nobody checks."""
    deployment = Deployment(world, {"data": {}, **inputs})
    deployment.run(INSTALL[1:])
    world.end_process()
    world.write("mine", b"results")
    return deployment


def is_kept(world: World) -> bool:
    return [volume.files.get("mine") for volume in world.host.volumes.values()] == [b"results"]


def refused_install(world: World, **inputs: Any) -> Deployment:
    """`cfy install` over it with other inputs, refused at its first operation: the deployment has them all the same."""
    deployment = Deployment(world, {"volume_size_gb": 99, "data": {}, **inputs})
    with pytest.raises(NonRecoverableError, match="cannot be changed"):
        deployment.operation("volume", "precreate")
    world.end_process()
    return deployment


def test_both_said_it_but_never_together(world: World) -> None:
    """The project said discard where the site forbade it; later the site allows it, and the project says hold."""
    installed(world, volume_at_end="discard", site=FORBIDDEN)
    refused_install(world, volume_at_end="hold", site=ALLOWED).uninstall()
    assert is_kept(world)
    assert world.record().held


def test_the_site_alone_was_changed(world: World) -> None:
    installed(world, volume_at_end="discard", site=FORBIDDEN)
    refused_install(world, volume_at_end="discard", site=ALLOWED).uninstall()
    assert is_kept(world)


def test_a_discard_taken_back_counts_although_the_install_failed(world: World) -> None:
    installed(world, volume_at_end="discard", site=ALLOWED)
    refused_install(world, volume_at_end="hold", site=ALLOWED).uninstall()
    assert is_kept(world)


def test_a_discard_that_was_refused_does_not_count(world: World) -> None:
    installed(world, volume_at_end="hold", site=ALLOWED)
    refused_install(world, volume_at_end="discard", site=ALLOWED).uninstall()
    assert is_kept(world)


@pytest.mark.parametrize("site", [ALLOWED, FORBIDDEN])
def test_discard_needs_both(world: World, site: dict[str, object]) -> None:
    installed(world, volume_at_end="discard", site=site).uninstall()
    assert is_kept(world) == (site is FORBIDDEN)


def test_a_lost_volume_is_never_replaced_by_an_empty_one(world: World) -> None:
    """Its disk may just not be mounted."""
    deployment = installed(world, volume_at_end="hold")
    deployment.uninstall()
    world.end_process()
    volume = world.host.volumes.pop(world.record().volume)
    with pytest.raises(NonRecoverableError, match="is gone"):
        deployment.install()
    assert not world.host.volumes
    world.end_process()
    world.host.volumes[world.record().volume] = volume
    deployment.install()
    assert is_kept(world)


def test_a_lost_volume_may_be_given_up(world: World) -> None:
    deployment = installed(world, volume_at_end="hold")
    deployment.uninstall()
    world.host.volumes.clear()
    discard(world.services(), world.record())
    deployment.install()


@pytest.mark.parametrize("after", [False, True])
def test_an_install_follows_a_killed_deletion(world: World, after: bool) -> None:
    """Somebody decided that the volume may go: what comes then need not ask again."""
    deployment = installed(world, volume_at_end="discard", site=ALLOWED)
    calls = Reaper()
    deployment.run([("desktop", "stop"), ("scipion_project", "stop"), ("machine", "stop"), ("machine", "delete")])
    world.end_process()
    deployment.workflow = "uninstall"
    copy = world.copy(world.root.parent / "counted")
    replace(deployment, world=copy).operation("volume", "delete", calls)
    copy.close()
    for at in range(1, calls.count + 1):
        again = world.copy(world.root.parent / f"killed{at}")
        killed = replace(deployment, world=again, runtime={})
        with pytest.raises(Killed):
            killed.operation("volume", "delete", Reaper(at, after))
        again.end_process()
        killed.install()
        assert again.host.volumes
        again.close()


def test_a_volume_that_cannot_be_unmounted_is_held(world: World) -> None:
    """Cloudify may skip the failure and forget the deployment."""
    deployment = installed(world, volume_at_end="hold")
    deployment.workflow = "uninstall"
    with pytest.raises(NonRecoverableError, match="in use"):
        deployment.operation("volume", "delete")  # the machine's own delete was skipped
    assert world.record().held
    assert is_kept(world)


def test_an_uninstall_killed_in_the_middle_shows_in_held(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    installed(world, volume_at_end="hold")
    delete_machine(world.services(), world.record())
    monkeypatch.setattr(wiring, "make_services", lambda _: world.services())
    assert "relion-2d" in CliRunner().invoke(main, ["held"]).stdout


def test_discard_reads_the_record_under_the_lock(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between looking and locking, an install may have begun and ended."""
    installed(world, volume_at_end="hold").uninstall()
    world.end_process()
    services, late = world.services(), []
    hold = services.projects.hold_lock

    def changed_meanwhile(project: str, purpose: str) -> None:
        Deployment(world, {"data": {}}).install()
        late.append(world.record().ports)
        hold(project, purpose)

    monkeypatch.setattr(services.projects, "hold_lock", changed_meanwhile)
    monkeypatch.setattr(wiring, "make_services", lambda _: services)
    result = CliRunner().invoke(main, ["discard", "relion-2d"])
    assert result.exit_code == 1
    assert is_kept(world)
    assert world.record().ports == late[0] != {}


def test_a_machine_whose_record_was_lost_makes_no_layer(new_world: Callable[[], World]) -> None:
    """An author's machine without a Software node: nobody knows any more what was put on it."""
    world = new_world()
    deployment = Deployment(world)
    deployment.run([("volume", "precreate"), ("volume", "create"), ("machine", "create"), ("machine", "start")])
    machine = world.host.machines[world.record().machine]
    machine.files["/etc/cloudify-desktop/tls/key.pem"] = b"secret"
    world.services().projects.forget("relion-2d")
    deployment.install()
    assert not world.host.layers


def test_a_machine_of_another_deployment_is_not_adopted(world: World) -> None:
    installed(world)
    world.host.volumes.clear()
    world.services().projects.forget("relion-2d")
    world.end_process()
    with pytest.raises(NonRecoverableError, match="belongs to deployment relion-2d"):
        Deployment(world, name="other").operation("volume", "precreate")


def test_a_heal_never_raises_whatever_goes_wrong(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cloudify would delete the machine and make it again."""
    deployment = installed(world)
    deployment.workflow = "heal"

    def broken(*_: object) -> None:
        raise KeyError("bug")

    monkeypatch.setattr("cloudify_scipion.lifecycle.machine.create_machine", broken)
    deployment.operation("machine", "heal")
    assert any("HEAL FAILED" in line for line in deployment.log)


def test_a_volume_that_cannot_be_looked_at_is_not_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    volumes = LoopVolumes(tmp_path, FakeProgress())

    def broken(path: Path, **_: object) -> None:
        raise OSError(5, "Input/output error", str(path))

    monkeypatch.setattr(Path, "stat", broken)
    with pytest.raises(OSError, match="Input/output"):
        volumes.look("v")


def test_discard_of_an_installed_project_is_refused(world: World) -> None:
    installed(world)
    with pytest.raises(PermanentError, match="is installed"):
        discard(world.services(), world.record())


def with_results(world: World) -> Deployment:
    deployment = Deployment(world)
    deployment.install()
    world.write("mine", b"results")
    world.end_process()
    return deployment


def test_an_uninstall_ends_and_what_refuses_it_can_be_put_right(world: World) -> None:
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


def test_saving_that_is_switched_off_afterwards_deletes_nothing(world: World) -> None:
    with_results(world)
    changed = Deployment(world, {"data": {}})
    with pytest.raises(NonRecoverableError, match=r"data\.project\.source"):
        changed.install()
    changed.uninstall()  # with the changed inputs: what counts is what was installed
    assert world.space().files["mine"] == b"results"
    assert not world.host.volumes


def test_nor_where_nobody_knows_any_more_that_it_was_on(world: World) -> None:
    with_results(world)
    world.services().projects.forget("relion-2d")
    changed = Deployment(world, {"data": {}})
    changed.uninstall()
    (volume,) = world.host.volumes.values()
    assert volume.files["mine"] == b"results"
    assert world.record().held


@pytest.mark.parametrize("volume_too", [False, True])
def test_a_machine_that_is_replaced_under_the_same_name_goes_on(world: World, volume_too: bool) -> None:
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


def test_what_is_not_the_volume_is_not_taken_for_it(world: World) -> None:
    deployment = with_results(world)
    world.work("push")
    world.host.volumes[world.record().volume].mark = {}
    world.host.volumes[world.record().volume].files.clear()
    with pytest.raises(NonRecoverableError, match="this is not the project's volume"):
        deployment.uninstall()
    assert world.work("push") == 4
    assert world.space().files["mine"] == b"results"
