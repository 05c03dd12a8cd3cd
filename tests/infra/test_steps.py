"""Running steps on the real machine: whose they are, that what is said of them is true, and who is waited for.

The tests follow one project through its life, in their order: its workflow has a step for a person in the middle.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cloudify_scipion.errors import PluginsMissing
from cloudify_scipion.lifecycle.layout import TARGET, WHOLE
from cloudify_scipion.lifecycle.machine import machine_spec
from cloudify_scipion.lifecycle.record import Record
from cloudify_scipion.lifecycle.scipion_project import create_scipion_project
from tests.infra import by_hand
from tests.infra.saved import AS_USER, Saved, saved_project
from tests.installation import DEMO, Installation, wait_until

pytestmark = pytest.mark.machine

NAME = "steps"
TOOL = "/opt/scipion/bin/scipion-workflow"
UNIT = f"scipion-workflow@{NAME}.service"
FOLDER = f"{TARGET}/projects/{NAME}"
STARTS = """
own, following = new("ProtWait", "his own", seconds=600), new("ProtSubSet", "his next", nElements=3)
project.launchProtocol(own)
own._pid.set(1)
project.mapper.store(own)
following.inputFullSet.set(box("Choose"))
following.inputFullSet.setExtended("outputParticles")
project.scheduleProtocol(following)
"""
CHOOSES = 'run = box("Choose"); run.choose(); project._storeProtocol(run); project.mapper.commit()'
CALLED = f"{FOLDER}/Runs/*_ProtCall/extra/called"
FILLER = f"{WHOLE}/filler"
FILLS = f"""set -- $(df -B1 --output=used,avail {TARGET} | tail -1)
fallocate -l $((($1 + $2) * 93 / 100 - $1)) {FILLER}
cd /usr/local/share/cloudify-desktop/saving
runuser -u scipion -- env HOME=/home/scipion python3 -Bc \\
    'from cloudify_saving.disks import full_disks; print(full_disks())'
"""
"""More than 90 % of the volume, and what the desktop's line says of it."""
NOTHING = {"_useQueue": False, "_prerequisites": "", "_queueParams": None, "runName": None, "runMode": 0}
DATABASE = (
    "import json, sqlite3; c = sqlite3.connect('file:{FOLDER}/project.sqlite?mode=ro', uri=True);"
    "print(json.dumps(dict(c.execute('SELECT l.label, s.value FROM Objects l JOIN Objects s ON s.parent_id = l.id"
    ' AND s.name = l.id || ".status" WHERE l.parent_id IS NULL\').fetchall())))'
)
"""What Scipion's window shows."""


def box(kind: str, id: str, label: str, **values: Any) -> dict[str, Any]:
    return {"object.className": kind, "object.id": id, "object.label": label, **NOTHING, **values}


def workflow() -> list[dict[str, Any]]:
    """The demo's particles, and a few of them; a queue is asked for, which no machine has."""
    demo = json.loads((DEMO.parent / "relion-2d.workflow.json").read_text())
    (first,) = (step for step in demo if step["object.className"] == "ProtImportParticles")
    few = box("ProtSubSet", "30", "A few", inputFullSet=f"{first['object.id']}.outputParticles", nElements=5)
    return [first, {**few, "chooseAtRandom": True, "_useQueue": True}]


def with_person() -> list[dict[str, Any]]:
    """The same with a person in the middle, which no step of the catalogue needs."""
    first, few = workflow()
    chosen = box("ProtByHand", "20", "Choose", inputParticles=few["inputFullSet"])
    return [first, chosen, {**few, "inputFullSet": "20.outputParticles"}]


def asked_with_person(record: Record) -> Record:
    """As an install would ask for it."""
    return record.asking("workflow", {**record.settings["workflow"], "protocols": with_person()})


@pytest.fixture(scope="module")
def kept(warm: Installation) -> Iterator[Saved]:
    with saved_project(warm, NAME) as project:
        folder = warm.folder / NAME
        (folder / "workflow.json").write_text(json.dumps(workflow()))
        warm.install(NAME)
        inputs = (folder / "inputs.yaml").read_text().replace("run_workflow: false", "run_workflow: true")
        (folder / "inputs.yaml").write_text(inputs.replace("wait_minutes: 10", "wait_minutes: 1"))
        by_hand.put(project)
        project.run("rm", "-r", FOLDER)
        create_scipion_project(warm.services(), asked_with_person(warm.record(NAME)))
        yield project


def window(kept: Saved, statements: str) -> None:
    """What the user does in Scipion's window; what he starts there is no child of ours."""
    script = (Path(__file__).parent / "by_hand/window.py").read_bytes()
    kept.run("install", "-m", "0644", "/dev/stdin", "/home/scipion/window.py", stdin=script)
    shell = '/opt/scipion/bin/scipion-env python ~scipion/window.py "$@" </dev/null >~scipion/window.log 2>&1'
    kept.run(*AS_USER, "sh", "-euc", f"{shell} || {{ cat ~scipion/window.log >&2; exit 1; }}", "sh", NAME, statements)


def steps(kept: Saved) -> dict[str, dict[str, Any]]:
    told = json.loads(kept.run(*AS_USER, TOOL, "status", NAME).stdout)["protocols"]
    return {row["label"]: row for row in told}


def in_window(kept: Saved) -> dict[str, str]:
    """The states as Scipion's own database has them."""
    shown: dict[str, str] = json.loads(kept.run("python3", "-c", DATABASE.replace("{FOLDER}", FOLDER)).stdout)
    return shown


def status(kept: Saved, code: int = 0) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(kept.installation.run("cloudify-scipion", "status", NAME, "--json", code=code))
    return told


def power_cut(kept: Saved) -> None:
    """The machine goes down hard and is booted, by whomever: our `create` and `repair` have no part in it."""
    installation, record = kept.installation, kept.installation.record(NAME)
    installation.host.kill(installation.host.processes(record.machine))
    services = installation.services()
    services.of(record).machines.start(machine_spec(services, record))
    services.connect(record).wait_until_ready(90)


def test_a_person_is_awaited_and_repair_and_install_work_meanwhile(kept: Saved) -> None:
    kept.run("systemctl", "start", UNIT)
    wait_until(lambda: steps(kept)["Choose"]["awaited"], 60)
    kept.installation.run("cloudify-scipion", "repair", NAME)
    said = kept.installation.install(NAME)
    assert "a person must finish step" in said and "(Choose) in Scipion's window" in said
    assert [(label, row["status"], row["awaited"]) for label, row in steps(kept).items()] == [
        ("Import particles", "finished", False), ("Choose", "interactive", True), ("A few", "saved", False)
    ]  # fmt: skip
    kept.run("systemctl", "is-active", UNIT)


def test_without_its_plugin_the_project_is_refused_and_with_it_again_all_is_as_it_was(kept: Saved) -> None:
    before = kept.run("sha256sum", f"{FOLDER}/project.sqlite").stdout
    by_hand.take_away(kept)
    services, record = kept.installation.services(), kept.installation.record(NAME)
    with pytest.raises(PluginsMissing, match=r"ProtByHand \(Choose\), of no plugin of the catalogue"):
        create_scipion_project(services, record)
    by_hand.put(kept)
    create_scipion_project(services, record)
    assert kept.run("sha256sum", f"{FOLDER}/project.sqlite").stdout == before


def test_an_uninstall_names_the_users_steps_and_ends_nothing(kept: Saved) -> None:
    """The number that is written for the running one becomes another process's, which proves nothing either way."""
    window(kept, STARTS)
    wait_until(lambda: steps(kept)["his own"]["status"] == "running")
    said = kept.installation.uninstall(NAME, code=1)
    assert f"Scipion's project {NAME}: his own, running since 20" in said
    assert f"Scipion's project {NAME}: his next, waiting for its inputs since 20" in said
    assert f"cloudify-scipion stop-steps {NAME}" in said
    assert "(Choose)" not in said
    kept.assert_usable()
    assert steps(kept)["his own"]["status"] == "running"


def test_after_a_power_cut_scipions_window_shows_what_is_dead_and_the_workflow_goes_on(kept: Saved) -> None:
    power_cut(kept)
    wait_until(lambda: in_window(kept)["his own"] == "failed")
    told = steps(kept)
    for label in ("his own", "his next"):
        assert told[label]["status"] == "failed"
        assert "the machine was started again" in told[label]["error"]
    wait_until(lambda: steps(kept)["Choose"]["awaited"])
    window(kept, CHOOSES)
    wait_until(lambda: steps(kept)["A few"]["status"] == "finished", 60)
    assert in_window(kept)["his own"] == "failed"  # his, and nobody started it again
    assert steps(kept)["Choose"]["status"] == "interactive" and not steps(kept)["Choose"]["awaited"]


def test_a_step_that_the_user_has_stopped_is_not_started_again(kept: Saved) -> None:
    window(kept, 'run = box("A few"); project.launchProtocol(run); project.stopProtocol(run)')
    kept.run("systemctl", "restart", UNIT)
    wait_until(lambda: kept.run("systemctl", "is-active", UNIT, expect=range(9)).stdout.strip() == "failed")
    assert steps(kept)["A few"]["status"] == in_window(kept)["A few"] == "aborted"


def test_a_full_disk_is_told_before_and_the_step_that_died_of_it_is_not_running(kept: Saved) -> None:
    assert "ScipionUserData) is more than 90 % full" in kept.run("sh", "-euc", FILLS).stdout
    (disk,) = status(kept)["disks"]
    assert disk.startswith("volume ") and "(ScipionUserData)" in disk
    window(kept, 'project.launchProtocol(new("ProtFill", "too much"))')
    wait_until(lambda: steps(kept)["too much"]["status"] == "failed", 60)
    assert any(
        words in steps(kept)["too much"]["error"] for words in ("No space left", "disk is full", "disk was full")
    )
    assert status(kept, code=1)["disk_full"]
    kept.installation.run("cloudify-scipion", "save", NAME)
    kept.run("rm", FILLER)


def test_a_program_that_outlives_its_step_is_the_steps_and_is_not_called_dead(kept: Saved) -> None:
    window(kept, 'project.launchProtocol(new("ProtCall", "calls"))')
    wait_until(lambda: kept.run("sh", "-c", f"cat {CALLED}", expect=range(2)).stdout.strip(), 60)
    kept.run("sh", "-euc", f"kill -KILL $(cat {FOLDER}/Runs/*_ProtCall/extra/own)")
    kept.run("sh", "-euc", f"while [ -d /proc/$(cat {FOLDER}/Runs/*_ProtCall/extra/own) ]; do sleep 0.1; done")
    assert steps(kept)["calls"]["status"] == "running"
    assert "calls, running since 20" in kept.installation.uninstall(NAME, code=1)


def test_on_somebodys_word_the_steps_end_whoever_started_them(kept: Saved) -> None:
    window(kept, 'project.launchProtocol(new("ProtWait", "his last", seconds=600))')
    kept.installation.run("cfy", "executions", "start", "stop_steps", "-b", NAME)
    assert json.loads(kept.run(*AS_USER, TOOL, "running").stdout) == {"running": []}
    assert in_window(kept)["his last"] == in_window(kept)["calls"] == "aborted"
    kept.run("sh", "-euc", f"! test -d /proc/$(cat {CALLED})")
    assert kept.run("systemctl", "is-enabled", UNIT, expect=(1,)).stdout.strip() == "disabled"
