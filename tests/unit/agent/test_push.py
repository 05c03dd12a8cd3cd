"""Saving: what ends up in the data space, and what never happens there."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from cloudify_scipion.agent.errors import LeaseForeign
from tests.unit.agent.faults import Reaper
from tests.unit.agent.rig import Rig


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(tmp_path / "volume", tmp_path / "space")


def test_first_pull_push_and_back(rig: Rig, tmp_path: Path) -> None:
    rig.web("raw/a.mrc", b"facility")
    rig.pull()
    assert rig.local() == {"raw/a.mrc": b"facility"}
    rig.write("projects/p/project.sqlite", b"data")
    rig.write("projects/p/empty", b"")
    (rig.user / "projects/p/link").symlink_to("../../raw/a.mrc")
    result = rig.push()
    assert (result.files, result.failed) == (3, [])
    assert rig.saved() == rig.local()
    again = Rig(tmp_path / "other", rig.space, machine="m2", generation=2)
    again.pull()
    assert again.local() == rig.local()


def test_nothing_to_do(rig: Rig) -> None:
    rig.pull()
    rig.write("a")
    rig.push()
    result = rig.push()
    assert (result.files, result.deleted, result.wrote) == (0, 0, False)


def test_a_change_puts_the_old_version_into_the_trash(rig: Rig) -> None:
    rig.pull()
    rig.write("a", b"one")
    rig.push()
    rig.write("a", b"two", age=10)
    rig.push()
    assert rig.saved() == {"a": b"two"}
    assert list(rig.trash().values()) == [b"one"]


def test_a_deletion_goes_to_the_trash(rig: Rig) -> None:
    rig.pull()
    for n in range(5):
        rig.write(f"f/{n}", str(n))
    rig.push()
    (rig.user / "f/3").unlink()
    assert rig.push().deleted == 1
    assert sorted(rig.saved()) == ["f/0", "f/1", "f/2", "f/4"]
    assert list(rig.trash().values()) == [b"3"]


def test_a_mass_deletion_is_held_and_the_rest_is_saved(rig: Rig) -> None:
    rig.pull()
    for n in range(50):
        rig.write(f"f/{n}", str(n))
    rig.push()
    for n in range(40):
        (rig.user / f"f/{n}").unlink()
    rig.write("new")
    assert rig.push().held == 40
    assert len(rig.saved()) == 51
    assert rig.questions() == ["deletions"]
    rig.answer("deletions", "delete")
    assert rig.push().deleted == 40
    assert len(rig.saved()) == 11
    assert len(rig.trash()) == 40
    assert rig.questions() == []


def test_changed_on_both_sides_is_kept_twice(rig: Rig) -> None:
    rig.pull()
    rig.write("a", b"one")
    rig.push()
    rig.web("a", b"from the web")
    rig.write("a", b"from here", age=10)
    assert rig.push().conflicts == 1
    saved = rig.saved()
    assert saved.pop("a") == b"from here"
    ((name, content),) = saved.items()
    assert name.startswith("a.conflict-") and content == b"from the web"
    rig.scan()
    assert rig.local() == rig.saved()


def test_new_in_the_data_space_is_pulled(rig: Rig) -> None:
    rig.pull()
    rig.web("new/thing", b"x")
    rig.scan()
    assert rig.local() == {"new/thing": b"x"}
    assert rig.push().files == 0


def test_changed_in_the_data_space_alone_replaces_nothing_here(rig: Rig) -> None:
    rig.pull()
    rig.write("a", b"one")
    rig.push()
    rig.web("a", b"edited there")
    assert rig.scan().conflicts == 1
    local = rig.local()
    assert local.pop("a") == b"one"
    assert list(local.values()) == [b"edited there"]
    rig.push()
    assert rig.saved() == rig.local()


def test_deleted_in_the_data_space_is_told_and_saved_again(rig: Rig) -> None:
    rig.pull()
    rig.write("a", b"one")
    rig.push()
    (rig.space / "a").unlink()
    assert rig.scan().lost == 1
    rig.push()
    assert rig.saved() == {"a": b"one"}


def test_seal(rig: Rig) -> None:
    rig.pull()
    rig.write("a/b", b"one")
    made = rig.seal()
    assert (made.files, made.bytes) == (1, 3)
    assert rig.saved() == {"a/b": b"one"}
    assert (rig.state / "seal.json").exists()
    assert (rig.space / ".cloudify-scipion/seal.json").exists()


def test_a_folder_becomes_a_file_and_back(rig: Rig) -> None:
    rig.pull()
    rig.write("x/y", b"inside")
    rig.write("other", b"o")
    rig.push()
    (rig.user / "x/y").unlink()
    (rig.user / "x").rmdir()
    rig.write("x", b"now a file")
    rig.push()
    assert rig.saved() == rig.local()
    (rig.user / "x").unlink()
    rig.write("x/z", b"a folder again")
    rig.push()
    assert rig.saved() == rig.local()
    assert sorted(rig.trash().values()) == [b"inside", b"now a file"]


def test_deleted_by_mistake_comes_back(rig: Rig) -> None:
    rig.pull()
    for n in range(50):
        rig.write(f"f/{n}", str(n))
    (rig.user / "f/link").symlink_to("1")
    rig.push()
    before = rig.local()
    for path in list((rig.user / "f").iterdir()):
        path.unlink()
    (rig.user / "f").rmdir()
    rig.push()
    rig.answer("deletions", "restore")
    rig.push()
    assert rig.local() == rig.saved() == before
    assert rig.questions() == []


def crash(rig: Rig) -> None:
    rig.clock.boot_id = "boot-2"


@pytest.mark.parametrize("remains", [b"", bytes(7)])
def test_emptied_by_a_crash(rig: Rig, remains: bytes) -> None:
    rig.pull()
    rig.write("a", b"content")
    rig.write("b", b"content")
    rig.push()
    crash(rig)
    rig.write("a", remains, age=10)
    rig.write("new", b"new")
    assert rig.push().held == 1
    assert rig.saved() == {"a": b"content", "b": b"content", "new": b"new"}
    assert rig.questions() == ["destroyed"]
    rig.answer("destroyed", "restore")
    rig.push()
    rig.push()
    saved = rig.saved()
    assert saved.pop("a") == remains
    assert sorted(saved.values()) == [b"content", b"content", b"new"]
    assert rig.questions() == [] and rig.local() == rig.saved()


def test_emptied_on_purpose(rig: Rig) -> None:
    rig.pull()
    rig.write("a", b"content")
    rig.push()
    rig.write("a", b"", age=10)
    assert rig.push().held == 0
    assert rig.saved() == {"a": b""}


def test_links_that_the_data_space_has_lost_are_saved_again(rig: Rig, tmp_path: Path) -> None:
    rig.pull()
    (rig.user / "link").symlink_to("nowhere")
    rig.push()
    (rig.space / "link").unlink()
    again = Rig(tmp_path / "other", rig.space, machine="m2", generation=2)
    again.pull()
    assert again.local() == {"link": b"-> nowhere"}
    again.push()
    assert again.saved() == {"link": b"-> nowhere"}
    assert again.verify_all().wrong == []


def test_the_trash_keeps_its_limit_where_the_index_was_lost(rig: Rig, tmp_path: Path) -> None:
    rig.web("original", b"o" * 60)
    rig.pull()
    rig.write("a", b"1" * 60)
    rig.push()
    rig.write("a", b"2" * 60, age=10)
    rig.write("original", b"p" * 60, age=10)
    rig.push()
    assert sorted(rig.trash().values()) == [b"1" * 60, b"o" * 60]
    again = Rig(tmp_path / "other", rig.space, machine="m2", generation=2, trash_bytes=50)
    again.pull()
    again.clock.pass_time(8 * 86_400)
    again.write("b", b"new")
    again.push()
    assert list(again.trash().values()) == [b"o" * 60]


def test_a_stranger_in_the_middle_of_a_push_makes_it_void(rig: Rig, tmp_path: Path) -> None:
    rig.pull()
    rig.write("a", b"1")
    other = Rig(tmp_path / "other", rig.space, machine="m2", generation=2)
    reaper = Reaper()
    taken: list[str] = []

    def take_over(name: str) -> None:
        if name == "rename" and not taken:
            taken.append(name)
            other.pull()

    reaper.before = take_over
    with pytest.raises(LeaseForeign, match="took the data space over"):
        replace(rig, trees=reaper.tree, workers=1).push()
    assert any("does not count" in alarm for alarm in rig.alarms())
