"""What every implementation of the port Machines does."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cloudify_scipion.errors import PermanentError, PortInUse
from cloudify_scipion.lifecycle.facts import FolderMount, MachineFacts
from tests.contract.worlds import DATA, SEED, WHOLE, World, spec

DIGEST = "d" * 64
CONTENTS = {"scipion": "3.8.3"}


def test_absent_machine(world: World) -> None:
    assert world.machines.look("m") == MachineFacts(exists=False)
    assert not world.machines.stop("m")
    assert not world.machines.delete("m")
    assert len(world.machines.base_digest()) == 64


def test_create_does_not_boot_and_is_done_once(world: World) -> None:
    wanted = spec(world, "m")
    assert world.machines.create(wanted)
    assert not world.machines.create(wanted)
    assert world.machines.look("m") == MachineFacts(True, False, False, None, {"project": "m"})


def test_tags_follow_the_spec(world: World) -> None:
    wanted = spec(world, "m")
    world.machines.create(wanted)
    assert world.machines.create(replace(wanted, tags={"project": "m", "generation": "2"}))
    assert world.machines.look("m").tags == {"project": "m", "generation": "2"}


def test_start_stop_delete_once_each(world: World) -> None:
    wanted = spec(world, "m")
    assert world.machines.start(wanted)
    assert not world.machines.start(wanted)
    facts = world.machines.look("m")
    assert (facts.exists, facts.running, facts.network) == (True, True, True)
    assert world.get("m", SEED) == "secret"
    assert world.machines.stop("m")
    assert not world.machines.stop("m")
    assert not world.machines.look("m").running
    assert world.machines.delete("m")
    assert not world.machines.delete("m")
    assert not world.leftovers("m")


def test_delete_of_a_running_machine_leaves_nothing_but_the_volume(world: World) -> None:
    world.volumes.create("v", 100_000_000, {})
    world.machines.start(spec(world, "m", volume="v"))
    world.put_data("v", "kept", "results")
    assert world.machines.delete("m")
    assert not world.leftovers("m")
    assert world.get_data("v", "kept") == "results"


def test_a_machine_sees_the_whole_volume_and_the_working_copy(world: World) -> None:
    world.volumes.create("v", 100_000_000, {"project": "m"})
    world.machines.start(spec(world, "m", volume="v"))
    world.put_data("v", "kept", "results")
    assert world.see("m", f"{DATA}/kept") == "results"
    assert '"project": "m"' in (world.see("m", f"{WHOLE}/volume.json") or "")


def test_folders_that_the_provider_holds(world: World) -> None:
    space = world.space()
    written, read = "/srv/scipion-space/project", "/data/raw/x"
    folders = (FolderMount("s", "", space, written), FolderMount("s", "", space, read, read_only=True))
    world.machines.start(replace(spec(world, "m"), folders=folders))
    assert [world.see("m", f"{target}/there") for target in (written, read)] == ["data", "data"]


@pytest.mark.needs("read-only mounts")
def test_a_folder_that_is_only_read_cannot_be_written(world: World) -> None:
    space = world.space()
    written, read = "/srv/scipion-space/project", "/data/raw/x"
    folders = (FolderMount("s", "", space, written), FolderMount("s", "", space, read, read_only=True))
    world.machines.start(replace(spec(world, "m"), folders=folders))
    assert [world.writable("m", target) for target in (written, read)] == [True, False]


def test_network_is_given_back(world: World) -> None:
    wanted = spec(world, "m")
    world.machines.start(wanted)
    world.cut_network("m")
    assert not world.machines.look("m").network
    assert world.machines.start(wanted)
    assert world.machines.look("m").network
    assert not world.machines.start(wanted)


def test_disk_survives_stop_and_reboot(world: World) -> None:
    wanted = spec(world, "m")
    world.machines.start(wanted)
    world.put("m", "/opt/result", "1")
    world.machines.stop("m")
    world.machines.start(wanted)
    assert world.get("m", "/opt/result") == "1"
    world.reboot()
    assert world.machines.look("m") == MachineFacts(True, False, False, None, {"project": "m"})
    assert world.machines.start(wanted)
    assert world.get("m", "/opt/result") == "1"


def test_volume_survives_a_reboot(world: World) -> None:
    world.volumes.create("v", 100_000_000, {})
    wanted = spec(world, "m", volume="v")
    world.machines.start(wanted)
    world.put_data("v", "kept", "results")
    world.reboot()
    world.machines.start(wanted)
    assert world.get_data("v", "kept") == "results"


def test_lost_folder_is_seen_and_made_again(world: World) -> None:
    world.volumes.create("v", 100_000_000, {})
    wanted = spec(world, "m", volume="v")
    world.machines.start(wanted)
    world.put("m", "/opt/result", "1")
    world.put_data("v", "kept", "results")
    world.lose_folder("m")
    facts = world.machines.look("m")
    assert not facts.exists
    assert facts.running
    assert world.get_data("v", "kept") == "results"
    assert world.machines.start(wanted)
    assert world.machines.look("m").exists
    assert world.get("m", "/opt/result") is None
    assert world.get("m", SEED) == "secret"
    assert world.get_data("v", "kept") == "results"


def test_lost_folder_can_be_deleted(world: World) -> None:
    world.machines.start(spec(world, "m"))
    world.lose_folder("m")
    assert world.machines.delete("m")
    assert not world.leftovers("m")


@pytest.mark.needs("ports")
def test_taken_port_is_named(world: World) -> None:
    wanted = spec(world, "m")
    world.take(wanted.ports[22])
    with pytest.raises(PortInUse, match=str(wanted.ports[22])):
        world.machines.start(wanted)


@pytest.mark.needs("ports")
def test_another_machines_port_is_refused(world: World) -> None:
    first = spec(world, "first")
    world.machines.start(first)
    with pytest.raises(PortInUse, match=str(first.ports[22])):
        world.machines.start(replace(spec(world, "second"), ports=first.ports))


@pytest.mark.needs("ports")
def test_ports_follow_the_spec(world: World) -> None:
    wanted = spec(world, "m")
    world.machines.start(wanted)
    moved = replace(wanted, ports={22: world.port(), 6080: world.port()})
    assert world.machines.start(moved)
    assert not world.machines.start(moved)
    assert world.machines.start(spec(world, "other"))


def test_two_machines_at_once(world: World) -> None:
    first, second = spec(world, "first"), spec(world, "second")
    world.machines.start(first)
    world.machines.start(second)
    world.put("first", "/opt/result", "1")
    assert world.get("second", "/opt/result") is None
    world.machines.delete("first")
    facts = world.machines.look("second")
    assert facts.running
    assert facts.network
    assert not world.machines.start(second)


def test_capture_stops_the_machine(world: World) -> None:
    wanted = spec(world, "m")
    with pytest.raises(PermanentError, match="does not exist"):
        world.machines.capture_layer(wanted, DIGEST, CONTENTS)
    world.machines.start(wanted)
    assert world.machines.capture_layer(wanted, DIGEST, CONTENTS)
    assert not world.machines.look("m").running


def test_capture_keeps_software_only(world: World) -> None:
    wanted = spec(world, "m")
    world.machines.start(wanted)
    world.put("m", "/opt/software", "3.8.3")
    for unwanted in ("/tmp/x", "/root/.ssh/id", "/var/log/x.log", "/home/scipion/ScipionUserData/x"):
        world.put("m", unwanted, "private")
    world.machines.stop("m")
    assert world.machines.capture_layer(wanted, DIGEST, CONTENTS)
    assert not world.machines.capture_layer(wanted, DIGEST, CONTENTS)
    assert world.machines.look("m").layer == DIGEST
    world.machines.start(replace(spec(world, "other", layer=DIGEST), seed=()))
    world.machines.start(wanted)
    for name in ("m", "other"):
        assert world.get(name, "/opt/software") == "3.8.3"
        for unwanted in ("/tmp/x", "/root/.ssh/id", "/var/log/x.log", "/home/scipion/ScipionUserData/x"):
            assert world.get(name, unwanted) is None
    assert world.get("m", SEED) == "secret"
    assert world.get("other", SEED) is None


def test_second_capture_adopts_the_first_ones_layer(world: World) -> None:
    first, second = spec(world, "first"), spec(world, "second")
    for wanted in (first, second):
        world.machines.start(wanted)
        world.put(wanted.name, "/opt/software", wanted.name)
        world.machines.stop(wanted.name)
    assert world.machines.capture_layer(first, DIGEST, CONTENTS)
    assert not world.machines.capture_layer(second, DIGEST, CONTENTS)
    world.machines.start(second)
    assert world.get("second", "/opt/software") == "first"


def test_no_layer_of_a_base_that_new_machines_do_not_get(world: World) -> None:
    wanted = spec(world, "m")
    world.machines.create(wanted)
    world.age("m")
    assert not world.machines.capture_layer(wanted, DIGEST, CONTENTS)
    assert world.machines.look("m").layer is None
    assert not world.layers.has(DIGEST)


def test_one_machine_has_one_layer(world: World) -> None:
    wanted = spec(world, "m")
    world.machines.create(wanted)
    world.machines.capture_layer(wanted, DIGEST, CONTENTS)
    with pytest.raises(PermanentError, match="already stands on"):
        world.machines.capture_layer(wanted, "e" * 64, CONTENTS)


def test_unknown_layer_is_refused(world: World) -> None:
    with pytest.raises(PermanentError, match="not in the cache"):
        world.machines.create(spec(world, "m", layer="f" * 64))
    assert not world.machines.look("m").exists
