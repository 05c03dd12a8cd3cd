"""The demo of the README on the real machine: what it has, what it shows, what it leaves on the host."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import subprocess
from datetime import datetime
from pathlib import Path

import pytest

from cloudify_scipion.lifecycle.configure import project_run
from cloudify_scipion.lifecycle.layer import software_layer
from tests.conftest import Demo
from tests.infra.class_averages import best_assignment, read_stack

pytestmark = pytest.mark.machine

SILENCE_SECONDS = 20


def test_install_reports_and_is_never_silent_for_long(demo: Demo) -> None:
    times = [datetime.fromisoformat(line[:23]) for line in demo.log.splitlines() if re.match(r"\d{4}-\d\d-\d\d ", line)]
    gaps = [(after - before).total_seconds() for before, after in zip(times, times[1:], strict=False)]
    assert max(gaps) <= SILENCE_SECONDS
    for words in (
        "pull: done",
        "resources changed",
        "keeping the software as layer",
        "2 of 2 protocols ended",
    ):
        assert words in demo.log


def test_status_answers_for_people_and_for_scripts(demo: Demo) -> None:
    text = demo.installation.run("cloudify-scipion", "status", demo.project)
    assert "is running" in text and "2 of 2 protocols ended (2 finished)" in text and "13 days" in text
    status = json.loads(demo.installation.run("cloudify-scipion", "status", demo.project, "--json"))
    assert [p["status"] for p in status["protocols"]] == ["finished", "finished"]
    assert status["software"]["relion"] == "3.1.3" and not status["machine_problem"] and not status["desktop_problem"]


def test_cloudify_finds_every_node_well(demo: Demo) -> None:
    demo.installation.run("cfy", "executions", "start", "check_status", "-b", demo.project)


def test_two_classes_show_the_two_true_particles(demo: Demo, tmp_path: Path) -> None:
    found = demo.run(["find", "/home/scipion/ScipionUserData/projects", "-name", "*_it*_classes.mrcs"]).split()
    for name, path in (("averages", sorted(found)[-1]), ("truth", "/opt/em/demo-particles-1/truth.mrcs")):
        (tmp_path / name).write_bytes(_copy(demo, path))
    averages = list(read_stack(tmp_path / "averages"))
    assert len(averages) == 2
    assert min(best_assignment(averages, list(read_stack(tmp_path / "truth")))) > 0.8


def test_only_loopback_is_published(demo: Demo) -> None:
    listed = subprocess.run(["ss", "-Hltn"], capture_output=True, text=True, check=True).stdout
    for port in demo.installation.record(demo.project).ports.values():
        assert [line.split()[3] for line in listed.splitlines() if f":{port} " in line] == [f"127.0.0.1:{port}"]


def test_each_run_changes_nothing_the_second_time(demo: Demo) -> None:
    services, record = demo.installation.services(), demo.installation.record(demo.project)
    layer, shell = software_layer(services, record), services.connect(record)
    access = services.of(record).access
    assert services.puppet.apply(shell, access, "software", layer.classes, layer.data).changed == []
    assert (
        services.puppet.apply(shell, services.of(record).access, "project", *project_run(services, record)).changed
        == []
    )


def test_the_project_run_needs_no_network(demo: Demo) -> None:
    services, record = demo.installation.services(), demo.installation.record(demo.project)
    shell = services.connect(record)
    route = shell.run(["ip", "route", "show", "default"]).stdout.split()
    shell.run(["ip", "route", "del", "default"])
    try:
        unreachable = shell.run(
            ["timeout", "3", "apt-get", "update", "-o", "Dir::State::lists=/tmp"], expect=range(256)
        )
        shell.run(["rm", "-f", "/etc/cloudify-desktop/gateway.json"])
        changed = services.puppet.apply(
            shell, services.of(record).access, "project", *project_run(services, record)
        ).changed
    finally:
        shell.run(["ip", "route", "add", *route])
    assert any("gateway.json" in result.resource for result in changed), unreachable


def test_a_layer_holds_nothing_of_anyone(demo: Demo) -> None:
    root, record = demo.installation.root, demo.installation.record(demo.project)
    folder = root / "cache/layers" / record.layer
    files = [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]
    names = {str(path.relative_to(folder)) for path in files}
    for suspect in (
        "ssh_host_",
        "authorized_keys",
        "etc/machine-id",
        "etc/apt/sources.list",
        "ScipionUserData/",
        "/pip.conf",
        "auth.conf",
    ):
        assert not [name for name in names if suspect in name], suspect
    needles = [b"PRIVATE KEY-----\n", *_host_secrets(), *(k.encode() for k in (record.project, record.machine))]
    keys = demo.installation.services().projects.keys(record.project)
    needles += [keys.login_public.split()[1].encode(), keys.host_public.split()[1].encode()]
    hits = [(path, n) for path in files for n in needles if n in path.read_bytes() and not _is_code(path)]
    assert hits == []


def test_downloads_are_kept_by_checksum(demo: Demo) -> None:
    for kind, ending in (("debs", ".deb"), ("wheels", ".whl")):
        kept = list((demo.installation.root / "store" / kind).glob(f"*/*{ending}"))
        assert len(kept) > 10
        assert all(hashlib.sha256(path.read_bytes()).hexdigest() == path.parent.name for path in kept[:10])


def test_installing_again_changes_nothing(demo: Demo) -> None:
    before = demo.installation.record(demo.project)
    log = demo.installation.again(demo.project)
    assert "resources changed" not in log or "0 resources changed" in log
    after = demo.installation.record(demo.project)
    assert (after.generation, after.ports) == (before.generation, before.ports)


def _copy(demo: Demo, path: str) -> bytes:
    return base64.b64decode(demo.run(["base64", path]))


def _is_code(path: Path) -> bool:
    return path.suffix in {".py", ".pyc", ".so", ".rb"} or "/usr/" in str(path)


def _host_secrets() -> list[bytes]:
    """What names this host's mirrors, and its CA where it has one of its own."""
    text = subprocess.run(["pip", "config", "list"], capture_output=True, text=True, check=False).stdout
    hosts = set(re.findall(r"https?://([^/'\s]+)", text)) - {"pypi.org", "files.pythonhosted.org"}
    return [host.encode() for host in hosts]
