"""A folder that only waits for its mount is no data space."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from cloudify_scipion.agent import cli
from cloudify_scipion.agent.ports.mount import is_mounted
from tests.unit.agent.rig import Rig

MOUNTED = Path("/proc")
"""A mount wherever this runs."""


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(tmp_path, tmp_path / "space")


@pytest.fixture
def run(rig: Rig, tmp_path: Path) -> Callable[..., int]:
    document = rig.document()
    document["space"]["mounted"] = True
    path = tmp_path / "config.json"
    path.write_text(json.dumps(document))
    return lambda *words: cli.main(["--config", str(path), *words])


def test_nothing_is_pulled_or_saved_where_the_data_space_is_not_mounted(
    rig: Rig, run: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    for work in ("pull", "push", "scan", "verify", "seal"):
        assert run("run", work) == 4
    assert "is not mounted" in capsys.readouterr().err
    assert list(rig.space.iterdir()) == []


def test_health_says_that_it_is_not_mounted(
    rig: Rig, run: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    rig.pull()
    assert run("health") == 1
    assert capsys.readouterr().out == f"{rig.space} is not mounted\n"


def test_health_of_a_dataset_is_not_all(rig: Rig, run: Callable[..., int], capsys: pytest.CaptureFixture[str]) -> None:
    assert run("health", "--dataset", str(MOUNTED)) == 1
    assert str(rig.space) in capsys.readouterr().out


def test_health_asks_for_the_mark_after_the_first_pull(
    rig: Rig, run: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("health", "--space", str(MOUNTED)) == 0
    (rig.state / "pulled").touch()
    assert run("health", "--space", str(MOUNTED)) == 1
    assert "lacks .cloudify-scipion/space.json" in capsys.readouterr().out


def test_a_mount_is_told_from_a_folder(tmp_path: Path) -> None:
    assert is_mounted(MOUNTED)
    assert not is_mounted(tmp_path) and not is_mounted(tmp_path / "nowhere")


def test_health_of_datasets_alone(rig: Rig, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """No working copy, so no configuration."""
    none = ["--config", str(tmp_path / "none")]
    assert cli.main([*none, "health", "--dataset", str(rig.root)]) == 0
    assert cli.main([*none, "health", "--dataset", str(tmp_path / "gone")]) == 1
    assert capsys.readouterr().out == f"\n{tmp_path}/gone is absent\n"
    assert cli.main([*none, "health"]) == 2
