"""What a reader of the agent's code has found: each was a way to say more than was true, or to lose time or memory."""

from __future__ import annotations

import errno
import io
import itertools
import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cloudify_scipion.agent.errors import AgentError
from cloudify_scipion.agent.plan import manifest
from cloudify_scipion.agent.ports import ahead
from cloudify_scipion.agent.ports.ahead import ReadAhead
from cloudify_scipion.agent.ports.tree import Tree
from cloudify_scipion.agent.work.lease import lease
from cloudify_scipion.agent.work.pull import list_space
from tests.unit.agent.faults import Killed, MortalIndex, Reaper
from tests.unit.agent.rig import Rig, TestClock
from tests.unit.agent.segments import encode
from tests.unit.agent.test_power_cuts import Disk

OURS = ".cloudify-scipion"


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
    with pytest.raises((AgentError, OSError)):
        rig.push()
    assert rig.saved() == {"a": b"one"}
    assert not list(tmp_path.glob("g0*"))


def test_a_heartbeat_keeps_nothing_that_the_disk_has_not_got(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """The index is committed by heartbeats, too, in the middle of a batch."""
    files = {str(number): f"content {number}".encode() for number in range(5)}
    for name, content in files.items():
        rig.write(name, content)
    disk, reaper = Disk(str(rig.space), Reaper()), Reaper()
    mortal = replace(
        rig, workers=1, trees=lambda path: disk if path == str(rig.space) else Tree(path),
        indexes=lambda path: MortalIndex(path, reaper),
    )  # fmt: skip
    monkeypatch.setattr(lease, "BEAT_SECONDS", -1.0)
    renames = Disk.rename

    def dying(self: Disk, old: bytes, new: bytes, **named: bool) -> None:
        if new == b"3":
            raise Killed
        renames(self, old, new, **named)

    monkeypatch.setattr(Disk, "rename", dying)
    with pytest.raises(Killed):
        mortal.push()
    disk.cut()
    monkeypatch.setattr(Disk, "rename", renames)
    rig.push()
    assert rig.saved() == files


class Volume(Tree):
    """A working copy of which the disk gets the files' content when all is synced."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.synced: set[int] = set()

    def files(self) -> list[Path]:
        return [path for path in Path(os.fsdecode(self.path)).rglob("*") if path.is_file()]

    def sync(self) -> None:
        super().sync()
        self.synced |= {path.stat().st_ino for path in self.files()}

    def cut(self) -> int:
        """Returns how many files have lost their content."""
        lost = [path for path in self.files() if path.stat().st_ino not in self.synced]
        for path in lost:
            os.truncate(path, 0)
        return len(lost)


def test_a_power_cut_during_the_first_pull(new: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files whose content the volume's disk had not got are empty then: they are never saved over the originals."""
    originals = {f"raw/{number}": f"original {number}".encode() for number in range(9)}
    monkeypatch.setattr(list_space, "BATCH", 3)
    emptied = 0
    for at in itertools.count(1):
        space = new.space / str(at)
        rig = Rig(new.root / str(at), space, workers=1)
        for name, content in originals.items():
            rig.web(name, content, age=9000)
        volume = Volume(str(rig.user))
        mortal = replace(
            rig,
            trees=lambda path, volume=volume: volume if path == os.fsdecode(volume.path) else Tree(path),  # type: ignore[misc]
            indexes=lambda path, at=at: MortalIndex(path, Reaper(at)),  # type: ignore[misc]
        )
        try:
            mortal.pull()
        except Killed:
            emptied += volume.cut()
        else:
            break
        rig.clock = BootedClock()
        rig.pull()
        rig.push()
        lost = {name for name, content in originals.items() if rig.saved()[name] != content}
        beside = set(rig.saved().values())
        assert all(originals[name] in beside for name in lost), f"at commit {at}: an original is in the trash only"
    assert emptied > 3


class BootedClock(TestClock):
    boot_id = "boot-2"


def test_folders_that_were_listed_long_ago_are_listed_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    with ReadAhead(Tree(str(tmp_path))) as reader:
        reader.entries(b"a", [b"b"])
        reader._begun[b"b"][1].result()
        (tmp_path / "b/moved here").touch()
        monkeypatch.setattr(ahead, "FRESH_SECONDS", -1.0)
        assert [name for name, _ in reader.entries(b"b", [])] == [b"moved here"]


def test_no_more_folders_are_held_than_are_read_ahead(tmp_path: Path) -> None:
    names = [str(number).encode() for number in range(9)]
    for name in names:
        (tmp_path / os.fsdecode(name)).mkdir()
    with ReadAhead(Tree(str(tmp_path))) as reader:
        reader.entries(b"", names)
        reader.entries(names[5], names[6:])
        assert len(reader._begun) == ahead.AHEAD


class Unreadable(io.BytesIO):
    def read(self, *_: object) -> bytes:
        raise OSError(errno.EIO, os.strerror(errno.EIO))


def test_a_read_that_fails_is_no_damage() -> None:
    """A manifest that cannot be read just now is not written anew, and its generation is not 0."""
    with pytest.raises(OSError, match="Input/output error"):
        manifest.decode(Unreadable())
    with pytest.raises(manifest.Damaged):
        manifest.decode(io.BytesIO(b"no gzip"))


def test_paths_of_a_megabyte() -> None:
    path = b"/".join([b"\xff" * 250] * 1000)
    data = encode(manifest.Header("p", 1, 1, base=True), [manifest.Entry(path, "f"), manifest.Entry(b"b", "f")])
    assert [name for name, _ in manifest.decode(io.BytesIO(data))[1]] == [path, b"b"]


def test_what_the_manifest_said_is_asked_for_what_is_there(rig: Rig) -> None:
    """Of a million links between two files nothing is read."""
    with rig.world() as world:
        world.index.base.take((f"{number:03}".encode(), {"n": number}) for number in range(100))
        assert world.index.base.rows([b"000", b"099", b"100"]) == {b"000": {"n": 0}, b"099": {"n": 99}}


def test_what_was_opened_before_is_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A thread may be opening a folder while another one has all forgotten."""
    (tmp_path / "a").mkdir()
    tree, opened = Tree(str(tmp_path)), os.open

    def slow(*arguments: Any, **named: Any) -> int:
        fd = opened(*arguments, **named)
        tree.forget()
        return fd

    monkeypatch.setattr(os, "open", slow)
    tree.folder(b"a")
    monkeypatch.undo()
    assert not tree._folders
