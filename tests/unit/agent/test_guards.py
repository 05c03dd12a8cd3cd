"""What looks like an accident: nothing is deleted in the data space, a person is asked, and the rest is saved."""

from __future__ import annotations

import errno
import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from cloudify_scipion.agent.errors import AgentError, GuardFailed, Unsaved
from cloudify_scipion.agent.plan.guards import MASS_FILES, mass_deletion
from cloudify_scipion.agent.plan.ruins import is_void, is_zeros, looks_destroyed
from cloudify_scipion.agent.ports.tree import Tree
from tests.unit.agent.rig import Rig
from tests.unit.agent.sqlite_files import connect, fill, left
from tests.unit.agent.typed import run

root = pytest.mark.skipif(os.geteuid() != 0, reason="mounts")


@contextmanager
def mounted(folder: Path, *words: str) -> Iterator[None]:
    subprocess.run(["mount", *words, str(folder)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.fixture
def full(rig: Rig) -> Rig:
    """A project with 30 saved files in two folders."""
    for number in range(30):
        rig.write(f"{'big' if number < 25 else 'small'}/{number}", str(number))
    rig.push()
    return rig


def clear(folder: Path) -> None:
    for path in sorted(folder.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()


def refused(rig: Rig, error: type[AgentError], match: str) -> None:
    """No work does anything."""
    before = rig.saved()
    for work in (rig.push, rig.scan, rig.pull):
        with pytest.raises(error, match=match):
            work()
    assert rig.saved() == before
    assert rig.trash() == {}


@pytest.mark.parametrize(
    ("gone", "gone_bytes", "files", "size", "held"),
    [
        (0, 0, 0, 0, False),
        (1, 1, 1, 1, True),  # all there is
        (MASS_FILES - 1, 0, 1000, 1000, False),
        (MASS_FILES, 0, 1000, 1000, False),
        (MASS_FILES, 301, 1000, 1000, True),  # few files, much of the bytes
        (300, 0, 1000, 1000, False),
        (301, 0, 1000, 1000, True),
        (MASS_FILES, 0, 60, 0, True),
    ],
)
def test_what_counts_as_a_mass_deletion(gone: int, gone_bytes: int, files: int, size: int, held: bool) -> None:
    assert mass_deletion(gone, gone_bytes, files, size) is held


def test_what_looks_destroyed() -> None:
    assert looks_destroyed(7, is_void([])) and looks_destroyed(7, is_void([bytes(3), 4]))
    assert not looks_destroyed(0, is_void([])) and not looks_destroyed(7, is_void([4, b"\0x"]))
    assert is_zeros(b"\0\0") and not is_zeros(b"\0\1\0")


def test_an_empty_working_copy(full: Rig) -> None:
    before = full.saved()
    clear(full.user)
    assert full.push().held == 30
    assert full.saved() == before
    assert full.questions() == ["deletions"]


def test_a_mass_deletion_is_held_while_new_work_is_saved(full: Rig) -> None:
    clear(full.user / "big")
    full.write("new", b"new")
    result = full.push()
    assert (result.held, result.files, result.deleted) == (25, 1, 0)
    assert len(full.saved()) == 31
    assert full.push().held == 25, "and stays held until somebody answers"


def test_answered_delete(full: Rig) -> None:
    clear(full.user / "big")
    full.push()
    full.answer("deletions", "delete")
    assert full.push().deleted == 25
    assert sorted(full.saved()) == sorted(full.local())
    assert len(full.trash()) == 25
    assert full.questions() == []


def test_answered_restore(full: Rig) -> None:
    before = full.local()
    clear(full.user / "big")
    full.push()
    full.answer("deletions", "restore")
    full.push()
    assert full.local() == full.saved() == before
    assert full.questions() == []
    assert full.push().held == 0


@pytest.mark.parametrize("word", ["delete", "restore"])
def test_an_answer_counts_once(full: Rig, word: str) -> None:
    for number in range(25):
        full.write(f"more/{number}", str(number))
    full.push()
    clear(full.user / "big")
    full.push()
    full.answer("deletions", word)
    full.push()
    clear(full.user / "more")
    assert full.push().held == 25
    assert full.questions() == ["deletions"]


def test_a_question_that_has_become_pointless_is_withdrawn(full: Rig) -> None:
    (full.user / "big").rename(full.root / "aside")
    full.push()
    (full.root / "aside").rename(full.user / "big")
    assert full.push().held == 0
    assert full.questions() == []
    assert full.saved() == full.local()


def test_an_unmounted_volume(full: Rig) -> None:
    """The empty folder below the mount: no mark, no index."""
    full.mark.unlink()
    clear(full.user)
    refused(full, GuardFailed, "the volume is not mounted")


@pytest.mark.parametrize("wrong", [{"volume": "v2"}, {"project": "p2"}])
def test_another_volume(full: Rig, wrong: dict[str, str]) -> None:
    full.mark.write_text(json.dumps({"version": 1, "volume": "v1", "project": "p1", **wrong}))
    refused(full, GuardFailed, "another volume is mounted")


def test_a_damaged_mark(full: Rig) -> None:
    full.mark.write_text("{")
    refused(full, GuardFailed, "cannot be read")


@root
def test_the_working_copy_on_another_file_system(full: Rig) -> None:
    with mounted(full.user, "-t", "tmpfs", "none"):
        refused(full, GuardFailed, "not on the volume")
    full.push()
    assert full.saved() == full.local()


@root
def test_the_agents_state_on_another_file_system(full: Rig) -> None:
    with mounted(full.state, "-t", "tmpfs", "none"):
        (full.state / "tmp").mkdir()
        (full.state / "results").mkdir()
        refused(full, GuardFailed, "not on the volume")


@root
def test_another_file_system_inside_the_working_copy(full: Rig) -> None:
    """Somebody mounts over a folder: what was in it seems to be gone, and is not."""
    before = full.saved()
    with mounted(full.user / "big", "-t", "tmpfs", "none"):
        assert (full.push().held, full.push().deleted) == (0, 0)
        assert full.saved() == before
        assert "something is mounted at big" in full.alarms()[-1]


def test_an_unmounted_data_space(full: Rig, tmp_path: Path) -> None:
    """The empty folder below its mount point gets nothing, and nothing counts as deleted there."""
    full.space.rename(tmp_path / "aside")
    full.space.mkdir()
    full.write("new")
    for work in (full.push, full.scan):
        with pytest.raises(GuardFailed, match="the data space is not mounted"):
            work()
    assert list(full.space.rglob("*")) == []
    full.space.rmdir()
    (tmp_path / "aside").rename(full.space)
    assert full.scan().lost == 0
    full.push()
    assert full.saved() == full.local()


class Unreadable(Tree):
    """A folder on bad blocks."""

    def entries(self, path: bytes) -> list[tuple[bytes, os.stat_result]]:
        if path == b"small":
            raise OSError(errno.EIO, "Input/output error")
        return super().entries(path)


def test_an_unreadable_folder(full: Rig) -> None:
    """Nothing is deleted at all then: who knows what else is not seen."""
    before = full.saved()
    (full.user / "big/1").unlink()
    full.write("new")
    sick = replace(full, trees=lambda path: Unreadable(path) if path == str(full.user) else Tree(path))
    with pytest.raises(Unsaved, match="small: the folder cannot be read: Input/output error"):
        sick.push()
    assert full.saved() == {**before, "new": b"content"}
    assert any("nothing is deleted" in alarm for alarm in full.alarms())
    assert full.push().deleted == 1


class BadBlocks(Tree):
    """A file that cannot be read."""

    def open_with_facts(self, path: bytes) -> tuple[int, os.stat_result]:
        if path == b"small/27":
            raise OSError(errno.EIO, "Input/output error")
        return super().open_with_facts(path)


def test_an_unreadable_file(full: Rig) -> None:
    full.write("small/27", b"changed", age=10)
    full.write("new")
    sick = replace(full, trees=lambda path: BadBlocks(path) if path == str(full.user) else Tree(path))
    with pytest.raises(Unsaved, match="small/27: Input/output error"):
        sick.push()
    saved = full.saved()
    assert saved["small/27"] == b"27" and saved["new"] == b"content"
    with full.world() as world:
        assert world.index.unsaved() == 1


@pytest.mark.parametrize("remains", [b"", bytes(2)])
@pytest.mark.parametrize("word", ["save", "restore"])
def test_destroyed_by_a_crash(full: Rig, remains: bytes, word: str) -> None:
    full.clock.boot_id = "after the crash"
    full.write("small/27", remains, age=10)
    full.write("new")
    assert full.push().held == 1
    assert full.saved()["small/27"] == b"27" and full.saved()["new"] == b"content"
    assert full.questions() == ["destroyed"]
    full.answer("destroyed", word)
    full.push()
    full.push()
    assert full.questions() == []
    assert full.saved() == full.local()
    assert full.saved()["small/27"] == remains
    back = [content for path, content in full.saved().items() if path.startswith("small/27.conflict-")]
    assert back == ([b"27"] if word == "restore" else [])
    assert b"27" in full.trash().values()


class Sick(Tree):
    """A data space, or a disk, that has no time for what a push needs just then."""

    call, where, error = "", b"", errno.EIO

    def fail(self, call: str, path: bytes = b"") -> None:
        if call == self.call and path.startswith(self.where):
            raise OSError(self.error, os.strerror(self.error))

    def create(self, path: bytes, mode: int) -> int:
        self.fail("create", path)
        return super().create(path, mode)

    def entries(self, path: bytes) -> list[tuple[bytes, os.stat_result]]:
        self.fail("entries", path)
        return super().entries(path)

    def open_with_facts(self, path: bytes) -> tuple[int, os.stat_result]:
        self.fail("open", path)
        return super().open_with_facts(path)


@pytest.mark.parametrize(("side", "call", "where", "error"), [
    ("there", "create", b".cloudify-scipion/tmp/", errno.ENOSPC),  # nothing at all is taken
    ("here", "open", b"small/27", errno.EIO),
    ("here", "entries", b"small", errno.EIO),
])  # fmt: skip
def test_destroyed_by_a_crash_and_not_seen_by_the_first_push(
    full: Rig, side: str, call: str, where: bytes, error: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What could not be looked at, or not be saved, is still looked at when it can be."""
    for name, value in (("call", call), ("where", where), ("error", error)):
        monkeypatch.setattr(Sick, name, value)
    full.clock.boot_id = "after the crash"
    full.write("a", "is sent first")
    full.write("small/27", b"", age=10)
    sick = str(full.space if side == "there" else full.user)
    with pytest.raises(AgentError, match=r"(?i)the data space is full|could not be saved: small"):
        replace(full, trees=lambda path: (Sick if path == sick else Tree)(path)).push()
    assert full.push().held == 1
    assert full.saved()["small/27"] == b"27" and full.questions() == ["destroyed"]


@pytest.mark.parametrize("remains", [b"", bytes(2)])
def test_destroyed_by_a_crash_and_the_trash_has_no_room(full: Rig, remains: bytes) -> None:
    """Two questions about one file: what a person decides about the trash says nothing about what a crash has done."""
    small = replace(full, trash_bytes=1)
    small.clock.boot_id = "after the crash"
    small.write("small/27", remains, age=10)
    assert small.push().held == 1
    for question, word in (("destroyed", "save"), ("replaced", "discard")):
        assert small.saved()["small/27"] == b"27" and small.questions() == [question]
        small.answer(question, word)
        small.push()
    assert small.saved()["small/27"] == remains and small.questions() == []


@pytest.mark.parametrize("remains", [b"", bytes(8192)])
@pytest.mark.parametrize("end", ["-journal", "-wal"])
@pytest.mark.parametrize("word", ["save", "restore"])
def test_a_database_that_a_crash_destroyed_beside_what_sqlite_keeps(
    full: Rig, tmp_path: Path, remains: bytes, end: str, word: str
) -> None:
    """What lies beside it makes no database of it."""
    fill(connect(full.user / "project.sqlite"), "precious")
    full.push()
    saved = full.saved()["project.sqlite"]
    left(tmp_path, full.user, "project.sqlite", end)
    full.clock.boot_id = "after the crash"
    full.write("project.sqlite", remains, age=10)
    for _ in range(4):
        assert full.push().held == 1
        assert full.saved()["project.sqlite"] == saved and full.questions() == ["destroyed"]
    full.answer("destroyed", word)
    for _ in range(3):
        full.push()
    assert full.questions() == [] and full.saved()["project.sqlite"] == remains
    assert saved in full.trash().values() and (saved in full.local().values()) == (word == "restore")


def test_emptied_without_a_crash_is_somebodys_wish(full: Rig) -> None:
    full.write("small/27", b"", age=10)
    assert full.push().held == 0
    assert full.saved()["small/27"] == b""


def test_a_crash_is_remembered_until_a_push_saw_it(full: Rig) -> None:
    """A reboot, and the file becomes empty after a first push of the new boot: that is no crash any more."""
    full.clock.boot_id = "after the crash"
    full.push()
    full.write("small/27", b"", age=10)
    assert full.push().held == 0


def test_nothing_is_pushed_before_the_first_pull_is_complete(new: Rig) -> None:
    new.web("theirs", b"1")
    new.write("mine", b"2")
    with pytest.raises(AgentError, match="before the first pull"):
        new.push()
    with pytest.raises(AgentError, match="before the first pull"):
        new.scan()
    assert new.saved() == {"theirs": b"1"}


@pytest.mark.parametrize("text", ["[]", "1", "", '"x"', "{"])
def test_a_mark_of_any_kind(typed: Rig, text: str) -> None:
    typed.mark.write_text(text)
    assert run(typed, "push") == 4


def test_the_root_disk_is_not_taken_for_the_volume(facility: Rig) -> None:
    facility.pull()
    before = facility.saved()
    facility.mark.rename(facility.root / "aside")  # the volume is not mounted: below it is an empty folder
    for path in sorted(facility.user.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    for work in (facility.pull, facility.push, facility.scan):
        with pytest.raises(GuardFailed, match="not mounted"):
            work()
    assert facility.saved() == before
    assert facility.local() == {}, "nothing is copied to the root disk"
