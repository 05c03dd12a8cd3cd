"""Other people's things: their mounts, projects and notes are neither saved nor pulled nor touched."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from cloudify_scipion.agent.errors import AgentError, GuardFailed, Unsaved
from cloudify_scipion.agent.ports.mount import mounts_below
from cloudify_scipion.agent.ports.tree import Tree
from tests.unit.agent.rig import OWNER, Rig

OTHER = {**OWNER, "deployment": "other"}
root = pytest.mark.skipif(os.geteuid() != 0, reason="mounts")


@contextmanager
def mounted(folder: Path, *how: str) -> Iterator[None]:
    subprocess.run(["mount", *how, str(folder)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@root
@pytest.mark.parametrize("how", ["file system", "folder of the same file system", "file"])
def test_what_is_mounted_inside_the_working_copy(how: str, rig: Rig, tmp_path: Path) -> None:
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    (foreign / "movies").write_bytes(b"50 TB of somebody")
    rig.write("a b/result", b"precious")
    rig.write("keep")
    rig.push()
    words = {
        "file system": ("-t", "tmpfs", "none"),
        "folder of the same file system": ("--bind", str(foreign)),
        "file": ("--bind", str(foreign / "movies")),
    }[how]
    where = rig.user / ("a b/result" if how == "file" else "a b")
    with mounted(where, *words):
        if how == "file system":
            (where / "movies").write_bytes(b"50 TB of somebody")
        rig.write("new", b"new")
        assert rig.push().deleted == 0
        assert rig.saved() == {"a b/result": b"precious", "keep": b"content", "new": b"new"}
        assert [text for text in rig.alarms() if "mounted at a b" in text] != []
        rig.push()
        assert len(rig.alarms()) == 1, "told once"
    rig.write("a b/result", b"changed", age=5)
    rig.push()
    assert rig.saved() == rig.local()


@root
def test_no_seal_over_what_a_mount_hides(rig: Rig) -> None:
    rig.write("d/unsaved", b"precious")
    with mounted(rig.user / "d", "-t", "tmpfs", "none"):
        with pytest.raises(Unsaved, match="d: something is mounted here"):
            rig.seal()
        rig.web("d/new there")
        rig.scan()
        assert list((rig.user / "d").iterdir()) == [], "nothing is put on somebody's mount"
    rig.seal()
    assert rig.saved()["d/unsaved"] == b"precious"


def test_no_mounts(rig: Rig) -> None:
    with rig.world() as world:
        assert mounts_below(world.tree.folder(b"").fd) == []
    assert isinstance(mounts_below(Tree("/").folder(b"").fd), list)


def nested(rig: Rig, folder: str, tmp_path: Path) -> Rig:
    return Rig(tmp_path / "inner", rig.space / folder, project="p2", owner=OTHER)


def test_another_project_below_is_refused(new: Rig, tmp_path: Path) -> None:
    inner = nested(new, "a/b", tmp_path)
    inner.pull()
    inner.write("theirs")
    inner.push()
    with pytest.raises(GuardFailed, match="the folder of another project lies in this project's: a/b") as refused:
        new.pull()
    assert "data.project.source" in refused.value.next_step
    assert not (new.space / ".cloudify-scipion/space.json").exists(), "nobody takes this for a project's folder"
    assert list((new.space / ".cloudify-scipion/lease").iterdir()) == []
    assert new.local() == {}
    inner.push()


def test_another_project_that_comes_later_is_left_alone(rig: Rig, tmp_path: Path) -> None:
    inner = nested(rig, "run2", tmp_path)
    inner.pull()
    for name in ("kept", "deleted"):
        inner.write(name, name)
    inner.push()
    rig.web("mine there", b"new")
    rig.scan()
    rig.push()
    assert rig.local() == {"mine there": b"new"}
    assert [text for text in rig.alarms() if "run2" in text and "another project" in text] != []
    (inner.user / "deleted").unlink()
    inner.push()
    rig.scan()
    rig.push()
    assert inner.saved() == {"kept": b"kept"}


def test_a_copy_of_a_project_in_the_working_copy(rig: Rig) -> None:
    """What would make a project of a subfolder there is named; all else is saved."""
    rig.write("copied/.cloudify-scipion/space.json", b"p2")
    rig.write("copied/data", b"data")
    with pytest.raises(Unsaved, match="copied/.cloudify-scipion: this name is kept"):
        rig.push()
    assert rig.saved() == {"copied/data": b"data"}


def test_what_lies_in_tmp_and_is_not_ours(rig: Rig) -> None:
    folder = rig.space / ".cloudify-scipion/tmp"
    (folder / "my notes.txt").write_bytes(b"a person's")
    (folder / "g00000009-1-1-ab").write_bytes(b"a later machine's")
    (folder / "g00000001-1-1-ab").write_bytes(b"left by us")
    (folder / "g00000001-1-2-ab").mkdir()
    (folder / "g00000001-1-2-ab/inside").write_bytes(b"left by us")
    with rig.world() as world:
        world.index.set_state("dirty", True)
        world.commit_and_tell()
    rig.push()
    assert sorted(path.name for path in folder.iterdir()) == ["g00000009-1-1-ab", "my notes.txt"]


def test_after_a_seal_and_a_reboot_the_same_machine_saves_again(rig: Rig) -> None:
    rig.write("a")
    rig.seal()
    rig.clock.boot_id = "boot-2"
    rig.write("b", b"new work")
    rig.push()
    assert rig.saved() == rig.local()


def test_not_where_another_has_written_since_the_seal(rig: Rig, tmp_path: Path) -> None:
    rig.write("a")
    rig.seal()
    later = replace(rig, root=tmp_path / "later", machine="m2", generation=2)
    later.pull()
    later.write("b")
    later.seal()
    rig.write("c")
    with pytest.raises(AgentError, match="a later machine"):
        rig.push()
