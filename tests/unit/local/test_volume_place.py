"""The disk that holds the volumes may not be mounted: then none of them is said to be gone, and none is made."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from cloudify_scipion.adapters.empty_state import remove_empty_state
from cloudify_scipion.adapters.local.volume_place import KNOWN, VolumePlace
from cloudify_scipion.adapters.local.volumes import LoopVolumes
from cloudify_scipion.adapters.progress import LineProgress
from cloudify_scipion.adapters.services import make_services
from cloudify_scipion.errors import PermanentError


def no_folder(root: Path) -> None:
    """A link to a disk that is not there, say."""
    shutil.move(root / "volumes", root / "disk")


def empty_folder(root: Path) -> None:
    no_folder(root)
    (root / "volumes").mkdir()


def other_disk(root: Path) -> None:
    """That of another installation."""
    empty_folder(root)
    VolumePlace(root.parent / "other").remember()
    shutil.copytree(root.parent / "other/volumes", root / "volumes", dirs_exist_ok=True)


AWAY = [no_folder, empty_folder, other_disk]
QUESTIONS: dict[str, Callable[[LoopVolumes], object]] = {
    "look": lambda volumes: volumes.look("v"),
    "all": lambda volumes: volumes.all(),
    "create": lambda volumes: volumes.create("v", 10**6, {}),
    "delete": lambda volumes: volumes.delete("v"),
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A state root with the volume v."""
    root = tmp_path / "state"
    VolumePlace(root).remember()
    (root / "volumes/v.img").write_bytes(b"")
    return root


def volumes(root: Path) -> LoopVolumes:
    return LoopVolumes(root, LineProgress(print))


@pytest.mark.parametrize("question", QUESTIONS)
@pytest.mark.parametrize("away", AWAY)
def test_where_they_are_not_seen_none_is_gone(
    root: Path, away: Callable[[Path], None], question: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cloudify_scipion.adapters.local.hosttools.require", lambda _: None)
    away(root)
    with pytest.raises(PermanentError, match="the volumes are not seen") as caught:
        QUESTIONS[question](volumes(root))
    assert f"mount the disk that holds them at {root}/volumes" in caught.value.next_step
    assert f"remove {root / KNOWN}" in caught.value.next_step
    assert not remove_empty_state(make_services(print, root), root)
    assert (root / KNOWN).exists()


def test_where_they_are_seen_one_may_be_gone(root: Path) -> None:
    assert volumes(root).look("v").exists
    assert not volumes(root).look("w").exists


@pytest.mark.parametrize("away", AWAY)
def test_a_person_may_say_that_they_are_lost(root: Path, away: Callable[[Path], None]) -> None:
    away(root)
    (root / KNOWN).unlink()
    assert not volumes(root).look("v").exists


@pytest.mark.parametrize("lost", [KNOWN, "volumes/.place", "both"])
def test_what_was_killed_or_made_by_an_older_version_learns_it(root: Path, lost: str) -> None:
    for name in (KNOWN, "volumes/.place") if lost == "both" else (lost,):
        (root / name).unlink()
    if lost == "volumes/.place":
        with pytest.raises(PermanentError):
            VolumePlace(root).remember()
    else:
        VolumePlace(root).remember()
        VolumePlace(root).check()
        assert (root / KNOWN).read_text() == (root / "volumes/.place").read_text()


def test_with_the_last_volume_it_is_forgotten(root: Path) -> None:
    (root / "volumes/w.img").write_bytes(b"")
    assert volumes(root).delete("w")
    assert (root / KNOWN).exists()
    assert volumes(root).delete("v")
    assert not (root / KNOWN).exists()
    assert {path.name for path in (root / "volumes").iterdir()} == {".lock"}
    assert remove_empty_state(make_services(print, root), root)
