"""What goes wrong on a real host, and that one more run, or `repair`, puts it right."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from cloudify_scipion.adapters.local.mounts import mounted_below
from tests.installation import REPOSITORY, Installation, kill_when, remove, wait_until, write_project

pytestmark = pytest.mark.machine

DATA = REPOSITORY / "cloudify_scipion/catalogue/data"

KILL_AFTER = (
    "Task started 'cloudify_scipion.operations.volume.create'",
    "Task started 'cloudify_scipion.operations.machine.create'",
    "INFO: starting machine",
    "Task started 'cloudify_scipion.operations.software.create'",  # no run: the layer brings what it had applied
    "Puppet applies the project run",
    "Task started 'cloudify_scipion.operations.desktop.start'",
)


def install_argv(warm: Installation, name: str) -> list[str]:
    folder = warm.folder / name
    return ["cfy", "install", f"{folder}/blueprint.yaml", "-b", name, "-i", f"{folder}/inputs.yaml"]


def test_killed_anywhere_and_run_again(warm: Installation, project: str) -> None:
    kill_when(warm.start(*install_argv(warm, project)), KILL_AFTER[:1])
    for mark in KILL_AFTER[1:]:
        kill_when(warm.start("cfy", "executions", "start", "install", "-b", project), [mark])
    warm.again(project)
    record = warm.record(project)
    assert record.installed and warm.services().of(record).machines.look(record.machine).running
    assert "answers at" in warm.run("cloudify-scipion", "status", project)
    kill_when(
        warm.start("cfy", "uninstall", "-b", project), ["Task started 'cloudify_scipion.operations.machine.delete'"]
    )
    warm.uninstall(project)
    assert warm.host.traces(record.machine) == []
    assert warm.record(project).held


def test_install_over_an_existing_deployment_adopts_it(warm: Installation, project: str) -> None:
    warm.install(project)
    first = warm.record(project)
    shell = warm.shell(project)
    shell.run(["runuser", "-u", "scipion", "--", "tee", "/home/scipion/ScipionUserData/result"], stdin=b"precious")
    log = warm.install(project)
    again = warm.record(project)
    assert (again.generation, again.ports, again.machine) == (first.generation, first.ports, first.machine)
    assert "adopted" in log
    assert shell.run(["cat", "/home/scipion/ScipionUserData/result"]).stdout == "precious"


def test_refused_inputs_change_nothing_and_the_name_is_freed(warm: Installation, project: str) -> None:
    warm.install(project)
    before = warm.record(project)
    bad = warm.folder / "bad.yaml"
    bad.write_text("no_such_input: 1\n")
    folder = warm.folder / project
    warm.run("cfy", "install", f"{folder}/blueprint.yaml", "-b", project, "-i", str(bad), code=None)
    assert warm.services().of(before).machines.look(before.machine).running
    warm.install(project, code=None)  # Cloudify blocks the name now
    said = warm.run("cloudify-scipion", "repair", project)
    assert "removed" in said and f"cfy install BLUEPRINT -b {project}" in said
    warm.install(project)
    assert warm.record(project).generation == before.generation


def test_ours_refuses_bad_inputs_all_at_once(warm: Installation, project: str) -> None:
    folder = warm.folder / project
    bad = warm.folder / "bad.yaml"
    bad.write_text("volume_size_gb: lots\ndesktop_geometry: huge\nscipion: '9.9'\n")
    said = warm.run("cfy", "install", f"{folder}/blueprint.yaml", "-b", project, "-i", str(bad), code=None)
    assert all(part in said for part in ("$.volume.size_gb", "$.desktop.geometry", "$.software.scipion"))
    assert warm.services().projects.load(project) is None


def test_of_two_installs_the_second_fails_and_names_the_first(warm: Installation, project: str) -> None:
    warm.install(project)
    services = warm.services()
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(warm.root), project],
        stdout=subprocess.PIPE, text=True, env=warm.environment,
    )  # fmt: skip
    assert holder.stdout is not None
    holder.stdout.readline()
    try:
        folder = warm.folder / project
        words = ("cfy", "install", f"{folder}/blueprint.yaml", "-b", project, "-i", f"{folder}/inputs.yaml")
        said = warm.run(*words, code=1)
        assert f"process {holder.pid}" in said and "since" in said
    finally:
        holder.kill()
        holder.wait()
    before = warm.record(project)
    assert services.of(before).machines.look(before.machine).running
    warm.install(project)  # Cloudify had forgotten the first one
    assert warm.record(project).generation == before.generation


HOLD = """
import sys, time, pathlib
from cloudify_scipion.adapters.state import ProjectFolders
ProjectFolders(pathlib.Path(sys.argv[1])).hold_lock(sys.argv[2], "install")
print("held", flush=True); time.sleep(600)
"""


def test_another_deployment_of_the_same_id_is_refused(warm: Installation, project: str) -> None:
    warm.install(project)
    folder = warm.folder / project
    said = warm.run(
        "cfy", "install", f"{folder}/blueprint.yaml", "-b", "other", "-i", f"{folder}/inputs.yaml", code=None
    )
    assert f"belongs to deployment {project}" in said
    assert warm.record(project).installed


def test_everything_killed_as_by_a_reboot_then_repair(warm: Installation, project: str) -> None:
    warm.install(project)
    warm.shell(project).run(["tee", "/home/scipion/ScipionUserData/result"], stdin=b"precious")
    record = warm.record(project)
    warm.host.kill(warm.host.processes(record.machine))
    for mount in reversed(mounted_below(warm.root)):
        if record.machine in str(mount.point):
            subprocess.run(["umount", str(mount.point)], check=True)
    status = warm.run("cloudify-scipion", "status", project, code=1)
    assert "is not running" in status and f"repair {project}" in status
    warm.run("cloudify-scipion", "repair", project)
    assert warm.shell(project).run(["cat", "/home/scipion/ScipionUserData/result"]).stdout == "precious"
    assert "answers at" in warm.run("cloudify-scipion", "status", project)


def test_the_machines_folder_is_deleted_while_it_runs(warm: Installation, project: str) -> None:
    warm.install(project)
    shell, record = warm.shell(project), warm.record(project)
    shell.run(["dd", "if=/dev/urandom", "of=/home/scipion/ScipionUserData/result", "bs=1M", "count=20"])
    before = shell.run(["sha256sum", "/home/scipion/ScipionUserData/result"]).stdout.split()[0]
    shell.run(["systemctl", "--no-block", "poweroff"])
    wait_until(lambda: not warm.services().of(record).machines.look(record.machine).running)
    warm.host.lose_folder(record.machine)
    mounted = warm.host.volumes.mount(record.volume)
    assert hashlib.sha256((mounted / "user" / "result").read_bytes()).hexdigest() == before
    warm.run("cloudify-scipion", "repair", project)
    assert warm.shell(project).run(["sha256sum", "/home/scipion/ScipionUserData/result"]).stdout.split()[0] == before
    warm.uninstall(project)
    assert warm.host.traces(record.machine) == []


def test_uninstall_of_what_is_half_gone(warm: Installation, project: str) -> None:
    warm.install(project)
    record = warm.record(project)
    warm.services().of(record).machines.delete(record.machine)
    warm.uninstall(project)
    assert warm.record(project).held


def test_held_adopted_and_discarded(warm: Installation, project: str) -> None:
    warm.install(project)
    warm.shell(project).run(["tee", "/home/scipion/ScipionUserData/result"], stdin=b"precious")
    assert "HELD" in warm.uninstall(project)
    held = json.loads(warm.run("cloudify-scipion", "held", "--json"))
    assert project in [row["project"] for row in held]
    warm.install(project)
    assert warm.shell(project).run(["cat", "/home/scipion/ScipionUserData/result"]).stdout == "precious"
    warm.run("cloudify-scipion", "discard", project, code=1)
    warm.uninstall(project)
    volume = warm.record(project).volume
    warm.run("cloudify-scipion", "discard", project)
    assert (
        warm.services().projects.load(project) is None and not warm.services().provider({}).volumes.look(volume).exists
    )


def test_a_layer_in_use_is_refused(warm: Installation) -> None:
    record = warm.record("relion-2d")
    said = warm.run("cloudify-scipion", "cache", "prune", record.layer[:12], code=1)
    assert record.machine in said
    assert record.layer[:12] in warm.run("cloudify-scipion", "cache", "list")


def promise(folder: Path, protocol: str) -> None:
    """A catalogue of one's own whose RELION plugin has one protocol more than the real one."""
    entry = yaml.safe_load((DATA / "plugins/scipion-em-relion.yaml").read_text())
    version = entry["versions"]["4.0.20"]
    version["protocols"] = {**version["protocols"], protocol: {"label": "not there"}}
    for name in ("plugins", "requirements"):
        (folder / name).mkdir(parents=True)
    text = yaml.safe_dump({**entry, "versions": {"4.0.20": version}})
    (folder / "plugins/scipion-em-relion.yaml").write_text(text)
    shutil.copy(DATA / "requirements" / version["requirements"], folder / "requirements")


def test_dropped_protocols_are_an_error_that_names_them(warm: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    promise(warm.folder / "own", "ProtRelionPromised")
    monkeypatch.setenv("CLOUDIFY_SCIPION_CATALOGUE", str(warm.folder / "own"))
    path = write_project(warm.folder / "dropping", id="dropped")
    workflow = path.with_name(json.loads(path.read_text())["workflow"]["file"])
    workflow.write_text(workflow.read_text().replace("ProtRelionClassify2D", "ProtRelionPromised"))
    try:
        warm.render(path)
        said = warm.install("dropped", code=None)
        assert "ProtRelionPromised" in said and "software.plugins" in said
    finally:
        remove(warm, "dropped")
