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
from tests.unit.agent.faults import Killed, MortalIndex, Reaper
from tests.unit.agent.rig import Rig

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
