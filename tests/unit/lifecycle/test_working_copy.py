"""The working copy: what the machine and the agent are told, how works are followed, what is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from cloudify.exceptions import NonRecoverableError

from cloudify_scipion.errors import (
    DiskFull,
    GuardTripped,
    LeaseHeld,
    MachineUnreachable,
    NotAllSaved,
    PermanentError,
    PuppetFailed,
    ReadOnlyDataSpace,
    StepsRun,
    TemporaryError,
    TokenRefused,
    UnknownDataSpace,
)
from cloudify_scipion.lifecycle import working_copy
from cloudify_scipion.lifecycle.agent import AgentStatus, Result, error_of, progress_line, run_work
from cloudify_scipion.lifecycle.facts import CommandResult
from cloudify_scipion.lifecycle.layer import software_layer
from cloudify_scipion.lifecycle.parts import CONFIGURATION, WORKING_COPY, heal_parts
from cloudify_scipion.lifecycle.repair import repair_project
from cloudify_scipion.lifecycle.space import saved_part, space_secrets
from cloudify_scipion.lifecycle.working_copy import (
    data_problem,
    renew_token,
    save,
    saving_status,
    unsaved_lines,
)
from tests.fakes.agent import CONFIG
from tests.fakes.deployment import INSTALL, UNSAVED, Deployment
from tests.fakes.inside import FakeShell
from tests.fakes.world import World
from tests.unit.project.test_tokens import macaroon, url

PULL = INSTALL.index(("working_copy", "start"))
KEY = "-----BEGIN PGP PUBLIC KEY BLOCK-----\n"
REPOSITORY = {
    "url": "https://p.example.org/apt", "suite": "bookworm", "key": KEY, "version": "21.02.8-1",
    "fingerprint": "A" * 40,
}  # fmt: skip
ONEDATA: dict[str, Any] = {
    "name": "here", "provider": "local",
    "data_spaces": {"facility": {
        "kind": "onedata", "provider": "one.example.org", "space": "Cryo EM", "token": "t", "repository": REPOSITORY,
    }},
}  # fmt: skip
REMOTE = {"site": ONEDATA, "data": {
    "project": {"source": "facility:p/1"}, "datasets": [{"source": "facility:raw", "mount": "/data/raw"}],
}}  # fmt: skip


def test_what_the_agent_is_told(demo: Deployment) -> None:
    demo.install()
    world, record = demo.world, demo.world.record()
    told = json.loads(world.host.machines[record.machine].files[CONFIG])
    assert told == {
        "project": "relion-2d", "machine": record.machine, "generation": 1,
        "owner": {"installation": "0123abcd", "tenant": "default_tenant", "deployment": "relion-2d"},
        "fenced": True, "volume": record.volume, "include": [], "exclude": [],
        "space": {
            "kind": "directory", "path": "/srv/scipion-space/project", "verify": "", "mounted": True,
            "syncs_whole": True,
            "grant": "the operator makes the site's folder writable for root of the host, and repairs the project",
        },
    }  # fmt: skip
    disk = world.host.machines[record.machine]
    assert disk.folders == {"/srv/scipion-space/project": ("/fake/spaces/local/relion-2d", False)}
    assert disk.targets == {
        "/srv/scipion-volume": (record.volume, ""), "/home/scipion/ScipionUserData": (record.volume, "user")
    }  # fmt: skip
    (run,) = [run for run in world.puppet.runs if run.run == "project"]
    assert run.classes == ("system", "working_copy", "desktop")  # one run for data and desktop
    assert run.data["system::identity"] and run.data["desktop::start"] is False  # the Scipion project is made later


def test_a_new_machine_is_told_its_generation(demo: Deployment) -> None:
    demo.install()
    demo.world.host.reboot()
    demo.world.host.lose_folder(demo.world.record().machine)
    demo.install()
    told = json.loads(demo.world.host.machines[demo.world.record().machine].files[CONFIG])
    assert told["generation"] == demo.world.record().generation == 2


def test_a_project_without_data_has_no_agent_at_work(world: World) -> None:
    Deployment(world, UNSAVED).install()
    record = world.record()
    assert [run.classes for run in world.puppet.runs if run.run == "project"] == [("system", "desktop")]
    assert CONFIG not in world.host.machines[record.machine].files
    assert data_problem(world.services(), record) == ""
    assert saving_status(world.services(), record) is None
    with pytest.raises(PermanentError, match="has no data space"):
        save(world.services(), record)


def test_datasets_are_mounted_where_they_are_expected(world: World) -> None:
    data = {"datasets": [{"source": "local:raw/7", "mount": "/data/raw"}]}
    with pytest.raises(NonRecoverableError, match="local:raw/7 cannot be used"):
        Deployment(world, {"data": data}).install()
    world.space("raw/7").files["movie"] = b"raw"
    Deployment(world, {"data": data}).install()
    disk = world.host.machines[world.record().machine]
    assert disk.folders == {"/data/raw": ("/fake/spaces/local/raw/7", True)}
    assert data_problem(world.services(), world.record()) == ""


def test_the_copy_comes_from_the_data_space_and_its_progress_is_told(demo: Deployment) -> None:
    world = demo.world
    world.space().files["old"] = b"results"
    world.host.agents.seconds = 25.0
    demo.install()
    assert world.host.volumes[world.record().volume].files["old"] == b"results"
    lines = [line for line in world.progress.lines if line.startswith("pull: ")]
    assert lines[0] == "pull: started" and lines[-1] == "pull: done"
    assert len(lines) == 4  # every ten seconds a line between
    assert "pull: copying: 1 of 2 files, 1.0 of 2.0 GB, 50 MB/s, 1 min left" in lines[1]
    assert world.record().saved["work"] == "pull"


def test_a_second_process_attaches_to_the_copy(demo: Deployment) -> None:
    demo.run(INSTALL[:PULL])
    shell = demo.world.services().connect(demo.world.record())
    shell.run(["systemctl", "start", "--no-block", "scipion-data@pull.service"])
    demo.operation("working_copy", "start")
    starts = [words for words, _ in demo.world.sent if words[-1] == "scipion-data@pull.service" and words[1] == "start"]
    assert len(starts) == 1
    assert "pull: attached to what runs already" in demo.world.progress.lines


def test_a_lost_connection_ends_no_copy(demo: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    demo.run(INSTALL[:PULL])
    world, real, asked = demo.world, FakeShell.run, [0]
    world.host.agents.seconds = 60.0

    def run(self: FakeShell, argv: Any, **options: Any) -> Any:
        asked[0] += 1
        if 5 <= asked[0] <= 20:
            raise MachineUnreachable("no answer")
        return real(self, argv, **options)

    monkeypatch.setattr(FakeShell, "run", run)
    demo.operation("working_copy", "start")
    assert demo.world.work("verify") == 0


@pytest.mark.parametrize(
    ("code", "error"),
    [(1, PermanentError), (3, LeaseHeld), (4, GuardTripped), (5, DiskFull), (6, NotAllSaved), (75, TemporaryError)],
)
def test_what_exit_codes_mean(code: int, error: type[Exception]) -> None:
    caught = error_of(Result("push", False, code, "", "no room", "make some"))
    assert type(caught) is error
    assert (caught.what, caught.next_step) == ("push: no room", "make some")


def test_a_work_that_did_not_run(demo: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    """A condition of its unit was not met: systemd says that all is well."""
    demo.install()
    real = FakeShell._systemctl

    def systemctl(self: FakeShell, words: list[str]) -> Any:
        return real(self, ["stop", "x"] if words[:2] == ["start", "--no-block"] else words)

    monkeypatch.setattr(FakeShell, "_systemctl", systemctl)
    with pytest.raises(PermanentError, match="push ended without a result"):
        run_work(demo.world.services(), demo.world.record(), "push")


def test_what_is_temporary_is_tried_again(demo: Deployment) -> None:
    world = demo.world
    world.host.agents.failing["pull"] = (75, "the mount is busy")
    world.clock.later.append((30.0, lambda: world.host.agents.failing.clear()))
    demo.install()
    assert any("the mount is busy" in line and "trying again" in line for line in demo.log)


def test_saving_on_demand(demo: Deployment) -> None:
    demo.install()
    world = demo.world
    world.write("mine", b"results")
    save(world.services(), world.record())
    assert world.space().files["mine"] == b"results"
    world.host.agents.unsavable.add("mine")
    world.write("mine", b"more")
    with pytest.raises(NotAllSaved, match="mine"):
        save(world.services(), world.record())
    world.host.reboot()
    with pytest.raises(PermanentError, match="does not run"):
        save(world.services(), world.record())


def test_problems(demo: Deployment) -> None:
    demo.install()
    world = demo.world
    assert data_problem(world.services(), world.record()) == ""
    world.space().away = "/srv/scipion-space/project hangs"
    assert data_problem(world.services(), world.record()) == "/srv/scipion-space/project hangs"
    with pytest.raises(NonRecoverableError, match="hangs"):
        demo.check("working_copy")
    world.space().away = ""
    world.host.volumes[world.record().volume].agent.clear()
    assert data_problem(world.services(), world.record()) == "the working copy is not complete yet"
    demo.operation("working_copy", "heal")
    assert demo.check("working_copy") == {"status": "ok"}


@pytest.mark.parametrize(("lost", "works"), [("/data/raw is absent", 1), ("/srv/scipion-space/project is absent", 0)])
def test_before_a_boot_that_mounts_a_folder_is_saved_what_can_be(
    world: World, lost: str, works: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    data_ = {"project": {"source": "local:relion-2d"}, "datasets": [{"source": "local:raw/7", "mount": "/data/raw"}]}
    world.space("raw/7").files["movie"] = b"raw"
    Deployment(world, {"data": data_}).install()
    world.write("mine", b"results")
    monkeypatch.setattr(working_copy, "_unwell_mounts", lambda *_: [lost])
    saved: list[bytes | None] = []
    real = type(world.services().provider({}).machines).stop

    def stop(self: Any, name: str) -> Any:
        saved.append(world.space().files.get("mine"))
        return real(self, name)

    monkeypatch.setattr(type(world.services().provider({}).machines), "stop", stop)
    repair_project(world.services(), world.record())
    assert saved == [b"results" if works else None]
    assert world.host.volumes[world.record().volume].files["mine"] == b"results"


@pytest.mark.parametrize("way", ["heal", "repair"])
def test_a_lost_mount_of_a_folder_is_mounted_by_a_boot(demo: Deployment, way: str) -> None:
    demo.install()
    world = demo.world
    name = world.record().machine
    world.host.machines[name].lost = "/srv/scipion-space/project is not mounted"
    world.write("mine", b"results")
    before = len(world.host.calls)
    if way == "heal":
        demo.operation("working_copy", "heal")
    else:
        repair_project(world.services(), world.record())
    calls = world.host.calls[before:]
    assert f"start {name}" in calls[calls.index(f"stop {name}") :]
    assert demo.check("working_copy") == {"status": "ok"}
    save(world.services(), world.record())
    assert world.space().files["mine"] == b"results"


@pytest.mark.parametrize("way", ["heal", "repair"])
def test_a_boot_that_mounts_a_folder_asks_about_steps_that_run(demo: Deployment, way: str) -> None:
    demo.install()
    world = demo.world
    machine = world.host.machines[world.record().machine]
    machine.lost = "/srv/scipion-space/project is not mounted"
    machine.steps.append({"project": "mine", "id": "7", "label": "my 3D refine"})
    if way == "heal":  # a failure would make Cloudify end the desktop, and make it again
        demo.operation("working_copy", "heal")
        said = world.progress.text
    else:
        with pytest.raises(StepsRun) as caught:
            repair_project(world.services(), world.record())
        said = str(caught.value)
    assert "so nothing was stopped:\n  step 7 of Scipion's project mine: my 3D refine" in said
    assert "stop-steps" in said and "ignore_failure" not in said
    assert machine.running and len(machine.steps) == 1


def test_what_is_unsaved_for_people() -> None:
    assert unsaved_lines(AgentStatus(pulled=True)) == []
    assert unsaved_lines(AgentStatus()) == ["the first copy from the data space was never complete"]
    assert unsaved_lines(AgentStatus(pulled=True, doubt="the last seal did not succeed", unsaved=2)) == [
        "2 files are not saved yet",
        "the last seal did not succeed",
    ]
    assert progress_line(AgentStatus()) == "working"


@pytest.mark.parametrize("data", [{"project": {"source": "local:other"}}, {}])
def test_another_place_for_the_same_project_is_refused(demo: Deployment, data: dict[str, Any]) -> None:
    demo.install()
    other = Deployment(demo.world, {"data": data})
    for operation in (("volume", "precreate"), ("machine", "create")):
        with pytest.raises(NonRecoverableError, match=r"data\.project\.source: is 'local:relion-2d', asked for"):
            other.operation(*operation)


def test_data_spaces_that_cannot_be_used(demo: Deployment) -> None:
    demo.install()
    record = demo.world.record()
    site = record.settings["site"]
    with pytest.raises(UnknownDataSpace, match="no data space 'local'; it has other"):
        saved_part(record.asking("site", {**site, "data_spaces": {"other": {}}}))
    with pytest.raises(ReadOnlyDataSpace, match="read-only"):
        saved_part(record.asking("site", {**site, "data_spaces": {"local": {"read_only": True}}}))


def token_until(seconds: int) -> str:
    return url(macaroon(f"time < {seconds}"))


def test_onedata(world: World) -> None:
    world.secrets.values["t"] = f"{token_until(4102444800)}\n"
    demo = Deployment(world, REMOTE)
    demo.run(INSTALL[: PULL - 1])
    record = world.record().asking("data", REMOTE["data"]).asking("secrets", {})
    layer = software_layer(world.services(), record)
    assert layer.classes[-1] == "onedata"
    assert layer.data["onedata::version"] == "21.02.8-1"
    assert layer.data["onedata::repository"] == {
        **{key: value for key, value in REPOSITORY.items() if key != "version"},
        "components": ["main"],
    }
    demo.operation("working_copy", "create")
    (run,) = [run for run in world.puppet.runs if "onedata" in run.classes and run.run == "project"]
    mounts = run.data["onedata::mounts"]
    assert isinstance(mounts, dict) and set(mounts) == {"project", "verify", "dataset-1"}
    assert mounts["project"] == {
        "host": "one.example.org", "space": "Cryo EM", "path": "p/1", "mountpoint": "/srv/scipion-space/project",
        "read_only": False,
    }  # fmt: skip
    assert mounts["dataset-1"]["mountpoint"] == "/data/raw" and mounts["dataset-1"]["read_only"]
    assert run.data["working_copy::space"] == {
        "kind": "onedata", "path": "/srv/scipion-space/project", "verify": "/srv/scipion-space/verify", "mounted": True,
        "syncs_whole": False,
        "grant": "the operator lets the token's owner write there, or renews the token with one that may",
    }  # fmt: skip
    sent = {words[-1]: content for words, content in world.sent if words[-1].startswith("/etc/onedata/")}
    token = token_until(4102444800)
    assert sent == {f"/etc/onedata/{name}.token": token.encode() for name in mounts}
    assert all(token not in " ".join(words) for words, _ in world.sent)
    assert token not in str(world.puppet.runs) + world.progress.text + str(demo.log)


def test_a_token_that_ends_too_early_is_refused_before_anything_is_made(world: World) -> None:
    world.secrets.values["t"] = token_until(1767225600)
    for match in ("the token ends 2026-01-01 00:00 UTC, before the project does", "secret 't' is not known"):
        with pytest.raises(NonRecoverableError, match=match):
            Deployment(world, REMOTE).operation("volume", "precreate")
        world.secrets.values.clear()
    assert not world.host.volumes


@pytest.mark.parametrize(("name", "good"), [("relion-2d.token", True), ("t", False), ("relion-2d-b.token", False)])
def test_no_secret_of_another_project(world: World, name: str, good: bool) -> None:
    """Also where the blueprint was written by hand, and no document was checked."""
    for known in ("relion-2d.token", "t", "relion-2d-b.token"):
        world.secrets.values[known] = token_until(4102444800)
    demo = Deployment(world, REMOTE)
    demo.run(INSTALL[: PULL - 1])
    record = world.record().asking("secrets", {"onedata_token": name})
    if good:
        space_secrets(world.services(), record)
    else:
        with pytest.raises(PermanentError, match="not the project's own"):
            space_secrets(world.services(), record)


def test_a_new_token(world: World) -> None:
    world.secrets.values["t"] = token_until(4102444800)
    demo = Deployment(world, REMOTE)
    demo.run(INSTALL[:PULL])
    world.secrets.values["t"] = token_until(4102444801)
    before = len(world.sent)
    renew_token(world.services(), world.record())
    told = world.sent[before:]
    assert [content for _, content in told if content] == [token_until(4102444801).encode()] * 3
    assert told[-1][0][:2] == ("systemctl", "restart")
    assert told[-1][0][2:] == tuple(f"onedata@{name}.service" for name in ("project", "verify", "dataset-1"))


SAID = {
    "project ERROR: Invalid token": (TokenRefused, "one.example.org refuses the token of the data space 'facility'"),
    "verify bad macaroon signature": (TokenRefused, "bad macaroon signature"),
    "project onedata: the space is not there, or the token does not open it: 'x'": (UnknownDataSpace, "'Cryo EM'"),
    "project onedata: 'p' of 'p/1' cannot be made: Permission denied": (ReadOnlyDataSpace, "nothing can be saved"),
    "dataset-1 onedata: 'raw' of 'raw': No such file or directory": (UnknownDataSpace, "has no folder 'raw'"),
    "project ERROR: Cannot connect": (PuppetFailed, "mounts failed"),
    "project onedata: 'p' of 'p/1' cannot be made: No space left on device": (PuppetFailed, "mounts failed"),
    "": (PuppetFailed, "mounts failed"),
}


@pytest.mark.parametrize("said", SAID)
def test_what_keeps_a_mount_from_being_there(world: World, monkeypatch: pytest.MonkeyPatch, said: str) -> None:
    """As the client says, and what starts it."""
    world.secrets.values["t"] = token_until(4102444800)
    demo = Deployment(world, REMOTE)
    demo.run(INSTALL[: PULL - 1])
    hears(monkeypatch, f"{said} {token_until(4102444800)}\nproject onedata: oneclient has ended\n" if said else "")
    real = world.puppet.apply

    def apply(shell: Any, access: Any, run: str, *more: Any) -> Any:
        if run == "project":
            raise PuppetFailed("mounts failed")
        return real(shell, access, run, *more)

    monkeypatch.setattr(world.puppet, "apply", apply)
    error, words = SAID[said]
    record = world.record().asking("data", REMOTE["data"]).asking("secrets", {})
    with pytest.raises(error, match=words) as caught:
        heal_parts(world.services(), record, CONFIGURATION)
    assert token_until(4102444800) not in str(caught.value)


def hears(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """What the journal of the mounts has."""
    real = FakeShell._answer

    def answer(self: FakeShell, argv: list[str], stdin: bytes) -> CommandResult:
        journal = argv[0] == "sh" and "journalctl" in argv[2]
        return CommandResult(0, text, "") if journal else real(self, argv, stdin)

    monkeypatch.setattr(FakeShell, "_answer", answer)


def test_a_mount_that_does_not_answer_is_mounted_anew(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.secrets.values["t"] = token_until(4102444800)
    demo = Deployment(world, REMOTE)
    demo.run(INSTALL[:PULL])
    real, unwell = FakeShell._answer, "/data/raw hangs\n/srv/scipion-space/verify is empty"

    def answer(self: FakeShell, argv: list[str], stdin: bytes) -> CommandResult:
        return CommandResult(1, unwell, "") if argv[1:2] == ["health"] else real(self, argv, stdin)

    monkeypatch.setattr(FakeShell, "_answer", answer)
    hears(monkeypatch, "dataset-1 token expired\n")
    monkeypatch.setattr(working_copy, "pull_data", lambda services, record: record)
    heal_parts(world.services(), world.record(), CONFIGURATION, WORKING_COPY)
    restarts = [words[2:] for words, _ in world.sent if words[:2] == ("systemctl", "restart")]
    assert restarts == [("onedata@verify.service", "onedata@dataset-1.service")]
    assert "; ".join(unwell.splitlines()) in (told := data_problem(world.services(), world.record()))
    assert "refuses the token" in told and "token expired" in told


def test_a_new_token_for_what_needs_none(demo: Deployment) -> None:
    demo.install()
    with pytest.raises(PermanentError, match="uses no token"):
        renew_token(demo.world.services(), replace(demo.world.record()))
