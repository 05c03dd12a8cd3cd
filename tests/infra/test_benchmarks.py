"""The benchmarks themselves: every part runs, with few and small files, and none leaves anything, however it ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cloudify_scipion.adapters.local.mounts import mounted_below
from tests.conftest import Demo
from tests.installation import REPOSITORY, Installation, write_project
from tools import bench_data
from tools.benchmarks import desktop as bench_desktop
from tools.benchmarks import installs, workplace
from tools.benchmarks.report import from_json

pytestmark = pytest.mark.machine
MEASURED = {"beside": 17, "calls": 6, "far": 8, "slow": 4, "many": 4}


def started(at: Path, *words: str) -> subprocess.Popen[str]:
    argv = [sys.executable, "-m", "tools.bench_data", "--short", "--runs", "1", "--at", str(at), *words]
    pipe = subprocess.PIPE
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    return subprocess.Popen(argv, cwd=REPOSITORY, env=environment, stdout=pipe, stderr=pipe, text=True)


def running(folder: Path) -> list[int]:
    """Programs that a benchmark in this folder has started."""
    found = (path for path in Path("/proc").glob("[0-9]*/environ"))
    return [int(path.parent.name) for path in found if f"{workplace.VARIABLE}={folder}" in environment(path)]


def environment(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""


@pytest.fixture
def at(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path
    workplace.clear_remains(tmp_path)


@pytest.mark.parametrize("part", bench_data.PARTS)
def test_a_part_of_the_benchmark_of_saving(at: Path, part: str) -> None:
    kept = at / "kept"
    done = started(at, "--only", part, "--work", str(kept))
    page, said = done.communicate(timeout=300)
    assert done.returncode == 0, said
    figures = from_json(json.loads((kept / "figures.json").read_text()))[part].figures
    assert len(figures) == MEASURED[part]
    assert all(figure.samples and min(figure.samples) > 0 for figure in figures)
    assert page.count("\n| ") >= MEASURED[part]
    assert said.count("\n") > len(figures) / 2  # it tells what it does
    assert [path.name for path in kept.iterdir()] == ["figures.json"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
@pytest.mark.parametrize(("part", "line"), [("beside", "rsync: first push"), ("slow", "counting calls")])
def test_a_benchmark_that_is_ended_leaves_nothing(at: Path, part: str, line: str, number: signal.Signals) -> None:
    going = started(at, "--only", part)
    assert going.stderr is not None
    assert any(line in said for said in going.stderr)
    (folder,) = at.iterdir()
    assert mounted_below(folder)
    going.send_signal(number)
    going.communicate(timeout=60)
    assert going.returncode in (-number, 128 + number, 1)
    if number == signal.SIGKILL:
        assert folder.exists()
        started(at, "--only", "calls").communicate(timeout=300)  # the next run removes it
    assert [*at.iterdir()] == []
    assert mounted_below(at) == []
    assert running(folder) == []


def test_a_running_benchmark_is_left_alone(at: Path) -> None:
    with workplace.workplace(parent=at) as work:
        workplace.clear_remains(at)
        assert work.is_dir()
        with pytest.raises(SystemExit, match="another benchmark"), workplace.workplace(work):
            pass
    assert not work.exists()


def test_what_was_typed_by_hand_and_killed_is_cleared(at: Path) -> None:
    folder = at / f"{workplace.PREFIX}killed"
    point = folder / "state/by-hand-0/volumes/mnt/by-hand"
    point.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", str(point)], check=True)
    words = {**os.environ, workplace.VARIABLE: str(folder)}
    user = subprocess.Popen(["sleep", "600"], env=words, cwd=point)
    workplace.clear_remains(at)
    assert user.wait(timeout=10) == -signal.SIGKILL
    assert [*at.iterdir()] == []


def test_the_warm_install_beside_the_one_by_hand(warm: Installation) -> None:
    figures, notes = installs.warm(warm, 1)
    assert [len(figure.samples) for figure in figures] == [1, 1, 1]
    assert "software.create" in notes[0] and "project run" in notes[1]


def test_the_install_with_nothing_to_do(warm: Installation) -> None:
    data = {"project": {"source": "local:bench-again"}}
    path = write_project(warm.folder / "projects", id="bench-again", data=data, workflow={"run": False})
    (wall, resources), _ = installs.again(warm, 1, path)
    assert wall.figure > 0
    assert resources.figure == 0


def test_the_desktop(desktop: Demo) -> None:
    figures, notes = bench_desktop.figures(desktop, 1, keys=5, connections=(0, 2))
    assert len(figures) == 11 and len(notes) == 4
    assert all(figure.figure > 0 for figure in figures if figure.name != "one connection of the most")


BASE_BUILD = """\
2026-11-22 16:53:04.500  LOG <relion-2d> [machine_s6.create] INFO: building the base system from Debian ...
2026-11-22 16:54:07.500  LOG <relion-2d> [machine_s6.create] INFO: building the base system from Debian: done in 63 s
"""
"""Lines of another install: all tests share a base that was built before."""


def test_the_cold_install_is_read_from_its_log(demo: Demo, tmp_path: Path) -> None:
    """A second one would take minutes: the demo's own was cold but for the base, and typed in the same way."""
    log = BASE_BUILD + demo.log
    figures = installs.cold(tmp_path, tmp_path / "state", 1, lambda installation, name: (1000.0, log))
    assert {figure.name for figure in figures if figure.figure <= 0} == set()
