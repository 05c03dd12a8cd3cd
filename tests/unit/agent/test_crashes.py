"""The agent ends at each of its writes; the same work, done again, comes to the same end."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tests.unit.agent.faults import Killed, Reaper
from tests.unit.agent.rig import Rig, contents

LONG = "n" * 200


def prepared(folder: Path) -> Rig:
    """A project with all kinds of changes waiting on both sides."""
    rig = Rig(folder / "volume", folder / "space", workers=1)
    rig.web("facility/raw.mrc", b"raw")
    rig.web("facility/old", b"old")
    rig.pull()
    for name in ("change", "delete", "move", "both", "kept/one", "kept/two", "folder/inside", "becomes/file"):
        rig.write(name, f"first {name}")
    rig.push()
    rig.write("change", b"second", age=10)
    (rig.user / "delete").unlink()
    (rig.user / "move").rename(rig.user / "moved")
    (rig.user / "folder").rename(rig.user / "elsewhere")
    (rig.user / "becomes/file").unlink()
    (rig.user / "becomes").rmdir()
    rig.write("becomes", b"a file", age=10)
    rig.write("both", b"here", age=10)
    rig.web("both", b"there")
    rig.web("new", b"new there")
    rig.write(f"{LONG}/{LONG}/new", b"new here")
    for name in ("run/one", "run/two", "run/deep/three", "run/deep/four"):  # a folder that goes there at once
        rig.write(name, f"new {name}")
    rig.write("facility/old", b"changed original", age=10)
    (rig.user / "link").symlink_to("nowhere")
    return rig


def everything(rig: Rig) -> dict[str, bytes]:
    return contents(rig.space, hidden=True)


def run(rig: Rig, works: str) -> None:
    for work in works.split():
        getattr(rig, work)()


@dataclass(frozen=True)
class Case:
    """`kept` is content that was replaced, and must be in the trash; one version for each hour is kept there."""

    works: str
    begin: Callable[[Path], Rig] = prepared
    kept: bytes = b"first change"


def replacement(folder: Path) -> Rig:
    """Another machine, with an empty volume, after a seal that never was."""
    old = prepared(folder)
    old.push()
    return Rig(folder / "volume-2", old.space, machine="m2", generation=2, workers=1)


def lost_index(folder: Path) -> Rig:
    rig = prepared(folder)
    rig.push()
    rig.write("change", b"third", age=5)
    shutil.rmtree(rig.state)
    return Rig(rig.root, rig.space, machine="m2", generation=2, workers=1)


CASES = {
    "push": Case("push"),
    "scan and push": Case("scan push"),
    "first pull": Case("pull push", replacement),
    "lost index": Case("pull push", lost_index, kept=b"second"),
}


@pytest.mark.long
@pytest.mark.parametrize("name", CASES)
def test_killed_at_every_write(name: str, tmp_path: Path) -> None:
    case = CASES[name]
    whole = case.begin(tmp_path / "whole")
    counting = Reaper()
    run(replace(whole, trees=counting.tree, indexes=counting.index), case.works)
    run(whole, "scan push scan push")
    wanted, local = sorted(whole.saved().values()), sorted(whole.local().values())
    assert counting.count > 30
    assert b"there" in wanted and b"here" in wanted
    for at in itertools.count(1):
        folder = tmp_path / "killed"
        shutil.rmtree(folder, ignore_errors=True)
        rig = case.begin(folder)
        before = rig.local()
        reaper = Reaper(at)
        try:
            run(replace(rig, trees=reaper.tree, indexes=reaper.index), case.works)
        except Killed:
            pass
        else:  # as many writes as there are; inode numbers that are used again make some more or less
            assert at > counting.count * 0.8
            return
        assert {path: rig.local().get(path) for path in before} == before, f"at write {at}"
        run(rig, case.works)
        run(rig, "scan push scan push")
        assert sorted(set(rig.local().values())) == sorted(set(local)), f"at write {at}"
        assert sorted(set(rig.saved().values())) == sorted(set(wanted)), f"at write {at}"
        assert rig.saved() == rig.local(), f"at write {at}"
        assert case.kept in everything(rig).values(), f"at write {at}"
        assert b"old" in everything(rig).values(), f"at write {at}"
        assert not list((rig.space / ".cloudify-scipion/tmp").iterdir()), f"at write {at}"


def test_a_link_that_a_killed_push_has_placed_is_its_own(tmp_path: Path) -> None:
    """It is neither kept beside as somebody else's, nor made twice."""
    for at in itertools.count(1):
        rig = Rig(tmp_path / f"{at}", tmp_path / f"space-{at}", workers=1)
        rig.pull()
        (rig.user / "link").symlink_to("somewhere")
        reaper = Reaper(at)
        try:
            replace(rig, trees=reaper.tree, indexes=reaper.index).push()
        except Killed:
            rig.push()
            assert rig.saved() == {"link": b"-> somewhere"}, f"killed at write {at}"
            continue
        break
