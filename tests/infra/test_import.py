"""From a bare Scipion export to finished runs, beside the demo and on its layer."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.installation import DEMO, REPOSITORY, SITE, Installation, remove

pytestmark = pytest.mark.machine

EXPORT = DEMO.with_name("relion-2d.workflow.json")
NAME = "imported"


def imported(warm: Installation) -> Path:
    """A project file of the export; what is left to decide is decided as the command says."""
    path = warm.folder / "imports" / f"{NAME}.json"
    given = ("--title", "From an export", "--size-gb", "2")
    said = warm.run("cloudify-scipion", "import", str(EXPORT), "-o", str(path), *given)
    assert "$.workflow.run: the workflow is loaded and not run; with true here the install runs it" in said
    document = json.loads(path.read_text())
    document["workflow"] |= {"run": True, "wait_minutes": 10}
    path.write_text(json.dumps(document))
    return path


def test_what_import_writes_is_installed_and_runs_out_of_the_demos_reach(warm: Installation) -> None:
    path = imported(warm)
    assert "run by the install" in warm.run("cloudify-scipion", "check", str(path), "--site", str(SITE))
    cloud = str(REPOSITORY / "inputs/sites/example-cloud.yaml")
    choice = json.loads(warm.run("cloudify-scipion", "choose", str(path), "--site", cloud, "--json"))
    assert choice["chosen"] == "c1.medium"
    try:
        warm.render(path)
        warm.install(NAME)
        status = json.loads(warm.run("cloudify-scipion", "status", NAME, "--json"))
        assert [protocol["status"] for protocol in status["protocols"]] == ["finished", "finished"]
        assert warm.record(NAME).layer == warm.record("relion-2d").layer
        assert_out_of_reach(warm, NAME, "relion-2d")
        machine = warm.record(NAME).machine
        assert "HELD" in warm.uninstall(NAME)
        assert warm.host.traces(machine) == []
        assert "is running" in warm.run("cloudify-scipion", "status", "relion-2d")
    finally:
        remove(warm, NAME)


def assert_out_of_reach(warm: Installation, project: str, other: str) -> None:
    """From a project's machine, no port of another project's answers."""
    shell = warm.shell(project)
    for port in warm.record(other).ports.values():
        for host in ("10.0.2.2", "127.0.0.1", "10.0.2.100"):
            probe = f"timeout 2 bash -c 'exec 3<>/dev/tcp/{host}/{port}'"
            assert shell.run(["bash", "-c", probe], expect=range(256)).code != 0
