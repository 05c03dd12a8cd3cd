"""Whose a project is, and what may change in it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from cloudify_scipion.errors import PermanentError, ProjectTaken
from cloudify_scipion.lifecycle.project import accept_project, has_remains, refuse_changes
from cloudify_scipion.lifecycle.record import MAX_EVENTS, Binding, MachineState, Record, from_document, to_document
from tests.fakes.ports import BEGIN
from tests.fakes.world import World

HERE = Binding("0123abcd", "default_tenant", "relion-2d")
PROJECT: dict[str, Any] = {"id": "p1", "title": "T", "owner": {}, "time_limit_days": 14}


def accept(world: World, binding: Binding = HERE, **changes: Any) -> Record:
    return accept_project(world.services(), PROJECT | changes, {"name": "here"}, binding)


def test_first_use_binds_before_anything_is_made(world: World) -> None:
    record = accept(world)
    assert world.record("p1") == record
    assert record.binding == HERE
    assert (record.created, record.expires) == ("2026-01-01T00:00:00+00:00", "2026-01-15T00:00:00+00:00")
    assert (record.generation, record.installed, record.volume_written, record.volume_bytes) == (0, False, False, 0)
    assert world.host.machines == {} == world.host.volumes


def test_a_deployment_works_on_one_project_at_a_time(world: World) -> None:
    first = accept(world)
    accept(world, id="p0")  # nothing is installed yet
    world.services().projects.save(replace(first, machine_state=MachineState.NEW))
    with pytest.raises(ProjectTaken, match=r"works on project 'p1', not on 'p2'"):
        accept(world, id="p2")
    assert not (world.root / "projects" / "p2").exists()
    assert accept(world, replace(HERE, deployment="d2"), id="p2").project == "p2"


@pytest.mark.parametrize(
    "other",
    [replace(HERE, deployment="d2"), replace(HERE, tenant="t2"), replace(HERE, installation="f" * 8)],
)
def test_the_same_id_from_elsewhere_is_refused_naming_the_first(world: World, other: Binding) -> None:
    first = accept(world)
    with pytest.raises(ProjectTaken) as caught:
        accept(world, other, title="mine")
    expected = "belongs to deployment relion-2d (tenant default_tenant, installation 0123abcd), first used 2026-01-01"
    assert expected in str(caught.value)
    assert caught.value.exit_code == 3
    assert world.record("p1") == first


def test_a_volume_of_another_deployment_is_not_adopted_though_its_record_is_lost(world: World) -> None:
    record = accept(world)
    world.services().provider({}).volumes.create(record.volume, 5, record.tags())
    world.services().projects.forget("p1")
    with pytest.raises(ProjectTaken, match="belongs to deployment relion-2d, whose volume"):
        accept(world, replace(HERE, deployment="d2"))
    assert not world.known("p1")


def test_a_volume_whose_record_was_lost_counts_as_written(world: World) -> None:
    record = accept(world)
    world.services().provider({}).volumes.create(record.volume, 5, record.tags())
    world.services().projects.forget("p1")
    assert has_remains(world.services().provider({}), "p1", HERE)
    again = accept(world)
    assert (again.volume, again.volume_written, again.volume_bytes) == (record.volume, True, 5)


def test_no_remains(world: World) -> None:
    assert not has_remains(world.services().provider({}), "p1", HERE)


def test_settings_are_remembered_and_the_time_limit_counts_from_the_first_install(world: World) -> None:
    accept(world)
    world.clock.sleep(3600)
    again = accept(world, title="new", time_limit_days="20")
    assert again.settings["project"]["title"] == "new"
    assert (again.created, again.expires) == ("2026-01-01T00:00:00+00:00", "2026-01-21T00:00:00+00:00")
    assert world.record("p1") == again


SOFTWARE = {"scipion": "3.8.3", "plugins": {"a": "1"}, "em_packages": {}, "example_data": {}}


def existing(**values: Any) -> Record:
    return Record("p1", HERE, volume_bytes=2 * 10**9, machine_state=MachineState.NEW, **values).asking(
        "software", SOFTWARE
    )


def test_all_differences_are_listed() -> None:
    with pytest.raises(PermanentError) as caught:
        refuse_changes(existing(), 10**9, {**SOFTWARE, "scipion": "3.9", "plugins": {"a": "2"}})
    assert caught.value.what.splitlines() == [
        "project 'p1' exists and cannot be changed in this way:",
        "  volume: is 2 GB, asked for 1 GB",
        "  software.scipion: is '3.8.3', asked for '3.9'",
        "  software.plugins: is {'a': '1'}, asked for {'a': '2'}",
    ]
    assert "put the old values back" in caught.value.next_step


@pytest.mark.parametrize(
    ("record", "size", "software"),
    [
        (existing(), 2 * 10**9, SOFTWARE),
        (existing(), 2 * 10**9, {"scipion": "3.8.3", "plugins": {"a": "1"}}),
        (existing(), 0, None),
        (replace(existing(), machine_state=MachineState.NONE), 2 * 10**9, {**SOFTWARE, "scipion": "3.9"}),
        (Record("p1", HERE), 10**9, SOFTWARE),
    ],
)
def test_what_may_be_asked(record: Record, size: int, software: dict[str, Any] | None) -> None:
    refuse_changes(record, size, software)


def test_a_record_survives_writing_and_reading_and_older_programs() -> None:
    record = existing(ports={"ssh": 20000}).noting(BEGIN, "made")
    document = to_document(record)
    assert from_document(document) == record
    assert from_document({**document, "of_a_newer_version": 1}) == record


def test_old_events_are_dropped() -> None:
    record = existing()
    for number in range(MAX_EVENTS + 5):
        record = record.noting(BEGIN, str(number))
    assert len(record.events) == MAX_EVENTS
    assert record.events[-1].text == str(MAX_EVENTS + 4)


def test_a_project_without_machine_has_no_port() -> None:
    with pytest.raises(PermanentError, match="project 'p1' has no machine"):
        existing().port("ssh")
