"""Machines and volumes that are lost, on the real host: what is left goes on, or comes back from the data space."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.infra.saved import SPACE, Saved, saved_project, stranger
from tests.installation import Installation, wait_until

pytestmark = pytest.mark.machine

NAME = "lost-2d"


@pytest.fixture(scope="module")
def lost(warm: Installation) -> Iterator[Saved]:
    with saved_project(warm, NAME) as project:
        warm.install(NAME)
        yield project


def held(warm: Installation) -> list[str]:
    return [row["project"] for row in json.loads(warm.run("cloudify-scipion", "held", "--json"))]


def test_the_machines_folder_is_lost_and_work_goes_on_from_the_volume(lost: Saved) -> None:
    warm, record = lost.installation, lost.installation.record(NAME)
    lost.user("echo saved > saved")
    lost.push()
    lost.user("echo unsaved > unsaved")
    lost.run("systemctl", "--no-block", "poweroff")
    wait_until(lambda: not warm.services().of(record).machines.look(record.machine).running)
    warm.host.lose_folder(record.machine)
    warm.run("cloudify-scipion", "repair", NAME)
    assert lost.user("cat saved unsaved").stdout == "saved\nunsaved\n"
    assert warm.record(NAME).generation == record.generation + 1
    lost.push()
    assert (lost.space / "unsaved").read_text() == "unsaved\n"
    assert len(lost.leases) == 1
    lost.assert_usable()


def test_past_the_gate_the_volume_is_held_and_can_be_rescued(lost: Saved) -> None:
    warm, record = lost.installation, lost.installation.record(NAME)
    lost.run("mount", "-o", "remount,bind,ro", SPACE)
    lost.user("echo late > late")
    said = warm.run("cfy", "uninstall", "-b", NAME, "-p", "ignore_failure=true")
    assert f"volume {record.volume} is HELD" in said and f"cloudify-scipion rescue {NAME}" in said
    assert warm.host.traces(record.machine) == [] and warm.services().of(record).volumes.look(record.volume).exists
    assert NAME in held(warm) and not (lost.space / "late").exists()
    lease = stranger(lost)
    assert "another-deployment" in warm.run("cloudify-scipion", "rescue", NAME, code=1)
    assert NAME in held(warm)
    lease.unlink()
    assert "is sealed" in warm.run("cloudify-scipion", "rescue", NAME)
    assert (lost.space / "late").read_text() == "late\n" and lost.leases == []
    assert warm.host.traces(record.machine) == []
    assert "NOT PROVEN SAVED" not in warm.run("cloudify-scipion", "discard", NAME)
    assert NAME not in held(warm) and not warm.services().of(record).volumes.look(record.volume).exists


def test_volume_and_machine_are_lost_and_what_was_saved_comes_back(lost: Saved) -> None:
    warm = lost.installation
    warm.install(NAME)
    assert lost.user("cat saved unsaved late").stdout == "saved\nunsaved\nlate\n"
    lost.user("echo never > never-saved")
    record, services = warm.record(NAME), warm.services()
    services.of(record).machines.delete(record.machine)
    services.of(record).volumes.delete(record.volume)
    said = warm.install(NAME, code=None)
    assert "is gone" in said and "discard the project and install again" in said
    warm.run("cloudify-scipion", "discard", NAME)
    warm.install(NAME)
    assert lost.user("cat saved unsaved late").stdout == "saved\nunsaved\nlate\n"
    lost.user("test ! -e never-saved")
    assert "SEALED: all" in warm.uninstall(NAME)
    assert NAME not in held(warm)
