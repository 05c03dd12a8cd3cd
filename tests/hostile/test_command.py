"""The stand-in's command line is oneclient's, as far as projects use it."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hostile.archive import build
from tests.hostile.space import COMMAND, HOST, ROOT, TOKEN, HostileSpace
from tests.hostile.standin.provider import VARIABLE

pytestmark = pytest.mark.long


class Machine:
    """A folder with a provider's file and a mount point; runs the command."""

    def __init__(self, folder: Path):
        self.mountpoint, self.backing = folder / "mount", folder / "backing"
        self.file = folder / "provider.json"
        for path in (self.mountpoint, self.backing):
            path.mkdir()
        self.provider = {
            "host": HOST,
            "tokens": {TOKEN: {}, "old": {"expires": time.time() - 1}, "soon": {"expires": time.time() + 3}},
            "spaces": {
                "project": {"path": os.fspath(self.backing)},
                "movies": {"path": os.fspath(self.backing), "read_only": True},
            },
            "control": os.fspath(folder / "control"),
        }
        self.file.write_text(json.dumps(self.provider))

    def run(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        path = os.pathsep.join(filter(None, (os.fspath(ROOT), os.environ.get("PYTHONPATH"))))
        known = {**os.environ, VARIABLE: os.fspath(self.file), "PYTHONPATH": path, **environment}
        return subprocess.run(
            [*COMMAND, *arguments], env=known, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60
        )

    def mount(self, token: str = TOKEN, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self.run("-H", HOST, "-t", token, "-i", "-o", "allow_other", *arguments, os.fspath(self.mountpoint))

    def unmount(self) -> None:
        subprocess.run(["fusermount", "-uz", self.mountpoint], check=False, capture_output=True)


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    made = Machine(tmp_path)
    yield made
    made.unmount()


def test_it_mounts_a_list_of_spaces(machine: Machine) -> None:
    more = ["--space", "project", "--force-direct-io", "--no-buffer", "--provider-timeout", "30"]
    mounted = machine.mount(TOKEN, *more)
    assert (mounted.returncode, mounted.stderr) == (0, "")
    found = subprocess.run(
        ["findmnt", "-no", "FSTYPE,SOURCE", machine.mountpoint], capture_output=True, text=True, check=True
    )
    assert found.stdout.split() == ["fuse.oneclient", "oneclient"]
    assert [path.name for path in machine.mountpoint.iterdir()] == ["project"]
    (machine.mountpoint / "project/a").write_text("x")
    assert (machine.backing / "a").read_text() == "x"
    with pytest.raises(PermissionError):
        (machine.mountpoint / "new").mkdir()
    subprocess.run(["fusermount", "-u", machine.mountpoint], check=True)
    assert list(machine.mountpoint.iterdir()) == []


def test_host_and_token_from_the_environment(machine: Machine) -> None:
    answer = machine.run(
        os.fspath(machine.mountpoint), ONECLIENT_PROVIDER_HOST=f"{HOST}:443", ONECLIENT_ACCESS_TOKEN=TOKEN
    )
    assert answer.returncode == 0
    assert sorted(path.name for path in machine.mountpoint.iterdir()) == ["movies", "project"]


def test_host_and_token_from_a_file(machine: Machine, tmp_path: Path) -> None:
    settings = tmp_path / "oneclient.conf"
    settings.write_text(f"# comment\nprovider_host = {HOST}\naccess_token = {TOKEN}\n")
    assert machine.run("-c", os.fspath(settings), os.fspath(machine.mountpoint)).returncode == 0


@pytest.mark.parametrize(
    ("token", "host", "message"),
    [
        ("wrong", HOST, "ERROR: Invalid token"),
        ("old", HOST, "ERROR: Expired token"),
        (TOKEN, "elsewhere.test", "ERROR: Cannot connect to Oneprovider elsewhere.test"),
        ("", HOST, "The option token is missing"),
    ],
)
def test_refused(machine: Machine, token: str, host: str, message: str) -> None:
    answer = machine.run("-H", host, "-t", token, os.fspath(machine.mountpoint))
    assert answer.returncode == 1
    assert message in answer.stderr
    assert not os.path.ismount(machine.mountpoint)  # noqa: PTH120


def test_a_folder_that_is_not_there(machine: Machine) -> None:
    machine.mountpoint.rmdir()
    assert machine.mount().returncode == 1
    machine.mountpoint.mkdir()


def test_a_token_that_ends_meanwhile(machine: Machine) -> None:
    machine.mount("soon")
    path, until = machine.mountpoint / "project/a", time.monotonic() + 60
    path.write_text("x")
    with pytest.raises(PermissionError):
        while path.read_text() == "x" and time.monotonic() < until:
            time.sleep(0.05)


def test_an_unknown_space_is_not_in_the_list(machine: Machine) -> None:
    assert machine.mount(TOKEN, "--space", "unknown").returncode == 0
    assert list(machine.mountpoint.iterdir()) == []


def test_a_read_only_space(machine: Machine) -> None:
    (machine.backing / "a").write_text("x")
    machine.mount()
    movies = machine.mountpoint / "movies"
    assert (movies / "a").read_text() == "x"
    for change in ((movies / "b").touch, (movies / "a").unlink, lambda: (movies / "a").write_text("y")):
        with pytest.raises(PermissionError):
            change()
    (machine.mountpoint / "project/a").write_text("y")


def test_orders_by_command(machine: Machine) -> None:
    machine.mount()
    mountpoint = os.fspath(machine.mountpoint)
    assert json.loads(machine.run("stand-in", mountpoint, "set", '{"read_only": true}').stdout) is None
    with pytest.raises(OSError, match="Read-only"):
        (machine.mountpoint / "project/a").touch()
    assert json.loads(machine.run("stand-in", mountpoint, "calls").stdout)["getattr"]
    assert machine.run("-u", mountpoint).returncode == 0


def test_a_space_of_a_test_can_be_a_list_too(tmp_path: Path) -> None:
    with HostileSpace(tmp_path, space_list=True, space_read_only=True) as space:
        assert space.space == space.mountpoint / "space"
        with pytest.raises(PermissionError):
            (space.space / "a").touch()
        space.set(empty=True)
        assert list(space.mountpoint.iterdir()) == []


def test_one_file_runs_on_a_machine_without_this_project(machine: Machine, tmp_path: Path) -> None:
    command = build(tmp_path / "oneclient")
    environment = {"PATH": os.environ["PATH"], VARIABLE: os.fspath(machine.file)}
    argv = [os.fspath(command), "-H", HOST, "-t", TOKEN, os.fspath(machine.mountpoint)]
    subprocess.run(argv, env=environment, cwd="/", check=True, timeout=60)
    assert (machine.mountpoint / "project").is_dir()
