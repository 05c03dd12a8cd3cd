"""A folder that only waits for its mount is no data space."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from cloudify_scipion.agent import cli
from cloudify_scipion.agent.errors import GuardFailed
from cloudify_scipion.agent.ports.mount import is_mounted
from cloudify_scipion.agent.ports.tree import Tree
from cloudify_scipion.agent.work.space import health
from tests.unit.agent.rig import Rig, contents

MOUNTED = Path("/proc")
"""A mount wherever this runs."""


@pytest.fixture
def run(new: Rig, tmp_path: Path) -> Callable[..., int]:
    document = new.document()
    document["space"]["mounted"] = True
    path = tmp_path / "config.json"
    path.write_text(json.dumps(document))
    return lambda *words: cli.main(["--config", str(path), *words])


def test_nothing_is_pulled_or_saved_where_the_data_space_is_not_mounted(
    new: Rig, run: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    for work in ("pull", "push", "scan", "verify", "seal"):
        assert run("run", work) == 4
    assert "is not mounted" in capsys.readouterr().err
    assert list(new.space.iterdir()) == []


def test_health_says_that_it_is_not_mounted(
    new: Rig, run: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    new.pull()
    assert run("health") == 1
    assert capsys.readouterr().out == f"{new.space} is not mounted\n"


def test_health_of_a_dataset_is_not_all(new: Rig, run: Callable[..., int], capsys: pytest.CaptureFixture[str]) -> None:
    assert run("health", "--dataset", str(MOUNTED)) == 1
    assert str(new.space) in capsys.readouterr().out


def test_health_asks_for_the_mark_after_the_first_pull(
    new: Rig, run: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("health", "--space", str(MOUNTED)) == 0
    (new.state / "pulled").touch()
    assert run("health", "--space", str(MOUNTED)) == 1
    assert "lacks .cloudify-scipion/space.json" in capsys.readouterr().out


def test_a_mount_is_told_from_a_folder(tmp_path: Path) -> None:
    assert is_mounted(MOUNTED)
    assert not is_mounted(tmp_path) and not is_mounted(tmp_path / "nowhere")


def test_health_of_datasets_alone(new: Rig, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """No working copy, so no configuration."""
    none = ["--config", str(tmp_path / "none")]
    assert cli.main([*none, "health", "--dataset", str(new.root)]) == 0
    assert cli.main([*none, "health", "--dataset", str(tmp_path / "gone")]) == 1
    assert capsys.readouterr().out == f"\n{tmp_path}/gone is absent\n"
    assert cli.main([*none, "health"]) == 2


def test_all_hung_mounts_are_told_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "_PROBE", "import time; time.sleep(60)")
    began = time.monotonic()
    found = health.problems("/a", ["/b", "/c", "/d", "/e"], seconds=1.0)
    assert len(found) == 5
    assert time.monotonic() - began < 4


def test_an_unmounted_space_is_not_taken_for_an_empty_one(rig: Rig) -> None:
    rig.write("a", b"one")
    rig.push()
    rig.space.rename(rig.space.with_name("away"))
    rig.space.mkdir()
    for work in (rig.pull, rig.scan, rig.push, rig.seal):
        with pytest.raises(GuardFailed, match="not mounted, or has lost its mark"):
            work()
    with pytest.raises(GuardFailed, match="not mounted, or has lost its mark"):
        rig.pull()
    assert contents(rig.space, hidden=True) == {}


def test_a_space_that_vanishes_during_a_scan_has_lost_nothing(rig: Rig, tmp_path: Path) -> None:
    rig.write("f/a")
    rig.push()

    class Vanishing(Tree):
        def entries(self, path: bytes) -> list[tuple[bytes, os.stat_result]]:
            if self.path != os.fsencode(rig.space) or path.startswith(b".cloudify"):
                return super().entries(path)
            rig.space.rename(tmp_path / "away")
            rig.space.mkdir()
            self.__init__(self.path)  # type: ignore[misc]
            return []

    rig.trees = Vanishing
    with pytest.raises(GuardFailed, match="not mounted, or has lost its mark"):
        rig.scan()
    rig.trees = Tree
    rig.space.rmdir()
    (tmp_path / "away").rename(rig.space)
    assert rig.push().files == 0
