"""What lies on the volume itself counts: whatever mounts it writable removes its seal first, and may tell nobody."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from itertools import product
from typing import Any

import pytest
from cloudify.exceptions import NonRecoverableError

from cloudify_scipion.errors import PermanentError, VolumeBusy
from cloudify_scipion.lifecycle.layout import SEAL
from cloudify_scipion.lifecycle.ports import Services
from cloudify_scipion.lifecycle.proof import is_sealed
from cloudify_scipion.lifecycle.record import VolumeState
from cloudify_scipion.lifecycle.rescue import rescue
from cloudify_scipion.lifecycle.volume import discard, end_volume
from tests.fakes.deployment import GATE, UNINSTALL, Deployment
from tests.fakes.host import FakeVolumes, Volume, with_provider
from tests.fakes.world import World
from tests.unit.lifecycle.test_seal import installed, sealed


def volume_of(world: World) -> Volume:
    return world.host.volumes[world.record().volume]


def seal_with(world: World, **changed: Any) -> None:
    on_volume = json.loads(volume_of(world).agent[SEAL])
    volume_of(world).agent[SEAL] = json.dumps({**on_volume, **changed}).encode()


def whole(world: World) -> None:
    """Nothing is wrong with it."""


def not_in_record(world: World) -> None:
    world.services().projects.save(replace(world.record(), seal={}))


def not_in_tags(world: World) -> None:
    del volume_of(world).tags["seal"]


def not_on_volume(world: World) -> None:
    del volume_of(world).agent[SEAL]


def newer_in_record(world: World) -> None:
    record = world.record()
    world.services().projects.save(replace(record, seal={**record.seal, "manifest": "0" * 64}))


def newer_in_tags(world: World) -> None:
    volume_of(world).tags["seal"] = "0" * 64


def newer_on_volume(world: World) -> None:
    seal_with(world, manifest="0" * 64)


def of_another_generation_on_volume(world: World) -> None:
    seal_with(world, generation=world.record().generation - 1)


def torn_on_volume(world: World) -> None:
    volume_of(world).agent[SEAL] = volume_of(world).agent[SEAL][:20]


def newer_generation(world: World) -> None:
    world.services().projects.save(replace(world.record(), generation=world.record().generation + 1))


def newer_everywhere_but_on_volume(world: World) -> None:
    newer_in_record(world)
    newer_in_tags(world)


def booted_from_inside(world: World) -> None:
    """The machine removes the seal before anybody may write, and then its user works on."""
    world.host.machines[world.record().machine].read_only = False
    del volume_of(world).agent[SEAL]


HARMS = [
    whole, not_in_record, not_in_tags, not_on_volume, newer_in_record, newer_in_tags, newer_on_volume,
    of_another_generation_on_volume, torn_on_volume, newer_generation, newer_everywhere_but_on_volume,
    booted_from_inside,
]  # fmt: skip


def runs(world: World) -> None:
    """It does."""


def is_down(world: World) -> None:
    disk = world.host.machines[world.record().machine]
    disk.running = disk.network = False


def is_gone(world: World) -> None:
    is_down(world)
    world.host.lose_folder(world.record().machine)


def is_unmounted(world: World) -> None:
    """The host was booted again, say."""
    world.host.reboot()


@pytest.mark.parametrize(("harm", "machine"), [*product(HARMS, [runs, is_down, is_gone, is_unmounted])])
def test_what_is_not_proven_in_every_place_is_kept(
    world: World, harm: Callable[[World], None], machine: Callable[[World], None]
) -> None:
    deployment = installed(world)
    deployment.operation(*GATE)
    world.end_process()
    harm(world)
    machine(world)
    closed = machine is runs and harm in (whole, not_in_record, not_in_tags, newer_in_tags)
    if harm is not whole and not closed:  # whatever could be written meanwhile is in no data space
        volume_of(world).files["mine"] = b"later"
    with suppress(NonRecoverableError):  # a refusal stops nothing
        deployment.operation(*GATE)
        deployment.run(UNINSTALL)
    if harm is whole or closed:  # what an earlier attempt could not remember any more is adopted
        assert not world.host.volumes and not world.known()
    else:
        saved = world.space().files["mine"] == b"later"
        kept = [volume.files["mine"] for volume in world.host.volumes.values()] == [b"later"]
        assert kept or (saved and machine is runs), "deleted without proof"


@pytest.mark.parametrize(("harm", "machine"), [*product(HARMS[1:], [is_down, is_gone, is_unmounted])])
def test_deletes_alone_hold_what_is_not_proven(
    world: World, harm: Callable[[World], None], machine: Callable[[World], None]
) -> None:
    """As with `ignore_failure`, or where the gate was passed long ago."""
    deployment = installed(world)
    deployment.operation(*GATE)
    harm(world)
    machine(world)
    deployment.run(UNINSTALL)
    assert world.record().held
    assert len(world.host.volumes) == 1
    assert not is_sealed(world.services(), world.record())


def test_booted_from_inside_and_then_dead(world: World) -> None:
    """A step of the uninstall fails after the seal; the site boots the machine, its user works on, and then it dies."""
    deployment = installed(world)
    deployment.operation(*GATE)
    booted_from_inside(world)
    world.write("mine", b"later")
    is_down(world)
    assert sealed(world)  # as far as record and tags know
    deployment.operation(*GATE)
    assert "the seal was taken away: the working copy was writable again" in world.progress.lines
    deployment.run(UNINSTALL)
    assert world.record().held and volume_of(world).files["mine"] == b"later"
    rescue(world.services(), world.record())
    assert world.space().files["mine"] == b"later"


@pytest.mark.parametrize("harm", [not_on_volume, newer_on_volume])
def test_a_rescue_asks_the_volume_too(world: World, harm: Callable[[World], None]) -> None:
    deployment = installed(world)
    deployment.operation(*GATE)
    harm(world)
    volume_of(world).files["mine"] = b"later"
    is_gone(world)
    rescue(world.services(), world.record())
    assert "is sealed already" not in world.progress.text
    assert world.space().files["mine"] == b"later"


@pytest.mark.parametrize(("harm", "told"), [(not_on_volume, True), (whole, False)])
def test_a_discard_says_what_the_volume_does_not_prove(world: World, harm: Callable[[World], None], told: bool) -> None:
    deployment = installed(world)
    deployment.operation(*GATE)
    harm(world)
    deployment.workflow = "reinstall"  # which keeps the volume
    deployment.run(UNINSTALL)
    discard(world.services(), world.record())
    assert ("NOT PROVEN SAVED" in world.progress.text) == told


class Unreadable(FakeVolumes):
    def seal(self, name: str) -> dict[str, Any]:
        raise PermanentError("the file system is damaged beyond automatic repair")


def test_a_volume_that_cannot_be_read_proves_nothing(world: World) -> None:
    deployment = installed(world)
    deployment.operation(*GATE)
    deployment.run([("machine", "stop"), ("machine", "delete")])
    services: Services = with_provider(world.services(), volumes=Unreadable(world.host))
    assert end_volume(services, world.record()) is not None
    assert world.record().held and world.host.volumes
    assert "damaged beyond automatic repair" in world.progress.text


def test_a_deletion_that_failed_is_no_word_for_the_next_one(world: World) -> None:
    """The machine's own delete was skipped, so the volume is in use; its user works on for weeks."""
    deployment = installed(world)
    deployment.operation(*GATE)
    with pytest.raises(VolumeBusy):
        end_volume(world.services(), world.record())
    assert not world.record().discarding
    booted_from_inside(world)
    volume_of(world).files["mine"] = b"later"
    is_down(world)
    deployment.run(UNINSTALL)
    assert volume_of(world).files["mine"] == b"later"


def test_a_writable_start_ends_a_deletion_that_had_begun(world: World) -> None:
    deployment = installed(world)
    world.services().projects.save(replace(world.record(), volume_state=VolumeState.DISCARDING))
    Deployment(world, workflow="heal").operation("machine", "heal")
    world.write("mine", b"later")
    is_down(world)
    deployment.run(UNINSTALL)
    assert world.record().held and volume_of(world).files["mine"] == b"later"


@pytest.mark.parametrize("manifest", [None, "", [], 3])
def test_a_seal_without_a_digest_is_none(world: World, manifest: object) -> None:
    """Also where record, tags and volume agree in it."""
    deployment = installed(world)
    deployment.operation(*GATE)
    volume, record = volume_of(world), world.record()
    volume.agent[SEAL] = json.dumps({**record.seal, "manifest": manifest}).encode()
    record = replace(record, seal={**record.seal, "manifest": manifest})
    volume.tags.pop("seal")
    volume.tags |= {"seal": manifest} if manifest is not None else {}  # type: ignore[dict-item]
    assert not is_sealed(world.services(), record)
