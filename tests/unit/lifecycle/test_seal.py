"""The seal and the gate: all is saved and proven, or nothing is stopped and nothing deleted."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from cloudify.exceptions import NonRecoverableError

from cloudify_scipion.errors import PermanentError
from cloudify_scipion.lifecycle.layout import DESKTOP_UNITS, QUIESCE, TARGET
from cloudify_scipion.lifecycle.proof import keep_seal, recheck_seal, valid_seal
from cloudify_scipion.lifecycle.repair import repair_project
from tests.fakes.deployment import DISCARD, GATE, UNINSTALL, UNSAVED, Deployment
from tests.fakes.world import World

TIMERS = {"scipion-data-push.timer", "scipion-data-scan.timer", "scipion-data-requests.path"}


def installed(world: World, **inputs: object) -> Deployment:
    deployment = Deployment(world, dict(inputs))
    deployment.install()
    world.write("mine", b"results")
    world.end_process()
    deployment.workflow = "uninstall"
    return deployment


def sealed(world: World) -> bool:
    record = world.record()
    return valid_seal(record, world.services().provider({}).volumes.look(record.volume))


def assert_usable(world: World) -> None:
    disk = world.host.machines[world.record().machine]
    assert disk.running and not disk.read_only
    assert {*DESKTOP_UNITS} | TIMERS <= set(disk.units)
    assert not sealed(world)
    assert "seal.json" not in world.host.volumes[world.record().volume].agent
    assert world.work("push") in (0, 1, 3, 4, 6)


def refused(deployment: Deployment) -> str:
    with pytest.raises(NonRecoverableError) as caught:
        deployment.uninstall()
    return str(caught.value)


def test_what_a_seal_takes(demo: Deployment) -> None:
    world = demo.world
    installed(world)
    before = len(world.sent)
    demo.workflow = "uninstall"
    demo.operation(*GATE)
    told = [" ".join(words) for words, _ in world.sent[before:]]
    order = [
        "systemctl start --no-block scipion-data@push.service",
        f"runuser -u scipion -- tee {TARGET}/about-this-project/README.txt",
        "systemctl stop scipion-data-push.timer scipion-data-scan.timer scipion-data-requests.path",
        f"systemctl stop {' '.join(reversed(DESKTOP_UNITS))}",
        "systemctl stop scipion-workflow@relion-2d.service",
        QUIESCE,
        f"mount -o remount,bind,ro {TARGET}",
        "systemctl start --no-block scipion-data@seal.service",
    ]
    assert [line for line in told if line in order] == order
    assert sealed(world)
    record = world.record()
    assert world.host.volumes[record.volume].tags["seal"] == record.seal["manifest"]
    assert world.space().files["mine"] == b"results"
    assert "SEALED: all" in record.events[-1].text
    assert "https://instruct-eric.org" in world.space().files["about-this-project/README.txt"].decode()
    assert "about-this-project/software.lock.json" in world.space().files


def test_the_gate_does_nothing_twice(world: World) -> None:
    deployment = installed(world)
    deployment.operation(*GATE)
    before = len(world.sent)
    deployment.operation(*GATE)
    assert [words[0] for words, _ in world.sent[before:]] == [
        "runuser",
        "findmnt",
    ]  # it asks which steps run, and looks


def break_push(world: World) -> None:
    world.host.agents.failing["push"] = (4, "the data space is not the one of this project")


def break_seal(world: World) -> None:
    world.host.agents.failing["seal"] = (1, "3 files are not in the data space as they were written")


def lose_a_file(world: World) -> None:
    world.host.agents.unsavable.add("mine")


def drop_writes(world: World) -> None:
    world.space().drops = True


def keep_a_file_open(world: World) -> None:
    world.host.machines[world.record().machine].open_files.append(f"{TARGET}/mine")


def leave_a_process(world: World) -> None:
    world.broken[QUIESCE] = "process 77 (relion) is left"


def hang_the_mount(world: World) -> None:
    world.space().away = "/srv/scipion-space/project hangs"


def take_the_lease(world: World) -> None:
    owner = {"installation": "other", "tenant": "t", "deployment": "theirs"}
    world.space().lease = {"owner": owner, "generation": 9}


def die_silently(world: World) -> None:
    world.host.agents.silent.add("seal")


def mend(world: World) -> None:
    ways = world.host.agents
    for harms in (ways.failing, ways.unsavable, ways.silent, world.broken):
        harms.clear()
    world.host.machines[world.record().machine].open_files.clear()
    space = world.space()
    space.drops, space.away = False, ""
    if space.lease and space.lease["owner"]["deployment"] == "theirs":
        space.lease = None


def test_a_refusal_says_what_to_do_about_the_cause(world: World) -> None:
    deployment = installed(world)
    keep_a_file_open(world)
    assert "end it on the machine, then uninstall again" in refused(deployment)


@pytest.mark.parametrize(
    ("harm", "why"),
    [
        (break_push, "not the one of this project"),
        (break_seal, "3 files are not in the data space"),
        (lose_a_file, "could not be saved: mine"),
        (drop_writes, "not in the data space as they were written"),
        (keep_a_file_open, f"process 77 has {TARGET}/mine"),
        (leave_a_process, "process 77 (relion) is left"),
        (hang_the_mount, "/srv/scipion-space/project hangs"),
        (take_the_lease, "the folder belongs to theirs"),
        (die_silently, "seal ended without a result"),
    ],
)
def test_a_refused_uninstall_leaves_the_project_usable(world: World, harm: Callable[[World], None], why: str) -> None:
    deployment = installed(world)
    harm(world)
    said = refused(deployment)
    assert why in said
    assert "nothing was stopped" in said
    for command in ("save", "repair", "rescue", "discard"):
        assert f"cloudify-scipion {command} relion-2d" in said
    assert "cfy uninstall -b relion-2d -p ignore_failure=true" in said
    assert_usable(world)
    assert world.host.volumes[world.record().volume].files["mine"] == b"results"
    mend(world)
    repair_project(world.services(), world.record())
    world.end_process()
    deployment.uninstall()
    assert not world.known() and not world.host.volumes
    assert world.space().files["mine"] == b"results"


def test_the_message_lists_what_is_unsaved(world: World) -> None:
    deployment = installed(world)
    ways = world.host.agents
    ways.failing["push"] = (1, "no answer")
    ways.alarms.append("the trash is full")
    ways.questions.append({"id": "q1", "text": "400 files were deleted: on purpose?", "answers": ["yes", "no"]})
    said = refused(deployment)
    for line in ("files are not saved yet", "alarm: the trash is full", "question q1: 400 files", "answer ID WORD"):
        assert line in said


@pytest.mark.parametrize("gone", [True, False])
def test_without_a_machine_the_gate_refuses(world: World, gone: bool) -> None:
    deployment = installed(world)
    world.host.reboot()
    if gone:
        world.host.lose_folder(world.record().machine)
    assert "its machine does not run" in refused(deployment)
    assert "the last pull that is known was" in refused(deployment)
    assert world.host.volumes


def test_a_machine_that_does_not_answer(world: World) -> None:
    deployment = installed(world)
    world.host.cut_network(world.record().machine)
    said = refused(deployment)
    assert "Connection refused" in said and "cloudify-scipion rescue relion-2d" in said


@pytest.mark.parametrize("inputs", [DISCARD, UNSAVED])
def test_the_gate_lets_pass_what_goes_or_is_held_anyway(world: World, inputs: dict[str, object]) -> None:
    deployment = installed(world, **inputs)
    before = len(world.sent)
    deployment.operation(*GATE)
    assert [words[-1] for words, _ in world.sent[before:]] == ["running"]  # it only asks which steps run
    deployment.uninstall()
    assert bool(world.host.volumes) == ("data" in inputs)


def test_a_gate_that_was_passed_over_holds_the_volume(world: World) -> None:
    """`ignore_failure`: Cloudify goes on when the gate refuses."""
    deployment = installed(world)
    break_push(world)
    refused(deployment)
    deployment.run(UNINSTALL, ignore_failure=True)
    assert world.record().held
    assert world.host.volumes[world.record().volume].files["mine"] == b"results"
    assert "cloudify-scipion rescue relion-2d" in world.progress.text


def forget_in_record(world: World) -> None:
    services = world.services()
    services.projects.save(services.projects.load("relion-2d").__class__(**{**vars(world.record()), "seal": {}}))


def other_tags(world: World) -> None:
    world.host.volumes[world.record().volume].tags["seal"] = "0" * 64


def no_tags(world: World) -> None:
    del world.host.volumes[world.record().volume].tags["seal"]


def next_generation(world: World) -> None:
    record = world.record()
    world.services().projects.save(record.__class__(**{**vars(record), "generation": record.generation + 1}))


@pytest.mark.parametrize("harm", [forget_in_record, other_tags, no_tags, next_generation])
def test_a_delete_takes_the_whole_seal(world: World, harm: Callable[[World], None]) -> None:
    deployment = installed(world)
    deployment.operation(*GATE)
    harm(world)
    assert not sealed(world)
    deployment.run([("machine", "stop"), ("machine", "delete"), ("volume", "delete")])
    assert world.record().held


def test_a_machine_that_was_booted_from_inside_loses_its_seal(world: World) -> None:
    deployment = installed(world)
    deployment.operation(*GATE)
    world.host.machines[world.record().machine].read_only = False
    world.write("mine", b"later")
    deployment.run([("machine", "stop"), ("machine", "delete"), ("volume", "delete")])
    assert world.record().held
    assert world.host.volumes[world.record().volume].files["mine"] == b"later"


def test_a_seal_that_nobody_can_look_after_is_lost(world: World) -> None:
    deployment = installed(world)
    deployment.operation(*GATE)
    world.host.cut_network(world.record().machine)
    assert not recheck_seal(world.services(), world.record()).seal
    assert not sealed(world)


def test_a_seal_goes_before_the_next_writable_start(world: World) -> None:
    deployment = installed(world)
    deployment.operation(*GATE)
    disk = world.host.machines[world.record().machine]
    assert disk.read_only
    deployment.workflow = "install"
    deployment.operation("machine", "start")
    assert not world.record().seal
    assert "seal" not in world.host.volumes[world.record().volume].tags
    assert "seal.json" not in world.host.volumes[world.record().volume].agent
    assert not disk.read_only


def test_a_reinstall_from_the_same_file_has_everything_again(world: World) -> None:
    deployment = installed(world)
    deployment.uninstall()
    world.end_process()
    assert not world.host.volumes
    deployment.install()
    (volume,) = world.host.volumes.values()
    assert volume.files["mine"] == b"results"
    assert "Scipion project relion-2d: there already, 2 protocols" in world.progress.lines
    assert world.record().generation == 1
    deployment.uninstall()
    assert not world.host.volumes


@pytest.mark.parametrize(
    "wrong", [{"volume": "other"}, {"project": "other"}, {"generation": 7}, {"manifest": None}, {"version": None}]
)
def test_a_seal_of_something_else_is_none(world: World, wrong: dict[str, object]) -> None:
    installed(world)
    record = world.record()
    whole = {"version": 1, "project": "relion-2d", "volume": record.volume, "generation": 1, "manifest": "a",
             "files": 1, "bytes": 1}  # fmt: skip
    facts = {name: value for name, value in {**whole, **wrong}.items() if value is not None}
    with pytest.raises(PermanentError, match="the agent's seal is not one of volume"):
        keep_seal(world.services(), record, facts)
    assert not world.record().seal
    keep_seal(world.services(), record, whole)
    assert sealed(world)
