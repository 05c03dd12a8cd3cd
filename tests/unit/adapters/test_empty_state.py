"""A state root goes when nothing is left in it, and only then."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from cloudify_scipion.adapters.empty_state import remove_empty_state
from cloudify_scipion.adapters.services import make_services
from cloudify_scipion.adapters.state import ProjectFolders
from cloudify_scipion.cli.main import main

REMAINS = ("locks", "machines", "volumes/mnt", "projects", "store", "cache/layers", "cache/base")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """What is left when everything was uninstalled and pruned."""
    root = tmp_path / "state"
    for name in REMAINS:
        (root / name).mkdir(parents=True)
    for name in ("volumes/.lock", "cache/layers/.lock", "ports.lock", "locks/p1"):
        (root / name).touch()
    ProjectFolders(root).installation()
    return root


def test_nothing_is_left(root: Path) -> None:
    assert remove_empty_state(make_services(print, root), root)
    assert not root.exists()
    assert remove_empty_state(make_services(print, root), root)


@pytest.mark.parametrize(
    "name",
    [
        "projects/p1/project.json", "volumes/v.img", "volumes/mnt/v/x", "machines/m/machine.json", "secrets/key",
        "cache/layers/d/meta.json", "store/debs/d/x.deb", "mine.txt",
    ],
)  # fmt: skip
def test_what_is_there_stays(root: Path, name: str) -> None:
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_text("content")
    assert not remove_empty_state(make_services(print, root), root)
    assert (root / name).read_text() == "content"


def test_a_link_is_not_followed(root: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (root / "secrets").symlink_to(elsewhere)
    assert not remove_empty_state(make_services(print, root), root)
    assert elsewhere.is_dir()


def test_the_command_says_so(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLOUDIFY_SCIPION_STATE", str(root))
    ran = CliRunner().invoke(main, ["cache", "prune", "--all"])
    assert ran.exit_code == 0
    assert f"nothing else was left: removed {root}" in ran.output
    assert not root.exists()
