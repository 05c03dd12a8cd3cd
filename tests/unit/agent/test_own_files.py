"""A file or folder of our own in the data space fails for ever: an error names it, nobody says "saved", all else is."""

from __future__ import annotations

import errno
import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from cloudify_scipion.agent.errors import AgentError, LeaseUnseen, Temporary, Unsaved
from cloudify_scipion.agent.plan.lease import VALID_SECONDS
from cloudify_scipion.agent.ports.tree import Tree
from tests.seeds import sample
from tests.unit.agent.broken import BY_PATH, Broken
from tests.unit.agent.rig import Rig
from tests.unit.agent.test_one_error import ERRORS, on

OWN = "lease/", "space.json", "tmp", "lease", "manifest"
"""Paths in `.cloudify-scipion`; the first of them: the lease's file."""


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cloudify_scipion.agent.ports.calls.WAITS", (0.01,))


@pytest.fixture(scope="module")
def waiting(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with a new, a changed and a deleted file."""
    folder = tmp_path_factory.mktemp("waiting")
    rig = Rig(folder / "volume", folder / "space", workers=1)
    rig.pull()
    for name in ("a", "b/c", "deleted"):
        rig.write(name)
    rig.push()
    rig.write("a", b"new", age=60)
    rig.write("d/e")
    (rig.user / "deleted").unlink()
    return folder


def copy_of(folder: Path, target: Path) -> Rig:
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(folder, target, symlinks=True)
    return Rig(target / "volume", target / "space", workers=1)


def lease_of(rig: Rig) -> bytes:
    (path,) = (rig.space / ".cloudify-scipion/lease").iterdir()
    return os.fsencode(path.relative_to(rig.space))


@pytest.mark.parametrize("own", OWN)
@pytest.mark.parametrize("call", BY_PATH)
def test_any_error_is_told_with_the_path(waiting: Path, tmp_path: Path, own: str, call: str) -> None:
    """Three errors of each call a day; CLOUDIFY_SCIPION_SOAK=1: all of them."""
    for error in sample([error for error in ERRORS if error != errno.ENOTDIR], 3):  # that one means: it is not there
        rig = copy_of(waiting, tmp_path / "project")
        path = lease_of(rig) if own == "lease/" else b".cloudify-scipion/" + own.encode()
        broken = Broken(call, error, path)
        sick = on(rig, "there", broken)
        for work in (sick.push, sick.scan, sick.verify_all, sick.pull, sick.seal):
            broken.hit = 0
            label = f"{work.__name__} {call} {os.strerror(error)} {own}"
            try:
                work()
            except AgentError as failed:
                assert not broken.hit or os.fsdecode(path) in failed.what, (label, failed.what)
                continue
            if work in (sick.push, sick.seal):
                assert rig.saved() == rig.local(), label
        rig.clock.pass_time(86400)
        rig.pull()
        rig.push()
        assert rig.saved() == rig.local(), (call, error)
        assert rig.verify_all().wrong == []


class Unseen(Tree):
    """The lease cannot be read any more."""

    def update(self, path: bytes, change: object) -> None:
        raise OSError(5, "Input/output error")

    def open(self, path: bytes) -> int:
        if path.startswith(b".cloudify-scipion/lease/"):
            raise OSError(5, "Input/output error")
        return super().open(path)


def without_lease(rig: Rig) -> Rig:
    return replace(rig, trees=lambda path: Unseen(path) if path == str(rig.space) else Tree(path))


def test_while_our_last_heartbeat_counts_saving_goes_on(waiting: Path, tmp_path: Path) -> None:
    rig = copy_of(waiting, tmp_path / "project")
    sick, path = without_lease(rig), os.fsdecode(lease_of(rig))
    with pytest.raises(Unsaved, match=f"{path}: it cannot be read"):
        sick.push()
    assert rig.saved() == rig.local()
    assert any(path in alarm for alarm in rig.alarms())
    with pytest.raises(AgentError, match=path):
        sick.seal()
    rig.clock.pass_time(VALID_SECONDS + 1)
    rig.write("later")
    with pytest.raises(LeaseUnseen, match=path):
        sick.push()
    assert "later" not in rig.saved(), "by now somebody else may have taken over"
    rig.push()
    assert rig.saved() == rig.local()


def test_a_new_machine_does_not_begin(waiting: Path, tmp_path: Path) -> None:
    """Who cannot see who writes there, and has not written itself, does not."""
    rig = copy_of(waiting, tmp_path / "project")
    before = rig.saved()
    new = Rig(tmp_path / "other", rig.space, machine="m2", generation=2, workers=1)
    with pytest.raises(LeaseUnseen, match=os.fsdecode(lease_of(rig))):
        without_lease(new).pull()
    assert rig.saved() == before and new.local() == {}


def test_a_lease_that_is_gone_is_no_reason_to_go_on(waiting: Path, tmp_path: Path) -> None:
    """Also where nobody can see who has it now."""
    rig = copy_of(waiting, tmp_path / "project")
    before = rig.saved()
    sick = on(rig, "there", Broken("entries", 5, b".cloudify-scipion/lease"))
    (rig.space / os.fsdecode(lease_of(rig))).unlink()
    with pytest.raises(LeaseUnseen, match="lease"):
        sick.push()
    assert rig.saved() == before


OURS = ".cloudify-scipion"


def test_a_folder_among_unfinished_files(rig: Rig) -> None:
    (rig.space / OURS / "tmp/folder/inside").mkdir(parents=True)
    with rig.world() as world:
        world.index.set_state("dirty", True)
        world.commit_and_tell()
    rig.write("a", b"one")
    rig.push()
    assert rig.saved() == {"a": b"one"}


def test_the_folder_of_unfinished_files_is_made_again(rig: Rig) -> None:
    rig.push()
    shutil.rmtree(rig.space / OURS / "tmp")
    rig.write("a")
    assert rig.push().files == 1
    assert rig.saved() == rig.local()


@pytest.mark.parametrize("wrong", ["file", "link"])
def test_something_else_in_its_place_is_no_success(rig: Rig, wrong: str, tmp_path: Path) -> None:
    rig.write("a", b"one")
    rig.push()
    shutil.rmtree(rig.space / OURS / "tmp")
    if wrong == "file":
        (rig.space / OURS / "tmp").write_text("in the way")
    else:
        (rig.space / OURS / "tmp").symlink_to(tmp_path)
    rig.write("a", b"two", age=10)
    rig.write("b")
    with pytest.raises(Temporary, match=r"Not a directory: .cloudify-scipion/tmp"):
        rig.push()
    assert rig.saved() == {"a": b"one"}
    assert not list(tmp_path.glob("g0*"))
