"""No record is no proof: what a deployment has made is remembered in Cloudify, and nobody but its own state ends it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cloudify.exceptions import NonRecoverableError

from cloudify_scipion.adapters.files import write_atomic
from cloudify_scipion.lifecycle.volume import discard
from tests.fakes.deployment import DISCARD, GATE, INSTALL, UNINSTALL, UNSAVED, Deployment
from tests.fakes.kill import Killed, Reaper
from tests.fakes.world import World
from tests.unit.lifecycle.test_seal import installed

NewWorld = Callable[[], World]
ENDING = (GATE, *UNINSTALL)


def emptied(world: World, new_world: NewWorld) -> World:
    """Somebody has emptied the state root, or its disk is not mounted; the next call makes a new installation."""
    shutil.rmtree(world.root)
    return world


def without_projects(world: World, new_world: NewWorld) -> World:
    """The installation is the same, and knows no project."""
    shutil.rmtree(world.root / "projects")
    return world


def restored_elsewhere(world: World, new_world: NewWorld) -> World:
    """A worker on this host with another state root."""
    other = new_world()
    write_atomic(other.root / "installation", b"89abcdef")
    return replace(world, root=other.root)


def another_host(world: World, new_world: NewWorld) -> World:
    """A worker that has nothing of it, but its own memory of other projects."""
    other = new_world()
    write_atomic(other.root / "installation", b"89abcdef")
    Deployment(other, {"project_id": "theirs"}, name="theirs").install()
    other.end_process()
    return other


def same_id_of_another(world: World, new_world: NewWorld) -> World:
    """There, the project's id belongs to somebody else's deployment, with data."""
    other = new_world()
    write_atomic(other.root / "installation", b"89abcdef")
    Deployment(other, name="somebody-elses").install()
    other.end_process()
    return other


LOSSES = [emptied, without_projects, restored_elsewhere, another_host, same_id_of_another]


def lives(world: World) -> bool:
    (disk,), (volume,) = world.host.machines.values(), world.host.volumes.values()
    return disk.running and volume.files["mine"] == b"results"


def refused(act: Callable[[], object]) -> str:
    with pytest.raises(NonRecoverableError) as caught:
        act()
    return str(caught.value)


@pytest.mark.parametrize("inputs", [{}, DISCARD, UNSAVED])
@pytest.mark.parametrize("lose", LOSSES)
def test_no_operation_ends_what_another_record_knows(
    world: World, new_world: NewWorld, lose: Callable[..., World], inputs: dict[str, Any]
) -> None:
    deployment = installed(world, **inputs)
    record, place = world.record(), world.services().projects.place()
    there = replace(deployment, world=lose(world, new_world))
    before = there.world.facts()
    for workflow in ("uninstall", "reinstall", "update", "execute_operation"):
        there.workflow = workflow
        for operation in ENDING:  # as `ignore_failure` goes on after each
            said = refused(lambda operation=operation: there.operation(*operation))  # type: ignore[misc]
            assert f"installation {record.binding.installation}" in said
            for told in (place.host, place.root, record.machine, record.volume, "ignore_failure=true"):
                assert told in said
        there.world.end_process()
    assert lives(world)
    assert {**there.world.facts(), "folders": 0} == {**before, "folders": 0}


@pytest.mark.parametrize("lose", [emptied, restored_elsewhere, another_host, same_id_of_another])
def test_nothing_is_made_a_second_time_elsewhere(world: World, new_world: NewWorld, lose: Callable[..., World]) -> None:
    """An install or heal by a worker with another state would make an empty volume beside the one with the data."""
    deployment = installed(world)
    there = replace(deployment, world=lose(world, new_world))
    before = there.world.facts()
    for workflow, operations in (("install", INSTALL), ("heal", [(node, "heal") for node in ("software", "desktop")])):
        there.workflow = workflow
        for operation in operations:
            refused(lambda operation=operation: there.operation(*operation))  # type: ignore[misc]
        there.world.end_process()
    there.operation("volume", "heal")
    there.operation("machine", "heal")
    assert sum("HEAL FAILED" in line for line in there.log) == 2
    assert lives(world)
    assert {**there.world.facts(), "folders": 0} == {**before, "folders": 0}


@pytest.mark.parametrize("lose", LOSSES)
def test_questions_do_not_say_install_it(world: World, new_world: NewWorld, lose: Callable[..., World]) -> None:
    deployment = installed(world)
    there = replace(deployment, world=lose(world, new_world))
    for node in ("volume", "machine", "working_copy", "desktop", "seal"):
        assert "has no record in the state folder" in refused(lambda node=node: there.check(node))  # type: ignore[misc]


def test_with_its_own_state_it_ends(world: World, new_world: NewWorld) -> None:
    deployment = installed(world)
    refused(replace(deployment, world=another_host(world, new_world)).uninstall)
    deployment.uninstall()
    assert not world.host.volumes and not world.host.machines
    assert world.space().files["mine"] == b"results"
    assert not any("made" in runtime for runtime in deployment.runtime.values())


def test_where_nothing_was_ever_made_ending_succeeds(world: World, new_world: NewWorld) -> None:
    deployment = Deployment(world)
    deployment.uninstall()
    assert "project 'relion-2d' is gone already: nothing to do" in world.progress.lines
    refused(Deployment(world, {"scipion": "9.9"}).install)
    world.end_process()
    deployment.uninstall()
    Deployment(another_host(world, new_world)).uninstall()
    assert not world.root.joinpath("projects/relion-2d").exists()


def test_a_lost_record_is_made_anew_by_an_install_where_the_volume_is(world: World) -> None:
    deployment = installed(world)
    world.services().projects.save(world.record())
    shutil.rmtree(world.root / "projects")
    assert "cfy install" in refused(deployment.uninstall)
    world.end_process()
    deployment.install()
    world.end_process()
    assert lives(world)
    deployment.uninstall()
    assert world.space().files["mine"] == b"results"


def test_the_end_of_an_earlier_life_proves_nothing_where_something_is_left(world: World) -> None:
    """Somebody has put an old note of the end beside it, with a backup of the state root, say."""
    deployment = installed(world)
    world.services().projects.forget("relion-2d")
    assert "has no record" in refused(deployment.uninstall)
    assert lives(world)
    deployment.runtime.clear()
    deployment.uninstall()
    assert world.record().held
    assert [volume.files["mine"] for volume in world.host.volumes.values()] == [b"results"]


def test_a_lost_record_and_a_lost_volume_are_no_new_project(world: World) -> None:
    """Its disk may just not be mounted."""
    deployment = installed(world)
    shutil.rmtree(world.root / "projects")
    world.host.reboot()
    world.host.volumes.clear()
    assert "has no record" in refused(deployment.install)
    assert not world.host.volumes


def test_without_record_and_memory_nothing_unproven_goes(world: World) -> None:
    """`cfy install` over it forgot what Cloudify knew, and then the state was lost: only the tags are left."""
    deployment = installed(world, **DISCARD)
    deployment.runtime.clear()
    shutil.rmtree(world.root / "projects")
    deployment.uninstall()
    assert world.record().held
    assert [volume.files["mine"] for volume in world.host.volumes.values()] == [b"results"]


@pytest.mark.parametrize("after", [False, True])
def test_what_is_made_is_remembered_before_wherever_the_install_is_killed(new_world: NewWorld, after: bool) -> None:
    calls = Reaper()
    Deployment(new_world()).run(INSTALL[:4], calls)
    for at in range(1, calls.count + 1):
        world = new_world()
        deployment = Deployment(world)
        with pytest.raises(Killed):
            deployment.run(INSTALL[:4], Reaper(at, after))
        world.end_process()
        if world.host.volumes:
            assert deployment.runtime["volume"]["made"]["volume"] in world.host.volumes, at
        if world.host.machines:
            assert deployment.runtime["machine"]["made"]["machine"] in world.host.machines, at
        deployment.uninstall()
        assert not world.host.machines, at
        world.close()


@pytest.mark.parametrize("after", [False, True])
def test_an_ending_that_was_killed_goes_on(new_world: NewWorld, after: bool) -> None:
    """Between the record's end and Cloudify's note of it there is a moment, too."""
    calls = Reaper()
    counted = installed(new_world())
    counted.operation(*GATE)
    counted.run(UNINSTALL, calls)
    for at in range(1, calls.count + 1):
        world = new_world()
        deployment = installed(world)
        deployment.operation(*GATE)
        with pytest.raises(Killed):
            deployment.run(UNINSTALL, Reaper(at, after))
        world.end_process()
        deployment.run(UNINSTALL)
        assert not world.host.machines and not world.host.volumes and not world.known(), at
        assert not any("made" in runtime for runtime in deployment.runtime.values()), at
        world.close()


def test_what_a_person_has_discarded_has_ended(world: World) -> None:
    deployment = installed(world, **UNSAVED)
    deployment.run([("machine", "stop"), ("machine", "delete")])
    discard(world.services(), world.record())
    deployment.run(UNINSTALL)
    assert any("gone already" in line for line in world.progress.lines)
    deployment.install()  # a new life, of which the end of the last one says nothing
    world.write("mine", b"results")
    world.end_process()
    shutil.rmtree(world.root / "projects")
    deployment.workflow = "uninstall"
    assert "has no record" in refused(deployment.uninstall)
    assert lives(world)


@pytest.mark.parametrize("workflow", ["heal", "reinstall", "update"])
def test_it_is_remembered_when_nodes_are_made_again(world: World, workflow: str) -> None:
    deployment = installed(world)
    deployment.workflow = workflow
    deployment.run([("machine", "stop"), ("machine", "delete"), ("volume", "delete")])
    assert deployment.runtime["volume"]["made"]["volume"] == world.record().volume
    deployment.run(INSTALL)
    assert deployment.runtime["machine"]["made"]["machine"] == world.record().machine


def test_what_is_remembered_is_public(world: World) -> None:
    deployment = installed(world)
    record, place = world.record(), world.services().projects.place()
    expected = {
        "project": "relion-2d", "installation": record.binding.installation, "host": place.host, "root": place.root,
        "machine": record.machine, "volume": record.volume,
    }  # fmt: skip
    assert deployment.runtime["volume"]["made"] == deployment.runtime["machine"]["made"] == expected
    assert json.loads(json.dumps(expected)) == expected


def test_a_state_root_that_was_moved_is_the_same(world: World, tmp_path: Path) -> None:
    deployment = installed(world)
    shutil.copytree(world.root, tmp_path / "moved")
    shutil.rmtree(world.root / "projects")
    replace(deployment, world=replace(world, root=tmp_path / "moved")).uninstall()
    assert not world.host.volumes and not world.host.machines


@pytest.mark.parametrize("facts", [None, {}, [], 3, "x", [1], {"project": 3}, {"project": "../x"}, {"volume": "../x"}])
def test_a_damaged_memory_is_one_all_the_same(world: World, new_world: NewWorld, facts: object) -> None:
    """Somebody has changed the runtime properties: it still says that something was made."""
    deployment = installed(world)
    for runtime in deployment.runtime.values():
        runtime |= {"made": facts} if "made" in runtime else {}
    there = replace(deployment, world=another_host(world, new_world))
    for workflow, operations in (("uninstall", ENDING), ("install", INSTALL)):
        there.workflow = workflow
        for operation in operations:
            assert "has no record" in refused(lambda operation=operation: there.operation(*operation))  # type: ignore[misc]
    assert lives(world)
    there.world.end_process()
    deployment.workflow = "uninstall"
    deployment.uninstall()  # where the record is, it is not asked
    assert not world.host.volumes and world.space().files["mine"] == b"results"


@pytest.mark.parametrize("change", [{"project": "another"}, {"root": "/elsewhere"}, {"host": "elsewhere"}])
def test_what_ended_here_is_not_what_is_remembered(world: World, change: dict[str, str]) -> None:
    """A copy of this installation has made it anew since, or what is remembered is another project."""
    deployment = installed(world)
    before = {node: dict(runtime) for node, runtime in deployment.runtime.items()}
    deployment.uninstall()
    world.end_process()
    for node, runtime in before.items():
        deployment.runtime[node] = {**runtime, "made": {**runtime["made"], **change}} if "made" in runtime else runtime
    for operation in ENDING:
        refused(lambda operation=operation: deployment.operation(*operation))  # type: ignore[misc]
    assert any("made" in runtime for runtime in deployment.runtime.values())
