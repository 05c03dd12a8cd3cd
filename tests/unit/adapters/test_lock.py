"""Project locks, between real processes."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cloudify_scipion.adapters.lock import Locks, release
from cloudify_scipion.errors import ProjectBusy
from tests.fakes.deployment import ROOT

HOLDER = """
import sys
from pathlib import Path
from cloudify_scipion.adapters.lock import Locks
Locks().hold(Path(sys.argv[1]), "p1", "install of deployment d1")
print("held", flush=True)
sys.stdin.read()
"""


@contextmanager
def holder(path: Path) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-c", HOLDER, str(path)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, env=environment) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        yield process
        process.kill()


@pytest.fixture
def path(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "locks/p1"
    yield path
    release(path)


def test_the_second_names_the_first_and_since_when(path: Path) -> None:
    with holder(path) as first:
        with pytest.raises(ProjectBusy) as caught:
            Locks().hold(path, "p1", "uninstall")
        named = rf"project 'p1' is in use: process {first.pid} \(install of deployment d1\) since \d{{4}}-\d\d-\d\dT"
        assert re.match(named, caught.value.what)
        assert caught.value.exit_code == 3
        assert "run the command again" in caught.value.next_step


def test_kill_9_frees_it_though_the_file_stays(path: Path) -> None:
    with holder(path) as first:
        first.kill()
        first.wait()
    assert b"install" in path.read_bytes()
    Locks().hold(path, "p1", "uninstall")
    assert b"uninstall" in path.read_bytes()


def test_programs_that_the_holder_started_do_not_hold_it(path: Path) -> None:
    """Machines outlive the process that made them."""
    Locks().hold(path, "p1", "install")
    with subprocess.Popen(["sleep", "60"], close_fds=False) as child:
        release(path)
        with holder(path):
            pass
        child.kill()


def test_the_same_process_may_take_it_again(path: Path) -> None:
    Locks().hold(path, "p1", "install")
    Locks().hold(path, "p1", "uninstall")
    assert b'"install"' in path.read_bytes()
    with pytest.raises(AssertionError), holder(path):
        pass


def test_a_holder_that_has_not_yet_written_who_it_is(path: Path) -> None:
    with holder(path):
        path.write_text("")
        with pytest.raises(ProjectBusy, match="in use: another process"):
            Locks().hold(path, "p1", "install")


def test_one_at_a_time_for_a_moment(tmp_path: Path) -> None:
    """Two processes add to a number; without the lock some additions are lost."""
    script = (
        "import sys\nfrom pathlib import Path\nfrom cloudify_scipion.adapters.lock import Locks\n"
        "folder = Path(sys.argv[1])\n"
        "for _ in range(200):\n"
        "    with Locks().briefly(folder / 'l'):\n"
        "        number = folder / 'n'\n"
        "        number.write_text(str(int(number.read_text()) + 1))\n"
    )
    (tmp_path / "n").write_text("0")
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    both = [subprocess.Popen([sys.executable, "-c", script, str(tmp_path)], env=environment) for _ in range(2)]
    assert [process.wait() for process in both] == [0, 0]
    assert (tmp_path / "n").read_text() == "400"


def test_files_are_private(path: Path) -> None:
    Locks().hold(path, "p1", "install")
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
