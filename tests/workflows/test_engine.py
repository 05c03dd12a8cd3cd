"""Install, uninstall, heal and check_status by Cloudify's own engine, from the rendered blueprint."""

from __future__ import annotations

import random
import re
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from cloudify.exceptions import NonRecoverableError

from cloudify_scipion.catalogue.pins.file import FILE, text_digest
from cloudify_scipion.errors import MachineUnreachable, PermanentError, TemporaryError
from cloudify_scipion.lifecycle.facts import MachineSpec, ResourceResult
from cloudify_scipion.lifecycle.ports import Services
from tests.fakes.host import FakeMachines, with_provider
from tests.fakes.kill import Reaper
from tests.fakes.world import World
from tests.workflows.engine import Engine

Cause = Callable[[Callable[[], object]], str]
DISCARD = {"volume_at_end": "discard"}
UNSAVED: dict[str, Any] = {"data": {}}
SECOND = {"project_id": "second", "data": {"project": {"source": "local:second"}}}


def test_install_and_uninstall(engine: Engine) -> None:
    engine.install()
    world, record = engine.world, engine.world.record()
    assert engine.states() == {"started"}
    assert engine.outputs() == {
        "desktop_url": f"http://127.0.0.1:{record.ports['desktop']}",
        "desktop_tls_fingerprint": "",
        "ssh": f"127.0.0.1:{record.ports['ssh']}",
        "volume": record.volume,
        "volume_at_end": "hold",
        "software_lock_sha256": text_digest(world.services().projects.kept("relion-2d", FILE)),
    }
    assert record.binding.deployment == "relion-2d"
    assert record.work_folder == str(engine.folder / "cfy")
    engine.execute("uninstall")
    assert engine.states() == {"deleted"}
    assert (world.host.machines, world.host.volumes, world.facts()["folders"]) == ({}, {}, [])


def test_uninstall_holds_the_volume_and_the_next_install_adopts_it(engine: Engine) -> None:
    engine.install(UNSAVED)
    engine.world.write("mine", b"data")
    engine.execute("uninstall")
    record = engine.world.record()
    assert record.held
    engine.install(UNSAVED)
    assert engine.world.host.volumes[record.volume].files["mine"] == b"data"


def test_install_over_an_existing_deployment_converges(engine: Engine) -> None:
    """Cloudify forgets the old state before any operation runs; machine and data stay as they are."""
    engine.install(UNSAVED)
    engine.world.write("mine", b"data")
    before, calls = engine.world.facts(), len(engine.world.host.calls)
    engine.install(UNSAVED)
    assert engine.world.facts() == before
    assert not [call for call in engine.world.host.calls[calls:] if call.split()[0] in ("stop", "delete", "capture")]
    assert engine.runtime("machine")["generation"] == 1


def test_text_from_the_command_line(engine: Engine) -> None:
    """`-i volume_size_gb=2` arrives as text."""
    engine.install({"volume_size_gb": "2", "wait_minutes": "1", "time_limit_days": "3", "run_workflow": "true"})
    (volume,) = engine.world.host.volumes.values()
    assert volume.size == 2_000_000_000
    assert engine.world.record().expires.startswith("2026-01-04")


@pytest.mark.parametrize(
    ("inputs", "expected"),
    [
        ({"volume_size_gb": "0", "desktop_geometry": "big"}, ["2 problems", "$.volume.size_gb", "$.desktop.geometry"]),
        ({"scipion": "9.9"}, ["$.software.scipion", "9.9"]),
        ({"workflow": "other.json"}, ["$.workflow.file", "other.json"]),
        ({"project_id": "Not An Id", "site": {"name": "here"}}, ["$.id", "$.provider"]),
    ],
)
def test_wrong_inputs_are_refused_all_at_once_before_anything_is_made(
    engine: Engine, cause: Cause, inputs: dict[str, Any], expected: list[str]
) -> None:
    said = cause(lambda: engine.install(inputs))
    assert [text for text in expected if text not in said] == []
    assert (engine.world.host.volumes, engine.world.host.machines) == ({}, {})
    assert not engine.world.root.joinpath("projects").exists()


def test_what_may_not_change_is_refused_with_all_differences(engine: Engine, cause: Cause) -> None:
    engine.install()
    before = engine.world.facts()
    other = {"volume_size_gb": 1, "em_packages": {}, "plugins": {}, "workflow": "", "run_workflow": False}
    text = cause(lambda: engine.install(other))
    for line in ("volume: is 2 GB, asked for 1 GB", "software.em_packages: is", "software.plugins: is"):
        assert line in text
    after = engine.world.facts()
    assert {**after, "records": 0} == {**before, "records": 0}


def test_the_same_project_from_another_deployment_is_refused(engine: Engine, cause: Cause) -> None:
    engine.install()
    before = engine.world.facts()
    for act in (lambda: engine.install(name="another"), lambda: engine.execute("uninstall", "another")):
        assert re.search(r"project 'relion-2d' belongs to deployment relion-2d .*, first used 2026-01-01", cause(act))
        assert engine.world.facts() == before


def test_two_projects_one_uninstalled(engine: Engine) -> None:
    engine.install()
    engine.install(SECOND, "second")
    machine = engine.world.record("second").machine
    ports = engine.world.record().ports.values(), engine.world.record("second").ports.values()
    assert not set(ports[0]) & set(ports[1])
    engine.execute("uninstall")
    assert [*engine.world.host.machines] == [machine]
    assert engine.world.host.machines[machine].running
    engine.execute("check_status", "second")


def test_a_failing_puppet_resource(engine: Engine, cause: Cause) -> None:
    bad = ResourceResult("Exec[pip install]", "failed", "/modules/scipion/manifests/install.pp", 12, "no space left")
    engine.world.puppet.failing["software"] = bad
    told = "Exec[pip install] (/modules/scipion/manifests/install.pp:12): no space left"
    assert told in cause(engine.install)
    assert engine.world.host.layers == {}
    engine.world.puppet.failing.clear()
    engine.execute("install")
    assert engine.states() == {"started"}


def test_check_status(engine: Engine) -> None:
    engine.install()
    engine.execute("check_status")
    engine.world.host.reboot()
    with pytest.raises(RuntimeError):
        engine.execute("check_status")


def test_check_status_of_what_is_not_installed_leaves_nothing(engine: Engine) -> None:
    engine.init()
    with pytest.raises(RuntimeError):
        engine.execute("check_status")
    assert not engine.world.root.joinpath("projects").exists()


def wreck(engine: Engine) -> None:
    engine.world.host.reboot()
    engine.world.host.lose_folder(engine.world.record().machine)


def cut(engine: Engine) -> None:
    engine.world.host.cut_network(engine.world.record().machine)


def reboot(engine: Engine) -> None:
    engine.world.host.reboot()


@pytest.mark.parametrize("harm", [wreck, cut, reboot])
def test_heal(engine: Engine, harm: Callable[[Engine], None]) -> None:
    engine.install()
    engine.world.write("mine", b"data")
    before, calls = engine.world.facts(), len(engine.world.host.calls)
    harm(engine)
    engine.execute("heal")
    healed = engine.world.facts()
    assert healed == before
    assert not [call for call in engine.world.host.calls[calls:] if call.startswith("delete")]
    engine.execute("check_status")


class NeverStarting(FakeMachines):
    error: Exception = PermanentError("the host has no memory left")

    def start(self, spec: MachineSpec) -> bool:
        raise self.error


@pytest.mark.parametrize("error", [PermanentError("no memory"), TemporaryError("no answer"), OSError("disk full")])
def test_a_heal_that_fails_deletes_neither_machine_nor_volume(
    engine: Engine, error: Exception, capsys: pytest.CaptureFixture[str]
) -> None:
    """Cloudify's default is to reinstall what cannot be healed; the demo's volume may even be discarded at its end."""
    engine.install()
    engine.world.write("mine", b"data")
    engine.world.host.reboot()
    calls = len(engine.world.host.calls)

    def services() -> Services:
        machines = NeverStarting(engine.world.host)
        machines.error = error
        return with_provider(engine.world.services(), machines=machines)

    engine.services = services
    with pytest.raises(RuntimeError):  # software and desktop cannot be reached
        engine.execute("heal")
    assert "HEAL FAILED, nothing was deleted" in capsys.readouterr().out
    assert not [call for call in engine.world.host.calls[calls:] if call.startswith("delete")]
    assert len(engine.world.host.machines) == 1
    (volume,) = engine.world.host.volumes.values()
    assert volume.files["mine"] == b"data"
    engine.services = engine.world.services
    engine.execute("heal")
    engine.execute("check_status")


def test_a_forced_reinstall_keeps_the_data(engine: Engine) -> None:
    engine.install()
    engine.world.write("mine", b"data")
    engine.execute("heal", force_reinstall=True)
    (volume,) = engine.world.host.volumes.values()
    assert volume.files["mine"] == b"data"
    assert engine.world.record().generation == 2
    engine.execute("check_status")


@pytest.mark.parametrize("gone", ["machine", "volume", "both", "mount", "network"])
def test_uninstall_when_half_is_gone(engine: Engine, gone: str) -> None:
    engine.install(DISCARD)
    host, record = engine.world.host, engine.world.record()
    if gone in ("machine", "both"):
        host.reboot()
        host.lose_folder(record.machine)
    if gone in ("volume", "both"):
        host.reboot()
        del host.volumes[record.volume]
    if gone == "mount":
        host.reboot()
    if gone == "network":
        host.cut_network(record.machine)
    engine.execute("uninstall")
    assert (host.machines, host.alive(), host.volumes) == ({}, [], {})
    assert not engine.world.known()


def elsewhere(engine: Engine) -> World:
    """Another host with a state of its own, whose worker takes the next executions."""
    here, engine.world = engine.world, World(engine.folder / "elsewhere")
    engine.services = engine.world.services
    return here


def test_an_uninstall_by_a_worker_with_another_state(engine: Engine, cause: Cause) -> None:
    """Cloudify remembers what was made, and by which installation; with `ignore_failure` all of it lives on."""
    engine.install()
    engine.world.write("mine", b"data")
    here, record = elsewhere(engine), engine.world.record
    for node in ("seal", "volume", "machine", "desktop"):
        said = cause(lambda node=node: engine.execute("check_status", node_ids=[node]))  # type: ignore[misc]
        assert "has no record in the state folder" in said
    said = cause(lambda: engine.execute("uninstall"))
    assert f"whose state folder is {here.root}" in said and here.record().volume in said
    assert "Task started 'cloudify_scipion.operations.machine" not in said
    with pytest.raises(NonRecoverableError, match="has no record in the state folder"):
        engine.execute("save")
    engine.execute("uninstall", ignore_failure=True)
    (disk,), (volume,) = here.host.machines.values(), here.host.volumes.values()
    assert disk.running and volume.files["mine"] == b"data"
    with pytest.raises(AssertionError):
        record()
    engine.world, engine.services = here, here.services
    engine.install()
    engine.execute("uninstall")
    assert (here.host.machines, here.host.volumes) == ({}, {})
    assert here.space().files["mine"] == b"data"


@pytest.mark.parametrize("workflow", ["reinstall", "heal"])
def test_a_worker_with_another_state_makes_nothing_anew(engine: Engine, workflow: str) -> None:
    engine.install()
    here = elsewhere(engine)
    with suppress(RuntimeError):  # heal skips failures
        engine.execute(workflow, **({"force_reinstall": True} if workflow == "heal" else {}))
    assert (engine.world.host.machines, engine.world.host.volumes) == ({}, {})
    assert here.host.alive()


def test_uninstall_again(engine: Engine) -> None:
    engine.install()
    engine.execute("uninstall")
    engine.execute("uninstall")
    assert engine.world.facts()["folders"] == []


def test_the_seal_ends_first(engine: Engine, capsys: pytest.CaptureFixture[str]) -> None:
    engine.install()
    capsys.readouterr()
    engine.execute("uninstall")
    started = re.findall(r"Task started 'cloudify_scipion\.operations\.(\w+\.\w+)'", capsys.readouterr().out)
    assert started[0] == "seal.prestop"
    assert started[-1] == "volume.delete"


def test_a_refused_uninstall_stops_nothing_and_the_next_one_saves(engine: Engine, cause: Cause) -> None:
    engine.install()
    engine.world.write("mine", b"data")
    engine.world.host.agents.failing["push"] = (1, "the data space is full")
    calls = len(engine.world.host.calls)
    said = cause(lambda: engine.execute("uninstall"))
    assert "the data space is full" in said
    assert "cloudify-scipion rescue relion-2d" in said
    assert engine.world.host.calls[calls:] == []
    engine.execute("check_status")
    engine.world.host.agents.failing.clear()
    engine.execute("uninstall")
    assert (engine.world.host.volumes, engine.states()) == ({}, {"deleted"})
    assert engine.world.space().files["mine"] == b"data"


def test_an_uninstall_that_passes_the_gate_over_holds_the_volume(engine: Engine) -> None:
    engine.install()
    engine.world.write("mine", b"data")
    engine.world.host.agents.failing["push"] = (1, "the data space is full")
    engine.execute("uninstall", ignore_failure="true")
    (volume,) = engine.world.host.volumes.values()
    assert volume.files["mine"] == b"data"
    assert engine.world.record().held
    assert engine.world.host.machines == {}
    engine.world.host.agents.failing.clear()
    engine.install()
    engine.execute("uninstall")
    assert engine.world.space().files["mine"] == b"data"


@pytest.mark.parametrize("workflow", ["reinstall", "heal"])
def test_what_makes_nodes_again_seals_and_deletes_nothing(engine: Engine, workflow: str) -> None:
    engine.install()
    engine.world.write("mine", b"data")
    engine.world.host.agents.failing["seal"] = (1, "never asked")
    engine.execute(workflow, **({"force_reinstall": True} if workflow == "heal" else {}))
    (volume,) = engine.world.host.volumes.values()
    assert volume.files["mine"] == b"data"
    engine.execute("check_status")


def test_an_install_that_failed_half_way_can_be_uninstalled(engine: Engine, cause: Cause) -> None:
    engine.world.host.agents.failing["pull"] = (3, "the folder belongs to another")
    assert "the folder belongs to another" in cause(engine.install)
    engine.execute("uninstall")
    assert engine.world.host.machines == {}
    assert engine.world.record().held  # nobody has looked what is in it


def test_workflows_of_our_own(engine: Engine, capsys: pytest.CaptureFixture[str]) -> None:
    engine.install()
    engine.world.write("mine", b"data")
    engine.execute("save")
    assert engine.world.space().files["mine"] == b"data"
    with pytest.raises(NonRecoverableError, match="uses no token"):
        engine.execute("renew_token")
    with pytest.raises(NonRecoverableError, match="runs, and can save by itself"):
        engine.execute("rescue")
    engine.world.write("mine", b"more")
    wreck(engine)
    engine.execute("rescue")
    assert engine.world.space().files["mine"] == b"more"
    engine.world.services().projects.save(replace(engine.world.record(), held="because"))
    capsys.readouterr()
    engine.execute("held")
    assert "relion-2d: volume" in capsys.readouterr().out
    with pytest.raises(NonRecoverableError, match="not 'other'"):
        engine.execute("discard", project="other")
    assert len(engine.world.host.volumes) == 1
    engine.execute("discard", project="relion-2d")
    assert (engine.world.host.volumes, engine.world.known()) == ({}, False)
    with pytest.raises(NonRecoverableError, match="works on no project"):
        engine.execute("save")


class Stuck(FakeMachines):
    def delete(self, name: str) -> bool:
        raise PermanentError("something foreign is mounted in it")


def test_uninstall_that_ignores_failures_holds_the_volume(engine: Engine) -> None:
    engine.install(UNSAVED)
    engine.world.write("mine", b"data")
    engine.services = lambda: with_provider(engine.world.services(), machines=Stuck(engine.world.host))
    engine.execute("uninstall", ignore_failure=True)
    (volume,) = engine.world.host.volumes.values()
    assert volume.files["mine"] == b"data"
    assert engine.world.known()


class Shy(FakeMachines):
    """Does not start at the first attempts."""

    attempts = 0

    def start(self, spec: MachineSpec) -> bool:
        Shy.attempts += 1
        if Shy.attempts <= 3:
            raise MachineUnreachable("no answer yet")
        return super().start(spec)


def test_what_is_temporary_is_tried_again_inside_the_operation(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Shy, "attempts", 0)
    engine.services = lambda: with_provider(engine.world.services(), machines=Shy(engine.world.host))
    engine.install()
    assert engine.states() == {"started"}


def test_and_given_up_after_a_while(engine: Engine, cause: Cause) -> None:
    def services() -> Services:
        machines = NeverStarting(engine.world.host)
        machines.error = TemporaryError("the mirror does not answer", "look at the network", retry_after=10.0)
        return with_provider(engine.world.services(), machines=machines)

    engine.services = services
    engine.init()
    said = cause(lambda: engine.execute("install", retries=5))
    assert "the mirror does not answer\n  next: look at the network" in said
    assert said.count("the mirror does not answer; trying again in 10 s") == 12
    assert said.count("Task started 'cloudify_scipion.operations.machine.start'") == 1  # no retry of Cloudify's
    assert 100 <= engine.world.clock.seconds <= 120


HOLDER = """
import sys
from pathlib import Path
from cloudify_scipion.adapters.lock import Locks
Locks().hold(Path(sys.argv[1]) / "locks/relion-2d", "relion-2d", "install of deployment x")
print("held", flush=True)
sys.stdin.read()
"""


def test_another_execution_holds_the_lock(engine: Engine, cause: Cause) -> None:
    """A second process fails at once and names the first; the lock of a killed process is free."""
    engine.init()
    command = [sys.executable, "-c", HOLDER, str(engine.world.root)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        said = cause(lambda: engine.execute("install"))
        assert f"in use: process {holder.pid} (install of deployment x) since 20" in said
        assert engine.world.clock.seconds == 0
        assert not engine.world.root.joinpath("projects").exists()
        holder.kill()
    engine.execute("install")


def prepared(engine: Engine, workflow: str) -> Engine:
    engine.world.root.mkdir(parents=True, exist_ok=True)
    (engine.world.root / "installation").write_text("0123abcd")
    engine.init()
    if workflow == "uninstall":
        engine.execute("install")
    return engine


@pytest.mark.parametrize("number", range(3))
@pytest.mark.parametrize("workflow", ["install", "uninstall"])
def test_the_same_execution_after_a_kill(engine: Engine, workflow: str, number: int) -> None:
    """A sample of the kill points that unit tests go through one by one, here with Cloudify's memory of the rest."""
    reference = prepared(Engine(World(engine.folder / "other/state"), engine.folder / "other"), workflow)
    counting = Reaper()
    reference.execute(workflow, reaper=counting)

    prepared(engine, workflow)
    at = random.Random(f"{workflow}{number}").randrange(1, counting.count)
    killed = engine.execute_killed(workflow, Reaper(at, after=bool(number % 2)))
    engine.execute(workflow)
    facts, expected = engine.world.facts(), reference.world.facts()
    for record in [*facts["records"], *expected["records"]]:
        record["work_folder"] = ""
    assert facts == expected, f"killed at {at} {killed}"
    assert engine.states() == reference.states()
