"""Files in whose places folders are now: they go to the trash by the same rules as all that is deleted."""

from __future__ import annotations

import errno
import shutil
from dataclasses import replace
from pathlib import Path
from unittest import mock

import pytest

from cloudify_scipion.agent.errors import Unsaved
from cloudify_scipion.agent.ports.tree import Tree
from cloudify_scipion.agent.status import document, write_summary
from tests.unit.agent.rig import Rig

LARGE = b"v" * 6000


@pytest.fixture
def small(new: Rig) -> Rig:
    """A project whose trash has room for little."""
    rig = replace(new, trash_bytes=1000)
    rig.pull()
    for number in range(30):
        rig.write(f"others/{number}", f"other {number}")
    rig.write("volume", LARGE)
    rig.push()
    return rig


def become_folder(rig: Rig, path: str) -> None:
    (rig.user / path).unlink()
    rig.write(f"{path}/in/it", f"new in {path}", age=10)
    (rig.user / path / "empty").mkdir()


def test_one_that_the_trash_takes_goes_at_once(small: Rig) -> None:
    become_folder(small, "others/1")
    assert small.push().held == 0 and small.questions() == []
    assert small.trash() and b"other 1" in small.trash().values()
    assert small.saved() == small.local() and (small.space / "others/1/empty").is_dir()


def test_many_at_once_are_asked_about(small: Rig) -> None:
    for number in range(25):
        become_folder(small, f"others/{number}")
    before = small.saved()
    small.write("new", "is saved")
    for _ in range(3):
        assert small.push().held == 50, "the files, and what is in the folders"
        assert small.saved() == {**before, "new": b"is saved"} and not small.trash()
        assert small.questions() == ["deletions"]
    with small.world() as world:
        assert world.index.unsaved() == 25
        assert "25 of them are folders now" in world.index.people.questions()[0]["text"]
    write_summary(small.config(), {})
    assert document(small.config())["unsaved"] == 25
    small.answer("deletions", "delete")
    small.push()
    assert small.saved() == small.local() and len(small.trash()) == 25 and small.questions() == []
    with small.world() as world:
        assert world.index.unsaved() == 0


def test_a_folder_of_some_files_is_no_accident_where_the_rest_is_there(new: Rig) -> None:
    """What is new counts among all that there is, though it is not saved yet."""
    new.pull()
    new.write("only", "one")
    new.push()
    become_folder(new, "only")
    assert new.push().held == 0
    assert new.saved() == new.local() and b"one" in new.trash().values()


def test_one_that_the_trash_cannot_take_is_asked_about(small: Rig) -> None:
    become_folder(small, "volume")
    before = small.saved()
    assert small.push().held == 2
    assert small.saved() == before and small.questions() == ["deletions"] and not small.trash()
    small.answer("deletions", "delete")
    small.push()
    assert small.saved() == small.local() and list(small.trash().values()) == [LARGE]


def test_restored_it_comes_beside_the_folder_and_that_is_saved(small: Rig) -> None:
    become_folder(small, "volume")
    small.push()
    small.answer("deletions", "restore")
    small.push()
    (back,) = (path for path, content in small.local().items() if content == LARGE)
    assert back.startswith("volume.restored-")
    small.push()
    assert small.saved() == small.local() and small.questions() == []
    assert small.local()["volume/in/it"] == b"new in volume"


def test_restored_by_a_push_that_is_killed_and_run_again_it_is_there(small: Rig) -> None:
    become_folder(small, "volume")
    small.push()
    small.answer("deletions", "restore")
    where = "cloudify_scipion.agent.work.push.delete._delete_files"
    with mock.patch(where, side_effect=KeyboardInterrupt), pytest.raises(KeyboardInterrupt):
        small.push()
    small.push()
    small.push()
    assert [content for content in small.local().values() if content == LARGE] == [LARGE]
    assert small.saved() == small.local()


def test_links_come_back_as_well(small: Rig) -> None:
    for number in range(25):
        (small.user / f"others/{number}").unlink()
        (small.user / f"others/{number}").symlink_to(f"/data/{number}")
    small.push()
    for number in range(25):
        become_folder(small, f"others/{number}")
    small.push()
    small.answer("deletions", "restore")
    small.push()
    assert {content for content in small.local().values() if content.startswith(b"->")} == {
        b"-> /data/%d" % number for number in range(25)
    }


def test_what_belongs_to_a_database_comes_back_beside_it(small: Rig) -> None:
    """One that SQLite cannot read, so that its log is saved as it is."""
    small.write("db", b"not SQLite's " + LARGE)
    small.write("db-wal", b"\x37\x7f\x06\x82" + LARGE)
    for _ in range(4):
        small.push()
    saved = small.saved()
    (small.user / "db-wal").unlink()
    become_folder(small, "db")
    small.push()
    small.answer("deletions", "restore")
    small.push()
    local = small.local()
    (name,) = (path for path in local if local[path] == saved["db"])
    assert local[name + "-wal"] == saved["db-wal"]


def test_before_a_volume_is_deleted_nobody_is_asked(small: Rig) -> None:
    become_folder(small, "volume")
    small.push()
    small.seal()
    assert small.saved() == small.local() and list(small.trash().values()) == [LARGE]


def test_while_it_waits_a_look_and_a_lost_index_change_nothing(small: Rig) -> None:
    become_folder(small, "volume")
    small.push()
    before = small.saved()
    small.scan()
    small.push()
    assert small.saved() == before and small.questions() == ["deletions"]
    for path in small.state.glob("index.sqlite*"):
        path.unlink()
    small.pull()
    small.push()
    assert {LARGE, b"new in volume"} <= set(small.saved().values()) | set(small.trash().values())
    assert small.local()["volume/in/it"] == b"new in volume"


def test_one_that_cannot_be_moved_away_costs_what_is_in_its_place(small: Rig) -> None:
    class Stuck(Tree):
        def rename(self, old: bytes, new: bytes, replace: bool = False) -> None:
            if old == b"others/1":
                raise OSError(errno.EIO, "Input/output error")
            super().rename(old, new, replace)

    become_folder(small, "others/1")
    become_folder(small, "others/2")
    small.write("more")
    sick = replace(small, trees=Stuck)
    with pytest.raises(Unsaved, match="^1 files or folders could not be saved: others/1"):
        sick.push()
    assert {"others/2/in/it", "more", "others/1"} <= set(small.saved())
    small.push()
    assert small.saved() == small.local()


def test_while_a_folder_cannot_be_read_nothing_is_removed_for_another(small: Rig) -> None:
    class Unreadable(Tree):
        def entries(self, path: bytes) -> list[tuple[bytes, object]]:  # type: ignore[override]
            if path == b"bad":
                raise OSError(errno.EIO, "Input/output error")
            return super().entries(path)  # type: ignore[return-value]

    small.write("bad/a")
    small.push()
    become_folder(small, "others/1")
    before = small.saved()
    with pytest.raises(Unsaved, match="the folder cannot be read"):
        replace(small, trees=lambda path: Unreadable(path) if path == str(small.user) else Tree(path)).push()
    assert small.saved() == before


def test_what_a_stranger_has_put_there_is_kept_beside(small: Rig) -> None:
    small.web("others/1", "changed by somebody")
    become_folder(small, "others/1")
    small.push()
    assert b"changed by somebody" in small.saved().values()
    assert small.saved()["others/1/in/it"] == b"new in others/1"


def test_the_seal_names_the_question_that_a_file_in_the_place_of_a_folder_waits_for(tmp_path: Path) -> None:
    rig = Rig(tmp_path / "volume", tmp_path / "space")
    rig.pull()
    for number in range(60):
        rig.write(f"d/{number}", f"{number}", age=9000)
    rig.push()
    shutil.rmtree(rig.user / "d")
    rig.write("d", b"a file now", age=9000)
    with pytest.raises(Unsaved, match="wait until it is said what is to be deleted: d") as refused:
        rig.seal()
    assert "scipion-data answer deletions" in refused.value.next_step
    rig.answer("deletions", "delete")
    rig.push()
    assert rig.saved() == rig.local() == {"d": b"a file now"}
