"""The Scipion project and its run."""

from __future__ import annotations

import json

import pytest
from cloudify.exceptions import NonRecoverableError

from cloudify_scipion.lifecycle.scipion_project import (
    ProtocolStatus,
    protocol_statuses,
    run_workflow,
    stop_workflow,
    summary,
    workflow_problem,
)
from tests.fakes.deployment import INSTALL, Deployment
from tests.fakes.ports import FakeClock, FakeProgress
from tests.fakes.world import World

BEFORE, PROJECT, RUN = INSTALL[:7], INSTALL[7], INSTALL[8]


def statuses(world: World) -> list[str]:
    record = world.record()
    return [protocol.status for protocol in protocol_statuses(world.services().connect(record), record)]


def unit_active(world: World) -> bool:
    return "scipion-workflow@relion-2d.service" in world.host.machines[world.record().machine].units


def test_the_workflow_runs_to_its_end(demo: Deployment) -> None:
    demo.run([*BEFORE, PROJECT])
    assert statuses(demo.world) == ["saved", "saved"]
    demo.run([RUN])
    assert statuses(demo.world) == ["finished", "finished"]
    assert "workflow: 2 of 2 protocols ended (2 finished)" in demo.world.progress.text
    sent = [data for words, data in demo.world.sent if words[-1].endswith("relion-2d.workflow.json") and data]
    assert [p["object.className"] for p in json.loads(sent[0])] == ["ProtImportParticles", "ProtRelionClassify2D"]


def test_a_project_that_is_there_is_kept(demo: Deployment) -> None:
    demo.install()
    demo.run([PROJECT])
    assert "Scipion project relion-2d: there already, 2 protocols" in demo.world.progress.lines
    assert statuses(demo.world) == ["finished", "finished"]


def test_dropped_protocols_are_an_error_that_names_them(demo: Deployment) -> None:
    demo.world.workflows.unknown = {"ProtRelionClassify2D"}
    demo.run(BEFORE)
    with pytest.raises(NonRecoverableError) as caught:
        demo.run([PROJECT])
    text = str(caught.value)
    assert "protocol 58: ProtRelionClassify2D (relion - 2D classification)" in text
    assert "ProtImportParticles" not in text
    assert "software.plugins" in text
    assert demo.world.host.volumes[demo.world.record().volume].files == {}


def test_a_project_with_steps_whose_plugin_is_gone_is_refused_and_both_are_named(demo: Deployment) -> None:
    demo.install()
    before = dict(demo.world.host.volumes[demo.world.record().volume].files)
    demo.world.workflows.unknown = {"ProtRelionClassify2D"}
    with pytest.raises(NonRecoverableError) as caught:
        demo.run([PROJECT])
    text = str(caught.value)
    assert "protocol 58: ProtRelionClassify2D (relion - 2D classification), of scipion-em-relion" in text
    assert "ProtImportParticles" not in text
    assert "uninstall (its data stay), add the plugins" in text and "workflow.missing_plugins" in text
    assert demo.world.host.volumes[demo.world.record().volume].files == before


def test_by_choice_such_a_project_is_opened_for_reading(world: World) -> None:
    demo = Deployment(world, {"missing_plugins": "read_only"})
    demo.install()
    world.workflows.unknown = {"ProtRelionClassify2D"}
    demo.run([PROJECT])
    assert any("open for reading only" in line and "scipion-em-relion" in line for line in world.progress.lines)


def test_a_failing_protocol_is_reported_and_is_no_error(demo: Deployment) -> None:
    demo.world.workflows.errors = {"relion - 2D classification": "relion_refine: too few particles"}
    demo.install()
    told = "protocol 58 (relion - 2D classification) failed: relion_refine: too few particles"
    assert told in demo.world.progress.lines
    assert demo.world.record().events[-1].text == told
    assert workflow_problem(demo.world.services(), demo.world.record()) == ""


def test_a_run_that_ended_early_is_reported_with_its_last_lines(demo: Deployment) -> None:
    demo.world.workflows.ends_after = 1
    demo.install()
    expected = (
        "the workflow's run ended before: relion - 2D classification. Its last lines:\nstarting\nKilled: out of memory"
    )
    assert expected in demo.world.progress.lines
    assert demo.world.record().events[-1].text == expected


@pytest.mark.parametrize(("minutes", "seconds_of_work"), [(0, 3.0), (1, 100.0), (10, 1000.0)])
def test_the_install_waits_as_long_as_asked(world: World, minutes: int, seconds_of_work: float) -> None:
    demo = Deployment(world, {"wait_minutes": minutes})
    world.workflows.seconds = seconds_of_work
    demo.run([*BEFORE, PROJECT])
    began = world.clock.seconds
    demo.run([RUN])
    assert minutes * 60 <= world.clock.seconds - began <= minutes * 60 + 2
    assert world.progress.lines[-1] == "workflow: it goes on; see cloudify-scipion status relion-2d"
    assert unit_active(world)


class Timed(FakeProgress):
    """Remembers when something was said."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__()
        self.clock, self.times = clock, [clock.seconds]

    def say(self, message: str) -> None:
        super().say(message)
        self.times.append(self.clock.seconds)


def test_nothing_is_silent_for_more_than_twenty_seconds(demo: Deployment) -> None:
    demo.world.workflows.seconds = 200.0
    demo.run([*BEFORE, PROJECT])
    timed = demo.world.progress = Timed(demo.world.clock)
    demo.run([RUN])
    assert timed.times[-1] - timed.times[0] >= 400
    assert max(later - earlier for earlier, later in zip(timed.times, timed.times[1:], strict=False)) < 20
    assert "running: Import particles" in timed.text


def test_started_again_it_is_followed_not_restarted(demo: Deployment) -> None:
    demo.world.workflows.seconds = 5000.0
    demo.run([*BEFORE, PROJECT, RUN])
    record = demo.world.record()
    began = dict(demo.world.host.machines[record.machine].units)
    demo.run([RUN])
    assert demo.world.host.machines[record.machine].units == began


def test_a_finished_workflow_is_not_started_again(demo: Deployment) -> None:
    demo.install()
    record = demo.world.record()
    began = dict(demo.world.host.machines[record.machine].units)
    demo.run([RUN])
    assert demo.world.host.machines[record.machine].units == began
    assert demo.world.progress.lines[-1] == "workflow: 2 of 2 protocols ended (2 finished): nothing to do"


def test_without_run_it_is_only_loaded(world: World) -> None:
    Deployment(world, {"run_workflow": False}).install()
    assert statuses(world) == ["saved", "saved"]
    assert not unit_active(world)


def test_text_for_run_and_wait(world: World) -> None:
    """`-i run_workflow=false` arrives as text."""
    Deployment(world, {"run_workflow": "false", "wait_minutes": "0"}).install()
    assert statuses(world) == ["saved", "saved"]


def test_repair_looks_once_and_goes_on(demo: Deployment) -> None:
    demo.world.workflows.seconds = 1000.0
    demo.run([*BEFORE, PROJECT])
    began = demo.world.clock.seconds
    run_workflow(demo.world.services(), demo.world.record().asking("workflow", _asked()), wait_minutes=0)
    assert demo.world.clock.seconds == began
    assert unit_active(demo.world)


def _asked() -> dict[str, object]:
    return {"protocols": [], "run": True, "wait_minutes": 10}


def test_stopping(demo: Deployment) -> None:
    demo.world.workflows.seconds = 1000.0
    demo.run([*BEFORE, PROJECT, RUN])
    world = demo.world
    stop_workflow(world.services(), world.record())
    assert not unit_active(world)
    world.broken["systemctl"] = "timed out"
    stop_workflow(world.services(), world.record())
    assert "the machine stops anyway" in world.progress.lines[-1]
    world.host.reboot()
    before = list(world.progress.lines)
    stop_workflow(world.services(), world.record())
    assert world.progress.lines == before


def test_a_project_that_cannot_be_read(demo: Deployment) -> None:
    demo.install()
    demo.world.broken["/opt/scipion/bin/scipion-workflow"] = "project.sqlite is damaged"
    assert "project.sqlite is damaged" in workflow_problem(demo.world.services(), demo.world.record())


def test_summary() -> None:
    protocols = [
        ProtocolStatus("1", "a", "finished"),
        ProtocolStatus("2", "b", "running"),
        ProtocolStatus("3", "c", "x"),
    ]
    assert summary(protocols) == "1 of 3 protocols ended (1 finished, 1 running, 1 x); running: b"
    assert summary([]) == "0 of 0 protocols ended ()"
