"""A power cut of the host on which the data space is a folder: what its disk had not got yet is empty there."""

from __future__ import annotations

import itertools
import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cloudify_scipion.agent.ports.tree import Tree
from cloudify_scipion.agent.work.lease import lease
from cloudify_scipion.agent.work.pull import list_space
from tests.unit.agent.faults import Killed, MortalIndex, Reaper
from tests.unit.agent.rig import Rig, TestClock

FILES = {f"folder/{number}": f"content {number}".encode() for number in range(3)}


class Disk(Tree):
    """A data space of which the disk gets a file's content when all is synced, or that file."""

    def __init__(self, path: str, reaper: Reaper) -> None:
        super().__init__(path)
        self.reaper = reaper
        self.unwritten: dict[int, str] = {}

    def create(self, *arguments: Any) -> int:
        fd = super().create(*arguments)
        self.unwritten[os.fstat(fd).st_ino] = str(arguments[0])
        return fd

    def sync_file(self, fd: int) -> None:
        super().sync_file(fd)
        self.unwritten.pop(os.fstat(fd).st_ino, None)

    def rename(self, *arguments: Any, **named: Any) -> None:
        if self.reaper.step("rename"):
            raise Killed
        super().rename(*arguments, **named)

    def sync(self) -> None:
        super().sync()
        self.unwritten.clear()

    def cut(self) -> int:
        """Returns how many files have lost their content."""
        lost = [path for path in Path(os.fsdecode(self.path)).rglob("*") if path.lstat().st_ino in self.unwritten]
        for path in lost:
            os.truncate(path, 0)
        return len(lost)


@pytest.mark.parametrize("changed", [False, True])
def test_nothing_counts_as_saved_that_the_disk_has_not_got(tmp_path: Path, changed: bool) -> None:
    emptied = 0
    for at in itertools.count(1):
        shutil.rmtree(tmp_path, ignore_errors=True)
        rig = Rig(tmp_path / "volume", tmp_path / "space", workers=1)
        rig.pull()
        for name in FILES:
            rig.write(name, b"earlier" if changed else FILES[name])
        if changed:
            rig.push()
            for name, content in FILES.items():
                rig.write(name, content, age=10)
        reaper = Reaper(at)
        disk = Disk(str(rig.space), reaper)
        mortal = replace(
            rig,
            trees=lambda path, rig=rig, disk=disk: disk if path == str(rig.space) else Tree(path),  # type: ignore[misc]
            indexes=lambda path, reaper=reaper: MortalIndex(path, reaper),  # type: ignore[misc]
        )
        try:
            mortal.push()
        except Killed:
            emptied += disk.cut()
            rig.push()
            assert rig.saved() == FILES, f"at write {at}"
        else:
            disk.cut()
            assert rig.saved() == FILES
            break
    assert emptied > len(FILES)


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


class BootedClock(TestClock):
    boot_id = "boot-2"


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
