"""Kill -9 at every call of every port, before its effect and after it; then the same command again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from cloudify.exceptions import NonRecoverableError

from cloudify_scipion.lifecycle.proof import valid_seal
from cloudify_scipion.lifecycle.rescue import rescue
from cloudify_scipion.lifecycle.steps import running_steps, stop_steps
from tests.fakes.deployment import DISCARD, UNSAVED, Deployment
from tests.fakes.kill import Killed, Reaper
from tests.fakes.world import World

pytestmark = pytest.mark.long

NewWorld = Callable[[], World]


def installed(world: World, **inputs: Any) -> Deployment:
    deployment = Deployment(world, inputs)
    deployment.install()
    world.end_process()
    return deployment


def count(new_world: NewWorld, prepare: Callable[[World], Deployment], act: str) -> int:
    reaper = Reaper()
    getattr(prepare(new_world()), act)(reaper)
    return reaper.count


def kill_everywhere(
    new_world: NewWorld,
    prepare: Callable[[World], Deployment],
    act: str,
    check: Callable[[World, Deployment], None],
) -> int:
    """Kill `act` at each of its calls, run it again each time, and check; returns how often."""
    calls = count(new_world, prepare, act)
    prepared = prepare(new_world())
    prepared.world.end_process()
    prepared.world.progress.lines.clear()
    for at in range(1, calls + 1):
        for after in (False, True):
            world = prepared.world.copy(new_world().root)
            deployment = replace(prepared, world=world, runtime={})
            reaper = Reaper(at, after)
            with pytest.raises(Killed):
                getattr(deployment, act)(reaper)
            world.end_process()
            try:
                getattr(deployment, act)()
                nothing_twice(world)
                check(world, deployment)
            except Exception as error:
                raise AssertionError(f"killed {'after' if after else 'before'} {at} {reaper.name}") from error
            world.close()
    return 2 * calls


def nothing_twice(world: World) -> None:
    for start in ("made machine", "made volume", "deleted machine", "deleted volume"):
        assert sum(line.startswith(start) for line in world.progress.lines) <= 1, start


def test_install(new_world: NewWorld) -> None:
    whole = new_world()
    installed(whole)
    expected = whole.facts()

    def check(world: World, deployment: Deployment) -> None:
        assert world.facts() == expected
        record = world.record()
        assert world.host.machines[record.machine].tags == record.tags()

    assert kill_everywhere(new_world, Deployment, "install", check) > 200


def test_install_again_from_a_cached_layer(new_world: NewWorld) -> None:
    """The second project: its software comes from the layer, which nothing of the project may get into."""

    def prepare(world: World) -> Deployment:
        installed(world, project_id="first")
        return Deployment(world, {"project_id": "second"}, name="second")

    whole = new_world()
    prepare(whole).install()
    expected = whole.facts()
    assert len(expected["layers"]) == 1

    def check(world: World, deployment: Deployment) -> None:
        assert world.facts() == expected

    assert kill_everywhere(new_world, prepare, "install", check) > 150


def nothing_left(world: World, deployment: Deployment) -> None:
    facts = world.facts()
    assert [facts[kind] for kind in ("records", "machines", "lost", "volumes", "folders")] == [[], {}, [], {}, []]
    assert [path.name for path in (world.root / "projects").glob("*")] == []


def data_held(world: World, deployment: Deployment) -> None:
    record = world.record()
    assert record.held
    assert world.host.volumes[record.volume].files["mine"] == b"results"
    assert not world.host.volumes[record.volume].attached
    assert world.host.machines == {}
    assert record.ports == {}


def with_data(world: World, **inputs: Any) -> Deployment:
    deployment = installed(world, **inputs)
    world.write("mine", b"results")
    return deployment


def test_uninstall_that_discards(new_world: NewWorld) -> None:
    def prepare(world: World) -> Deployment:
        return with_data(world, **DISCARD)

    assert kill_everywhere(new_world, prepare, "uninstall", nothing_left) > 60


def test_uninstall_that_holds(new_world: NewWorld) -> None:
    def prepare(world: World) -> Deployment:
        return with_data(world, **UNSAVED)

    assert kill_everywhere(new_world, prepare, "uninstall", data_held) > 60


def all_saved(world: World, deployment: Deployment) -> None:
    nothing_left(world, deployment)
    assert world.space().files["mine"] == b"results"
    assert world.space().seal
    assert world.space().lease is None


def test_uninstall_that_seals(new_world: NewWorld) -> None:
    assert kill_everywhere(new_world, with_data, "uninstall", all_saved) > 150


def test_install_again_from_the_data_space(new_world: NewWorld) -> None:
    """The volume is gone: machine, volume and working copy are made anew, with what was saved."""

    def prepare(world: World) -> Deployment:
        deployment = with_data(world)
        deployment.uninstall()
        world.end_process()
        return deployment

    def check(world: World, deployment: Deployment) -> None:
        (volume,) = world.host.volumes.values()
        assert volume.files["mine"] == b"results"
        assert world.space().files["mine"] == b"results"

    assert kill_everywhere(new_world, prepare, "install", check) > 150


def test_rescue(new_world: NewWorld) -> None:
    """The machine is gone, and what it wrote last was never saved."""

    def prepare(world: World) -> Deployment:
        deployment = with_data(world)
        world.host.reboot()
        world.host.lose_folder(world.record().machine)
        return Rescuing(**vars(deployment))

    def check(world: World, deployment: Deployment) -> None:
        record = world.record()
        assert valid_seal(record, world.services().provider({}).volumes.look(record.volume))
        assert world.host.machines == {}
        assert world.space().files["mine"] == b"results"
        deployment.uninstall()
        all_saved(world, deployment)

    assert kill_everywhere(new_world, prepare, "rescue", check) > 80


class Rescuing(Deployment):
    def rescue(self, reaper: Reaper | None = None) -> None:
        services = self.world.services()
        rescue(reaper.over(services) if reaper else services, self.world.record())


def end_steps(world: World, deployment: Deployment) -> None:
    """Steps that run are named by an uninstall, which ends nothing before somebody has said it may."""
    services = world.services()
    if world.known() and (steps := running_steps(services, world.record())):
        with pytest.raises(NonRecoverableError, match=steps[0].label):
            deployment.uninstall()
        assert world.host.machines
        stop_steps(services, world.record())
    world.end_process()


@pytest.mark.parametrize("inputs", [DISCARD, UNSAVED, {}])
def test_uninstall_of_an_install_that_was_killed(new_world: NewWorld, inputs: dict[str, Any]) -> None:
    """Nothing is left, wherever the install was; a volume that may hold data is held."""
    calls = count(new_world, lambda world: Deployment(world, inputs), "install")
    for at in range(1, calls + 1):
        world = new_world()
        deployment = Deployment(world, inputs)
        with pytest.raises(Killed):
            deployment.install(Reaper(at, after=True))
        world.end_process()
        end_steps(world, deployment)
        deployment.uninstall()
        assert world.host.machines == {}, at
        if inputs != DISCARD and world.known():
            assert world.record().held, at
            assert [*world.host.volumes] == [world.record().volume], at
        else:
            nothing_left(world, deployment)
        world.close()


def test_a_held_volume_is_adopted_wherever_the_next_install_was_killed(new_world: NewWorld) -> None:
    def prepare(world: World) -> Deployment:
        deployment = with_data(world, **UNSAVED)
        deployment.uninstall()
        world.end_process()
        return deployment

    def check(world: World, deployment: Deployment) -> None:
        record = world.record()
        assert world.host.volumes[record.volume].files["mine"] == b"results"
        assert not record.held
        deployment.uninstall()
        data_held(world, deployment)

    assert kill_everywhere(new_world, prepare, "install", check) > 120


def test_forget_killed_half_way(demo: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    """The record is gone and the keys are not: the next uninstall clears them."""
    demo.inputs = DISCARD
    demo.install()

    def die(*_: Any, **__: Any) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr("cloudify_scipion.adapters.state.shutil.rmtree", die)
        with pytest.raises(Killed):
            demo.uninstall()
    assert demo.world.facts()["folders"] != []
    demo.uninstall()
    nothing_left(demo.world, demo)
    assert any("gone already" in line for line in demo.world.progress.lines)
