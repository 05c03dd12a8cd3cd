"""The first copy: resumable, with progress, never more than fits, complete only when everything is there."""

from __future__ import annotations

import errno
import json
import os
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cloudify_scipion.agent.errors import AgentError, NoRoom, Unsaved
from cloudify_scipion.agent.plan.patterns import selected
from cloudify_scipion.agent.ports.tree import Tree
from cloudify_scipion.agent.work.pull import list_space, pull, settle
from cloudify_scipion.agent.work.pull.can_come import RESERVE_BYTES
from cloudify_scipion.agent.work.telling import Progress
from cloudify_scipion.agent.work.world import PULLED
from tests.unit.agent.faults import Killed, Reaper
from tests.unit.agent.rig import Rig


@pytest.fixture
def filled(new: Rig) -> Rig:
    for number in range(40):
        new.web(f"raw/{number % 4}/{number}", f"movie {number}", age=5000)
    return new


def is_pulled(rig: Rig) -> bool:
    with rig.world() as world:
        return bool(world.index.get_state(PULLED))


def test_everything_comes(filled: Rig) -> None:
    result = filled.pull()
    assert (result.files, result.failed) == (40, [])
    assert result.size == sum(map(len, filled.saved().values()))
    assert filled.local() == filled.saved()
    assert filled.push().files == 0


class Counting(Tree):
    """How often files of the data space were read."""

    opened = 0

    def open_with_facts(self, path: bytes) -> tuple[int, os.stat_result]:
        Counting.opened += path.startswith(b"raw/")
        return super().open_with_facts(path)


@pytest.mark.parametrize("at", [20, 60, 100, 120])
def test_a_killed_pull_goes_on(filled: Rig, at: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is here already is not fetched again; nothing is complete before all is here."""
    monkeypatch.setattr(list_space, "BATCH", 5)
    monkeypatch.setattr(settle, "KEEP_SECONDS", -1.0)
    reaper = Reaper(at)
    with pytest.raises(Killed):
        replace(filled, workers=1, trees=reaper.tree, indexes=reaper.index).pull()
    here = len(filled.local())
    assert not is_pulled(filled)
    with pytest.raises(AgentError, match="before the first pull"):
        filled.push()
    Counting.opened = 0
    filled.clock.boot_id = "after the crash"
    replace(filled, trees=lambda path: (Counting if path == str(filled.space) else Tree)(path)).pull()
    assert filled.local() == filled.saved()
    assert is_pulled(filled)
    assert Counting.opened <= 40 - here + 6
    assert filled.push().files == 0


class Refusing(Tree):
    """One file of the data space cannot be read today."""

    def open_with_facts(self, path: bytes) -> tuple[int, os.stat_result]:
        if path == b"raw/1/13":
            raise OSError(errno.EIO, "Input/output error")
        return super().open_with_facts(path)


def test_an_original_that_cannot_be_read_stops_nobody(filled: Rig) -> None:
    """What was never here is not gone: the others are saved, and it comes as soon as it can be read."""
    sick = replace(filled, trees=lambda path: (Refusing if path == str(filled.space) else Tree)(path))
    saved = filled.saved()
    with pytest.raises(Unsaved, match="raw/1/13: Input/output error"):
        sick.pull()
    assert len(filled.local()) == 39, "the others are here"
    filled.write("mine", b"new")
    sick.push()
    assert filled.saved() == {**saved, "mine": b"new"}
    with pytest.raises(Unsaved, match="raw/1/13: Input/output error"):
        sick.scan()
    filled.scan()
    filled.push()
    assert filled.saved() == filled.local() == {**saved, "mine": b"new"}


def test_the_marker_comes_last(filled: Rig) -> None:
    """Killed at any of its last writes, there is no marker, or all is there."""
    counting, complete = Reaper(), set()
    rig = Rig(filled.root / "count", filled.space, workers=1, trees=counting.tree, indexes=counting.index)
    rig.pull()
    for at in range(counting.count - 12, counting.count + 1):
        rig = Rig(filled.root / str(at), filled.space, machine=f"m{at}", generation=at, workers=1)
        reaper = Reaper(at)
        with suppress(Killed):
            replace(rig, trees=reaper.tree, indexes=reaper.index).pull()
        assert not is_pulled(rig) or rig.local() == rig.saved()
        complete.add(is_pulled(rig))
    assert complete == {False, True}


def test_progress_is_told(filled: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[dict[str, Any]] = []
    path = filled.root / "run/progress.json"
    plain = Progress.add

    def add(self: Progress, files: int, size: int) -> None:
        plain(self, files, size)
        self._write(force=True)
        told.append(json.loads(path.read_text()))

    monkeypatch.setattr(Progress, "add", add)
    with filled.world() as world:
        pull.pull(replace(world, progress=Progress(path, "pull")))
    pulling = [line for line in told if line["phase"] == "pulling"]
    assert {line["files_total"] for line in pulling} == {40}
    assert [line["files_done"] for line in pulling] == list(range(1, 41))
    assert pulling[-1]["bytes_done"] == sum(map(len, filled.saved().values()))
    assert all(line["work"] == "pull" and line["rate"] >= 0 for line in pulling)
    assert all(line["seconds_left"] is None or line["seconds_left"] >= 0 for line in pulling)


class Small(Tree):
    """A volume with little room."""

    room = 0

    def free(self) -> int:
        return Small.room

    def create(self, path: bytes, mode: int = 0o600) -> int:
        raise AssertionError("something is written")


def test_what_does_not_fit_is_refused_before_anything_is_written(filled: Rig) -> None:
    need = 40 * 4096 + RESERVE_BYTES
    small = replace(filled, trees=lambda path: (Small if path == str(filled.user) else Tree)(path))
    Small.room = need - 1
    with pytest.raises(NoRoom, match="the data take") as refused:
        small.pull()
    assert refused.value.code == 5
    assert "larger volume" in refused.value.next_step
    assert filled.local() == {}
    assert not (filled.user / "raw").exists()
    Small.room = need
    small.pull()
    assert filled.local() == filled.saved()


def test_names_of_one_file_take_their_room_once(rig: Rig, tmp_path: Path) -> None:
    first = rig.write("a", b"x" * 1_000_000)
    for name in "bcdefgh":
        os.link(first, rig.user / name)
    rig.push()
    other = Rig(tmp_path / "other", rig.space, machine="m2", generation=2)
    Small.room = RESERVE_BYTES + 1_100_000
    replace(other, trees=lambda path: (Small if path == str(other.user) else Tree)(path)).pull()
    assert other.local() == rig.local()


@pytest.mark.parametrize(
    ("include", "exclude", "pulled"),
    [
        ((), (), {"raw/a.mrc", "raw/gain/g.mrc", "notes.txt", "old/x.log"}),
        (("raw",), (), {"raw/a.mrc", "raw/gain/g.mrc"}),
        (("raw/*.mrc",), (), {"raw/a.mrc"}),
        (("**/*.mrc",), (), {"raw/a.mrc", "raw/gain/g.mrc"}),
        ((), ("**/*.mrc",), {"notes.txt", "old/x.log"}),
        (("raw", "old"), ("raw/gain",), {"raw/a.mrc", "old/x.log"}),
        (("nothing",), (), set()),
    ],
)
def test_what_is_chosen(new: Rig, include: tuple[str, ...], exclude: tuple[str, ...], pulled: set[str]) -> None:
    for name in ("raw/a.mrc", "raw/gain/g.mrc", "notes.txt", "old/x.log"):
        new.web(name, b"content", age=5000)
    before = new.saved()
    rig = replace(new, include=include, exclude=exclude)
    rig.pull()
    assert set(rig.local()) == pulled
    rig.write("mine", b"new")
    rig.push()
    assert rig.saved() == {**before, "mine": b"new"}, "what was not pulled is not deleted there"
    rig.scan()
    assert set(rig.local()) == pulled | {"mine"}


def test_a_file_made_here_where_one_was_not_pulled(new: Rig) -> None:
    new.web("old/x.log", b"theirs", age=5000)
    rig = replace(new, exclude=("old",))
    rig.pull()
    rig.write("old/x.log", b"mine")
    rig.push()
    assert sorted(rig.saved().values()) == [b"mine", b"theirs"]


def test_what_we_saved_ourselves_is_pulled_whatever_is_chosen(new: Rig, tmp_path: Path) -> None:
    """The choice is about the facility's data: a replaced machine gets all the project's own."""
    rig = replace(new, include=("raw",))
    rig.pull()
    rig.write("results/mine", b"content")
    rig.push()
    other = Rig(tmp_path / "other", rig.space, machine="m2", generation=2, include=("raw",))
    other.pull()
    assert other.local() == {"results/mine": b"content"}


def test_patterns() -> None:
    assert selected(b"a/b", ["a"], []) and not selected(b"ab", ["a"], [])
    assert selected(b"a/b/c", ["a/**/c"], []) and selected(b"a/c", ["a/**/c"], [])
    assert not selected(b"a/b/c", ["a/*"], ["a/b"])
    assert selected(b"x\n\xff", ["x*"], []) and not selected(b"a.b", ["a?c"], [])
    assert selected(b"a[1]", ["a[1]"], []) and not selected(b"a1", ["a[1]"], [])


def test_what_is_in_the_working_copy_already_stays(new: Rig) -> None:
    """A volume that comes back with another index: equal files are known, other ones are kept twice."""
    new.web("same", b"content", age=5000)
    new.web("different", b"there", age=5000)
    new.write("same", b"content")
    new.write("different", b"here")
    new.write("only here", b"mine")
    assert new.pull().conflicts == 1
    local = new.local()
    assert (local["same"], local["different"], local["only here"]) == (b"content", b"here", b"mine")
    assert b"there" in local.values()
    new.push()
    assert new.saved() == new.local()


def test_a_damaged_copy_in_the_data_space_is_told(rig: Rig, tmp_path: Path) -> None:
    rig.write("a", b"content")
    rig.push()
    (rig.space / "a").write_bytes(b"bitrot!")
    other = Rig(tmp_path / "other", rig.space, machine="m2", generation=2)
    other.pull()
    assert any("not as it was saved" in alarm for alarm in other.alarms())


@pytest.mark.parametrize("at", range(5, 50, 5))
def test_a_first_copy_that_was_interrupted_deletes_nothing(facility: Rig, at: int) -> None:
    before = facility.saved()
    reaper = Reaper(at)
    with pytest.raises(Killed):
        replace(facility, workers=1, trees=reaper.tree, indexes=reaper.index).pull()
    assert len(facility.local()) < 20
    with pytest.raises(AgentError, match="before the first pull"):
        facility.push()
    assert facility.saved() == before
    facility.pull()
    assert facility.local() == before
    result = facility.push()
    assert (result.deleted, result.held) == (0, 0)
    assert facility.saved() == before
