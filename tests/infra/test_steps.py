"""Running steps on the real machine: whose they are, and that what is said of them is true."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.infra.saved import AS_USER, Saved, saved_project
from tests.installation import Installation

pytestmark = pytest.mark.machine

NAME = "steps"
TOOL = "/opt/scipion/bin/scipion-workflow"
UNIT = f"scipion-workflow@{NAME}.service"
HIS_OWN = """
import sys
sys.path.insert(0, "/opt/scipion/libexec")
import scipion_workflow as w
domain = w.scipion()
project = w.open_project(domain, w.existing(sys.argv[1]))
project.load()
copies = project.copyProtocol([run for run in project.getRuns() if run.getObjLabel() == "Import particles"])
"""
"""A person copies a box in the window: the copy is only saved."""


@pytest.fixture(scope="module")
def kept(warm: Installation) -> Iterator[Saved]:
    with saved_project(warm, NAME) as project:
        warm.install(NAME)
        yield project


def test_a_box_of_the_users_is_not_started_and_repair_works_while_the_unit_runs(kept: Saved) -> None:
    kept.run(*AS_USER, "/opt/scipion/bin/scipion-env", "python", "-c", HIS_OWN, NAME)
    kept.run("systemctl", "start", UNIT)
    kept.installation.run("cloudify-scipion", "repair", NAME)
    kept.run("timeout", "300", "sh", "-c", f"while systemctl -q is-active {UNIT}; do sleep 1; done")
    told = json.loads(kept.run(*AS_USER, TOOL, "status", NAME).stdout)["protocols"]
    assert [(p["status"], p["step"]) for p in told] == [("finished", True), ("finished", True), ("saved", False)]


def test_a_foreign_process_of_a_steps_number_is_no_running_step(kept: Saved) -> None:
    script = (
        "import sqlite3, subprocess; p = subprocess.Popen(['sleep', '600'], start_new_session=True, "
        "stdin=-3, stdout=-3, stderr=-3);"
        f"c = sqlite3.connect('/home/scipion/ScipionUserData/projects/{NAME}/project.sqlite');"
        "c.execute(\"UPDATE Objects SET value = 'running' WHERE name LIKE '%.status' AND parent_id = (SELECT max(id)"
        ' FROM Objects WHERE parent_id IS NULL)");'
        "c.execute(\"UPDATE Objects SET value = ? WHERE name LIKE '%._pid' AND parent_id = (SELECT max(id)"
        ' FROM Objects WHERE parent_id IS NULL)", (p.pid,)); c.commit()'
    )
    kept.run(*AS_USER, "python3", "-c", script)
    told = json.loads(kept.installation.run("cloudify-scipion", "status", NAME, "--json"))["protocols"]
    assert told[-1]["status"] == "failed" and "not found running" in told[-1]["error"]
