"""Files that are still being written: taken the next time, and after three times as they are then, marked."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace

import pytest

from cloudify_scipion.agent.ports.tree import Tree
from cloudify_scipion.agent.work.manifest.read import read_manifest
from tests.unit.agent.rig import Rig


class Watched(Tree):
    """Somebody writes to the working copy whenever the agent writes to the data space."""

    meanwhile: Callable[[], None] = staticmethod(lambda: None)

    def write(self, fd: int, data: bytes | memoryview) -> None:
        super().write(fd, data)
        Watched.meanwhile()


@pytest.fixture
def growing(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> Rig:
    """`run.log` grows during every copy of it."""
    path = rig.write("p/run.log", b"begin\n")

    def grow() -> None:
        with path.open("ab") as stream:
            stream.write(b"more\n")

    monkeypatch.setattr(Watched, "meanwhile", staticmethod(grow))
    return replace(rig, trees=Watched)


def point(rig: Rig, path: bytes) -> bool:
    """Whether another machine would read in the manifest that it is the copy of a file that was being written."""
    with rig.world() as world:
        world.index.base.forget()
        read_manifest(world)
        row = world.index.base.rows([path]).get(path)
    assert row is not None
    return bool(row.get("pt"))


def test_it_is_taken_when_it_is_quiet(growing: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    result = growing.push()
    assert (result.files, result.busy) == (0, 1)
    assert growing.saved() == {}
    monkeypatch.setattr(Watched, "meanwhile", staticmethod(lambda: None))
    result = growing.push()
    assert (result.files, result.busy) == (1, 0)
    assert growing.saved() == growing.local()
    assert not point(growing, b"p/run.log")
    with growing.world() as world:
        assert world.index.attempts.busy() == []


def test_after_three_times_it_is_taken_as_it_is_and_marked(growing: Rig) -> None:
    assert [growing.push().busy for _ in range(3)] == [1, 1, 1]
    assert growing.saved() == {}
    result = growing.push()
    assert (result.files, result.busy) == (1, 0)
    copy = growing.saved()["p/run.log"]
    assert growing.local()["p/run.log"].startswith(copy) and copy.startswith(b"begin\n")
    assert point(growing, b"p/run.log")


def test_a_marked_copy_is_replaced_by_a_whole_one(growing: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(4):
        growing.push()
    monkeypatch.setattr(Watched, "meanwhile", staticmethod(lambda: None))
    growing.push()
    growing.push()
    assert growing.saved() == growing.local()
    assert not point(growing, b"p/run.log")


def test_the_rest_is_saved_meanwhile(growing: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    growing.write("other", b"quiet")
    assert growing.push().busy == 1
    assert growing.saved() == {"other": b"quiet"}


def test_what_was_saved_before_stays_until_there_is_something_better(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    path = rig.write("a", b"whole")
    rig.push()
    rig.write("a", b"half", age=10)
    monkeypatch.setattr(Watched, "meanwhile", staticmethod(lambda: os.utime(path)))
    assert replace(rig, trees=Watched).push().busy == 1
    assert rig.saved() == {"a": b"whole"}
    assert rig.trash() == {}


def test_a_file_that_goes_while_it_is_copied(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    path = rig.write("a", b"short-lived")
    monkeypatch.setattr(Watched, "meanwhile", staticmethod(lambda: path.unlink(missing_ok=True)))
    replace(rig, trees=Watched).push()
    monkeypatch.setattr(Watched, "meanwhile", staticmethod(lambda: None))
    rig.push()
    assert rig.saved() == {}
    with rig.world() as world:
        assert world.index.attempts.busy() == []


def test_it_counts_as_not_saved(growing: Rig) -> None:
    growing.push()
    with growing.world() as world:
        assert world.index.unsaved() == 1


def test_a_file_within_the_clocks_granularity_is_looked_at_again(rig: Rig) -> None:
    """Same size, same time, same inode: only the content tells."""
    rig.clock.ahead = -60.0  # the file is as young as can be, however slow this computer is
    path = rig.write("a", b"one", age=0)
    rig.push()
    facts = path.stat()
    with path.open("r+b") as stream:
        stream.write(b"two")
    os.utime(path, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    with rig.world() as world:  # the inode's time, too, if all of it had been within one tick
        row = world.index.files.get(b"a")
        assert row is not None
        world.index.files.put(b"a", replace(row, ctime=path.stat().st_ctime_ns))
        world.index.commit()
    rig.push()
    assert rig.saved() == {"a": b"two"}


def test_a_file_that_was_busy_and_is_gone_is_not_missed(rig: Rig) -> None:
    rig.write("a", b"one")
    with rig.world() as world:
        world.index.attempts.count_try(b"temporary")
        world.commit_and_tell()
    rig.push()
    with rig.world() as world:
        assert world.index.unsaved() == 0
    assert rig.seal().files == 1


def test_a_file_that_was_busy_and_is_gone_is_not_unsaved(rig: Rig) -> None:
    rig.write("a")
    with rig.world() as world:
        world.index.attempts.count_try(b"gone")
        world.index.commit()
    rig.push()
    with rig.world() as world:
        assert world.index.unsaved() == 0
