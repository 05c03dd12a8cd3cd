"""What every Provider says of addresses, of earlier machines, and of its own end."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from cloudify_scipion.errors import PermanentError
from cloudify_scipion.lifecycle.facts import MachineSpec
from cloudify_scipion.lifecycle.machine import SERVES
from cloudify_scipion.lifecycle.record import Binding, Record
from tests.contract.worlds import World, spec


def known(world: World, project: str) -> Record:
    """The record of a project, as it stands in the state root."""
    record = Record(project, Binding("i", "t", "d"), machine=project)
    world.projects.save(world.projects.load(project) or record)
    return world.projects.load(project) or record


def reserved(world: World, project: str) -> tuple[Record, MachineSpec]:
    """A project whose addresses are reserved, and the machine that is to have them."""
    record = known(world, project)
    ports = world.provider.reserve(record, tuple(SERVES))
    wanted = replace(spec(world, project), ports={inside: ports.get(name, 0) for name, inside in SERVES.items()})
    return replace(record, ports=dict(ports)), wanted


def test_whoever_works_here_has_access(world: World) -> None:
    world.provider.require_access()


def test_what_is_reserved_stays_reserved_also_for_another_process(world: World, tmp_path: Path) -> None:
    first, _ = reserved(world, "p1")
    assert reserved(world, "p1")[0].ports == first.ports == known(world, "p1").ports
    again = world.provider_below(Path(world.projects.place().root)).reserve(known(world, "p1"), tuple(SERVES))
    assert again == first.ports


def test_a_project_without_a_machine_has_no_address(world: World) -> None:
    record = known(world, "p1")
    for service in SERVES:
        with pytest.raises(PermanentError, match="'p1' has no machine"):
            world.provider.endpoint(record, service)


def test_every_service_of_every_machine_has_an_address_of_its_own(world: World) -> None:
    found = []
    for project in ("p1", "p2"):
        record, wanted = reserved(world, project)
        world.machines.create(wanted)
        found += [world.provider.endpoint(record, service) for service in SERVES]
    assert len({str(endpoint) for endpoint in found}) == 2 * len(SERVES)
    assert all(endpoint.host and 0 < endpoint.port < 65536 for endpoint in found)


def test_where_only_this_computer_reaches_services_the_way_for_others_is_told(world: World) -> None:
    record, wanted = reserved(world, "p1")
    world.machines.create(wanted)
    told = [world.provider.endpoint(record, service).elsewhere for service in SERVES]
    assert [bool(way) for way in told] == [world.provider.private] * len(SERVES)


def test_an_address_stays_through_stop_and_start(world: World) -> None:
    record, wanted = reserved(world, "p1")
    world.machines.start(wanted)
    before = [world.provider.endpoint(record, service) for service in SERVES]
    world.machines.stop("p1")
    world.machines.start(wanted)
    assert [world.provider.endpoint(record, service) for service in SERVES] == before


def test_a_fenced_provider_ends_an_earlier_machine_before_it_makes_the_next(world: World) -> None:
    wanted = spec(world, "m")
    world.machines.start(wanted)
    world.lose_folder("m")
    assert world.machines.look("m").running
    world.machines.create(wanted)
    assert world.machines.look("m").running != world.provider.fenced


def test_a_provider_that_holds_nothing_leaves_nothing(world: World, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    provider = world.provider_below(elsewhere)
    provider.volumes.create("v", 100_000_000, {})
    assert not provider.remove_empty()
    assert provider.volumes.look("v").exists
    provider.volumes.delete("v")
    assert provider.remove_empty()
    assert provider.remove_empty()
    assert not [path for path in elsewhere.rglob("*") if path.name != "installation"]
