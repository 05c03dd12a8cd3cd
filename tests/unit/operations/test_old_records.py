"""Records that are older copies of themselves, that miss something, or that another installation has made anew."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from cloudify.exceptions import NonRecoverableError

from cloudify_scipion.adapters.files import write_atomic
from cloudify_scipion.cli.wiring import locked_record
from cloudify_scipion.errors import PermanentError
from cloudify_scipion.lifecycle.record import from_document, to_document
from cloudify_scipion.lifecycle.rescue import rescue
from cloudify_scipion.lifecycle.volume import discard
from tests.fakes.deployment import GATE, INSTALL, UNINSTALL, Deployment
from tests.fakes.world import World


@pytest.mark.parametrize("running", [True, False])
@pytest.mark.parametrize("cut", range(1, len(INSTALL)))
def test_no_older_record_lets_a_written_volume_go(world: World, cut: int, running: bool) -> None:
    """A backup of the state of a time before the machine's first start, say: it knows of no data."""
    demo = Deployment(world)
    demo.run(INSTALL[:cut])
    path = world.root / "projects/relion-2d/project.json"
    older = path.read_bytes()
    demo.run(INSTALL[cut:])
    world.write("mine", b"results")
    world.end_process()
    path.write_bytes(older)
    loses_nothing(demo, running)


@pytest.mark.parametrize("running", [True, False])
def test_no_record_of_a_deletion_that_began_once_goes_on_with_it_later(demo: Deployment, running: bool) -> None:
    """The discard was killed, and the project was installed again since."""
    world = demo.world
    demo.install()
    path = world.root / "projects/relion-2d/project.json"
    path.write_text(json.dumps({**json.loads(path.read_bytes()), "discarding": True}))
    world.write("mine", b"results")
    world.end_process()
    loses_nothing(demo, running)


def test_a_volume_that_was_never_written_goes_with_its_deployment(world: World) -> None:
    demo = Deployment(world)
    demo.run(INSTALL[:2])
    demo.workflow = "uninstall"
    for operation in (GATE, *UNINSTALL):
        demo.operation(*operation)
    assert world.host.volumes == {}


def test_what_a_record_does_not_say_is_not_said_to_be_empty(demo: Deployment) -> None:
    demo.install()
    document = to_document(demo.world.record())
    del document["volume_state"]
    assert from_document(document).volume_written


@pytest.mark.parametrize("name", ["settings", "seal", "saved", "ports"])
@pytest.mark.parametrize("value", [None, [], 3, "x"])
def test_a_damaged_record_is_none(demo: Deployment, name: str, value: object) -> None:
    demo.install()
    document = {**to_document(demo.world.record()), name: value}
    with pytest.raises(ValueError, match=name):
        from_document(document)


def test_what_another_installation_made_later_has_not_ended_here(tmp_path: Path) -> None:
    worlds = [World(tmp_path / name / "state") for name in ("a", "b")]
    for world, installation in zip(worlds, ("aaaaaaaa", "bbbbbbbb"), strict=True):
        write_atomic(world.root / "installation", installation.encode())
    here, there = worlds
    demo = Deployment(here)
    demo.install()
    here.end_process()
    demo.uninstall()
    here.end_process()
    demo = replace(demo, world=there)
    demo.install()
    there.end_process()
    before = {node: dict(facts) for node, facts in demo.runtime.items()}
    demo = replace(demo, world=here, workflow="uninstall")
    for operation in (GATE, *UNINSTALL):
        with pytest.raises(NonRecoverableError, match="made by installation bbbbbbbb"):
            demo.operation(*operation)
    assert demo.runtime == before
    assert there.host.volumes and not here.host.volumes


def loses_nothing(demo: Deployment, running: bool) -> None:
    """An uninstall, whatever of it fails, leaves `mine` in the volume or in the data space."""
    world = demo.world
    if not running:
        for machine in world.host.machines.values():
            machine.running = machine.network = False
    demo.workflow = "uninstall"
    for operation in (GATE, *UNINSTALL):
        with suppress(NonRecoverableError):
            demo.operation(*operation)
    assert world.host.volumes or world.space().files.get("mine") == b"results"


def test_an_older_record_of_a_rescue_is_of_no_rescue(demo: Deployment) -> None:
    """A backup of the state while another machine saved the volume: the project was installed again since."""
    world = demo.world
    demo.install()
    path = world.root / "projects/relion-2d/project.json"
    document = json.loads(path.read_bytes())
    path.write_text(json.dumps({**document, "rescuing": True, "generation": document["generation"] - 1}))
    world.write("mine", b"results")
    services = world.services()
    record = locked_record(services, "relion-2d", "discard")
    for ends in (discard, rescue):
        with pytest.raises(PermanentError, match=r"is installed|runs, and can save"):
            ends(services, record)
    assert world.host.alive() and world.host.volumes
