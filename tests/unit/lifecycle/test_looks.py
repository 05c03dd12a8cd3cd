"""A seal that was killed half way gives the user the desktop back: by the machine itself, and at the next look."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest

from cloudify_scipion.errors import ProjectBusy
from cloudify_scipion.lifecycle.gate import pass_gate
from cloudify_scipion.lifecycle.layout import REOPEN_TIMER, REOPEN_UNITS, SEAL
from cloudify_scipion.lifecycle.looks import give_back
from cloudify_scipion.lifecycle.repair import repair_project
from cloudify_scipion.lifecycle.status import project_status
from cloudify_scipion.lifecycle.working_copy import save
from tests.fakes.deployment import GATE, UNINSTALL, Deployment
from tests.fakes.kill import Killed, Reaper
from tests.fakes.world import World
from tests.unit.lifecycle.test_seal import assert_usable, break_push, installed, sealed

NewWorld = Callable[[], World]


def is_sealed_on_volume(world: World) -> bool:
    return SEAL in world.host.volumes[world.record().volume].agent


def killed_everywhere(new_world: NewWorld) -> Iterator[tuple[int, World]]:
    """Worlds in which the seal was killed before and after each of its calls; nobody holds the lock any more."""
    first = installed(new_world()).world
    calls = Reaper()
    counted = first.copy(new_world().root)
    pass_gate(calls.over(counted.services()), counted.record(), discards=False)
    for at in range(1, calls.count + 1):
        for after in (False, True):
            world = first.copy(new_world().root)
            with pytest.raises(Killed):
                pass_gate(Reaper(at, after).over(world.services()), world.record(), discards=False)
            yield at, world
            world.close()


def opened(world: World) -> None:
    """Everything goes on, and a save does, too."""
    world.clock.sleep(60)
    world.services().connect(world.record()).run(["systemctl", "is-active", "x"], expect=range(9))
    assert_usable(world)
    world.write("mine", b"goes on")
    save(world.services(), world.record())
    assert world.space().files["mine"] == b"goes on"
    world.wait(25)  # the watch that was begun ends in its time, and harms nothing
    assert_usable(world)
    assert not {REOPEN_TIMER} & set(world.host.machines[world.record().machine].units)
    assert REOPEN_UNITS not in world.host.machines[world.record().machine].files


def by_status(world: World) -> None:
    project_status(world.services(), world.record())


def by_check_status(world: World) -> None:
    for node in ("desktop", "working_copy", "seal"):
        with suppress(Exception):
            Deployment(world, workflow="check_status").check(node)


def by_giving_back(world: World) -> None:
    give_back(world.services(), world.record())


def by_repair(world: World) -> None:
    repair_project(world.services(), world.record())


def by_itself(world: World) -> None:
    """Nobody looks. Where the agent still sealed, the machine waits for that."""
    world.wait(25)


LOOKS = [by_itself, by_giving_back, by_status, by_check_status, by_repair]


@pytest.mark.long
@pytest.mark.parametrize("look", LOOKS)
def test_killed_anywhere_in_the_seal(new_world: NewWorld, look: Callable[[World], None]) -> None:
    given_back = 0
    for at, world in killed_everywhere(new_world):
        work = world.host.machines[world.record().machine].works.get("seal")
        goes_on = work is not None and work.code is None
        look(world)
        world.end_process()
        try:
            if goes_on and look is not by_repair:
                world.wait(1)
            if is_sealed_on_volume(world):  # that stays: the same again adopts it
                assert look is not by_repair
                Deployment(world, workflow="uninstall").operation(*GATE)
                assert sealed(world)
            else:
                opened(world)
                given_back += 1
        except BaseException as error:
            raise AssertionError(f"killed at call {at}") from error
    assert given_back > 20


def closed(world: World) -> Deployment:
    """Killed when all is closed, and before the agent began to seal."""
    deployment = installed(world)
    world.host.agents.silent.add("seal")
    calls = Reaper()
    copy = world.copy(world.root.parent / "counted")
    with suppress(Exception):
        pass_gate(calls.over(copy.services()), copy.record(), discards=False)
    copy.close()
    for at in range(1, calls.count):
        again = world.copy(world.root.parent / f"at{at}")
        with suppress(Killed):
            pass_gate(Reaper(at, True).over(again.services()), again.record(), discards=False)
        if again.host.machines[again.record().machine].read_only:
            world.__dict__.update(again.__dict__)
            world.host.agents.silent.clear()
            return deployment
        again.close()
    raise AssertionError("nothing was ever closed")


def test_the_machine_waits_ten_minutes(world: World) -> None:
    closed(world)
    disk = world.host.machines[world.record().machine]
    world.wait(9)
    assert disk.read_only
    world.wait(2)
    opened(world)


def test_a_seal_that_was_made_is_never_undone(world: World) -> None:
    deployment = installed(world)
    deployment.operation(*GATE)
    world.end_process()
    world.wait(60)
    by_status(world), by_check_status(world), by_giving_back(world)
    assert sealed(world) and is_sealed_on_volume(world)
    assert world.host.machines[world.record().machine].read_only
    deployment.run(UNINSTALL)
    assert not world.host.volumes


def test_whoever_seals_now_is_left_alone(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    closed(world)
    services = world.services()

    def busy(*_: object) -> None:
        raise ProjectBusy("process 4711 (uninstall)")

    monkeypatch.setattr(services.projects, "hold_lock", busy)
    give_back(services, world.record())
    assert world.host.machines[world.record().machine].read_only
    assert "process 4711 (uninstall)" in world.progress.text


def test_a_machine_without_the_watch_gets_it_back_at_a_look(world: World) -> None:
    """One that an older version has made."""
    closed(world)
    disk = world.host.machines[world.record().machine]
    disk.units.pop(REOPEN_TIMER), disk.files.pop(REOPEN_UNITS)
    give_back(world.services(), world.record())
    opened(world)


def test_a_refused_seal_leaves_no_watch(world: World) -> None:
    deployment = installed(world)
    world.host.agents.failing["seal"] = (1, "3 files are not in the data space")
    with pytest.raises(Exception, match="3 files"):
        deployment.operation(*GATE)
    disk = world.host.machines[world.record().machine]
    assert REOPEN_TIMER not in disk.units and REOPEN_UNITS not in disk.files
    break_push(world)
    give_back(world.services(), world.record())
    assert "a seal was broken off" not in world.progress.text
