"""Any sequence of installs, uninstalls, repairs, crashes and kills: no data are lost, nothing is left over."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from cloudify.exceptions import NonRecoverableError
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from cloudify_scipion.errors import ScipionError
from cloudify_scipion.lifecycle.layer import CLASSES
from cloudify_scipion.lifecycle.layout import AGENT_COMMAND
from cloudify_scipion.lifecycle.ports import Services
from cloudify_scipion.lifecycle.proof import valid_seal
from cloudify_scipion.lifecycle.record import Record
from cloudify_scipion.lifecycle.repair import repair_project
from cloudify_scipion.lifecycle.rescue import rescue
from cloudify_scipion.lifecycle.volume import discard
from tests.fakes.deployment import DISCARD, UNSAVED, Deployment
from tests.fakes.host import APPLIED
from tests.fakes.kill import Killed, Reaper
from tests.fakes.ports import RELION
from tests.fakes.world import World

pytestmark = pytest.mark.long

KILLS = st.just((0, False)) | st.tuples(st.integers(1, 110), st.booleans())


class History(RuleBasedStateMachine):
    """One project whose volume goes once all is saved, and what its user has on it."""

    inputs: dict[str, Any] = {}

    def __init__(self) -> None:
        super().__init__()
        self.world = World(Path(tempfile.mkdtemp()) / "state")
        self.deployment = Deployment(self.world, dict(self.inputs))
        self.data: dict[str, bytes] = {}
        self.ends = False

    def teardown(self) -> None:
        self.world.close()
        self.world.root.parent.rmdir()

    def attempt(self, work: Callable[[Reaper], object], kill: tuple[int, bool]) -> bool:
        """Whether `work` came to its end; nothing but our own errors may get in its way."""
        try:
            work(Reaper(*kill))
        except (Killed, ScipionError, NonRecoverableError):
            return False
        finally:
            self.world.end_process()
        return True

    @initialize()
    def begin(self) -> None:
        """Most that can go wrong goes wrong with a project that has data."""
        self.install((0, False))
        self.write(b"first")

    @rule(kill=KILLS)
    def install(self, kill: tuple[int, bool]) -> None:
        if self.attempt(self.deployment.install, kill):
            assert self.world.host.machines[self.world.record().machine].running
            assert not self.world.record().held
            self.ends = False

    @rule(kill=KILLS)
    def uninstall(self, kill: tuple[int, bool]) -> None:
        self.ends = True
        if self.attempt(self.deployment.uninstall, kill):
            assert not self.world.host.machines
            assert not self.world.host.alive()
            assert self.world.known() == bool(self.world.host.volumes)
            assert not self.world.known() or self.world.record().held

    @rule(kill=KILLS)
    @precondition(lambda self: self.world.known())
    def repair(self, kill: tuple[int, bool]) -> None:
        def work(reaper: Reaper) -> Record:
            services: Services = reaper.over(self.world.services())
            return repair_project(services, self.world.record())

        if self.attempt(work, kill):
            assert self.world.host.machines[self.world.record().machine].running

    @rule(operation=st.sampled_from(["machine", "volume", "software", "working_copy", "desktop", "seal"]), kill=KILLS)
    @precondition(lambda self: self.world.known() and not self.ends)
    def heal(self, operation: str, kill: tuple[int, bool]) -> None:
        self.deployment.workflow = "heal"
        self.attempt(lambda reaper: self.deployment.operation(operation, "heal", reaper), kill)

    @rule(kill=KILLS)
    @precondition(lambda self: self.world.known())
    def reinstalled_by_heal(self, kill: tuple[int, bool]) -> None:
        """What Cloudify does when a heal fails, all deletes included; failures are skipped."""
        self.deployment.workflow = "heal"
        for node, name in (("machine", "stop"), ("machine", "delete"), ("volume", "delete")):
            self.attempt(lambda reaper, n=node, o=name: self.deployment.operation(n, o, reaper), kill)  # type: ignore[misc]

    @rule()
    def reboot(self) -> None:
        self.world.host.reboot()

    @rule()
    def reboot_from_inside(self) -> None:
        """Root on the machine boots it again, on whatever volume: no operation of ours sees it."""
        for disk in self.world.host.alive():
            disk.read_only, disk.works = False, {}

    @rule(work=st.sampled_from(["push", "scan", "verify"]))
    @precondition(lambda self: self.world.known() and self.world.record().ports and self.world.host.alive())
    def timer(self, work: str) -> None:
        with suppress(ScipionError, KeyError):  # there may be no agent yet
            self.world.work(work)

    @rule(drops=st.booleans())
    def space_drops_writes(self, drops: bool) -> None:
        self.world.space().drops = drops

    @rule(kill=KILLS)
    @precondition(lambda self: self.world.known())
    def rescue(self, kill: tuple[int, bool]) -> None:
        def work(reaper: Reaper) -> Record:
            return rescue(reaper.over(self.world.services()), self.world.record())

        if self.attempt(work, kill):
            record = self.world.record()
            assert valid_seal(record, self.world.services().provider({}).volumes.look(record.volume))
            assert not self.world.host.machines

    @rule()
    @precondition(lambda self: self.world.host.machines)
    def lose_machine(self) -> None:
        self.world.host.lose_folder(next(iter(self.world.host.machines)))

    @rule()
    @precondition(lambda self: self.world.known())
    def lose_record(self) -> None:
        self.world.services().projects.forget("relion-2d")

    @rule(content=st.binary(min_size=1, max_size=3))
    @precondition(lambda self: self.world.host.alive())
    def write(self, content: bytes) -> None:
        disk = self.world.host.alive()[0]
        if disk.read_only:
            return
        self.data["mine"] = content
        self.world.host.volumes[disk.volumes[0]].files["mine"] = content

    @rule()
    @precondition(lambda self: self.world.known())
    def say_discard(self) -> None:
        with suppress(ScipionError):
            discard(self.world.services(), self.world.record())
            self.data = {name: self.world.space().files[name] for name in ("mine",) if name in self.world.space().files}
        self.world.end_process()

    @invariant()
    def data_are_there(self) -> None:
        kept = [volume.files.get("mine") for volume in self.world.host.volumes.values()]
        assert not self.data or self.data["mine"] in kept or self.world.space().files.get("mine") == self.data["mine"]

    @invariant()
    def a_seal_says_the_truth(self) -> None:
        """Whatever is done: as long as a seal counts, all that is on the volume is in the data space."""
        if not self.world.known() or self.world.space().drops:
            return
        record, volumes = self.world.record(), self.world.services().provider({}).volumes
        if not any(not disk.read_only for disk in self.world.host.alive()) and valid_seal(
            record, volumes.look(record.volume)
        ):
            there = self.world.space().files
            files = self.world.host.volumes[record.volume].files
            assert {name: there.get(name) for name in files} == files

    @invariant()
    def nothing_twice(self) -> None:
        assert len(self.world.host.machines) <= 1
        assert len(self.world.host.volumes) <= 1
        assert len(self.world.host.layers) <= 1

    @invariant()
    def layers_hold_no_project(self) -> None:
        for layer in self.world.host.layers.values():
            assert set(layer.files) == {
                "/etc/puppet-software", "/opt/scipion/bin/scipion", "/opt/scipion/bin/scipion-workflow", RELION,
                AGENT_COMMAND, f"{APPLIED}/software-{'-'.join(CLASSES)}",
            }  # fmt: skip


class UnsavedHistory(History):
    """The same without a data space: the volume is held, always."""

    inputs: dict[str, Any] = UNSAVED


class DiscardingHistory(History):
    """The same where volumes may go: only a whole `uninstall` may take the data."""

    inputs: dict[str, Any] = DISCARD

    @invariant()
    def data_are_there(self) -> None:
        if not self.ends:
            super().data_are_there()
        elif not self.world.host.volumes:
            self.data.clear()


@pytest.fixture(autouse=True)
def quick(new_world: Callable[[], World]) -> Iterator[None]:
    """The patches of `new_world`."""
    yield


SETTINGS = settings(max_examples=40, stateful_step_count=8, deadline=None, suppress_health_check=[*HealthCheck])


@pytest.mark.parametrize("history", [History, UnsavedHistory, DiscardingHistory])
def test_histories(history: type[History]) -> None:
    run_state_machine_as_test(history, settings=SETTINGS)
