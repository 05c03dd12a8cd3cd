"""Whatever others put in the place of whatever in the data space: what was changed here is kept, theirs comes."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from itertools import product
from pathlib import Path

import pytest

from cloudify_scipion.agent.errors import Unsaved
from tests.unit.agent.restored import differences, restore_from_copy
from tests.unit.agent.rig import Rig, contents, write


def _database(path: Path, word: str) -> None:
    """One that SQLite cannot read, so that its log is saved as it is."""
    write(path, f"no header of {word} ".encode() + bytes(range(1, 200)), age=500)
    write(path.with_name(path.name + "-wal"), b"\x37\x7f\x06\x82" + f"log of {word}".encode(), age=500)


def _folder(path: Path, word: str) -> None:
    for name in ("a", "b/c"):
        write(path / name, f"{name} in {word}", age=500)


KINDS: dict[str, Callable[[Path, str], object]] = {
    "file": lambda path, word: write(path, f"file {word}", age=500),
    "empty": lambda path, word: write(path, b"", age=500),
    "link": lambda path, word: path.symlink_to(f"/data/{word}"),
    "folder": _folder,
    "database": _database,
    "nothing": lambda path, word: None,
}
STATES = "pulled", "saved", "changed", "made"
"""It came from the data space and is as it came, was made here and saved, has been changed since, or is new here."""
CASES = list(product(KINDS, STATES, KINDS))


def gives_way(here: str, there: str) -> bool:
    """Folders stay, and databases with a log for links and folders; an empty file in the place of content is damage."""
    if here == "database":
        return there in ("file", "database")
    return here != "folder" and there != "nothing" and (there, here) not in DAMAGE


DAMAGE = ("empty", "file"), ("empty", "link")


def clear(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    for one in (path, path.with_name(path.name + "-wal")):
        one.unlink(missing_ok=True)


def begin(rig: Rig, here: str, state: str) -> None:
    """What is `here` in that state."""
    if state in ("pulled", "changed"):
        KINDS["file" if state == "changed" else here](rig.space / "it", "old")
    rig.web("others", "others", age=500)
    rig.pull()
    rig.push()
    if state in ("pulled", "changed"):
        assert rig.local() == rig.saved()
    if state == "changed":
        clear(rig.user / "it")
    if state != "pulled":
        KINDS[here](rig.user / "it", "of here")
    if state == "saved":
        rig.push()


@pytest.mark.parametrize(("here", "state", "there"), CASES)
def test_what_comes_in_its_place(new: Rig, here: str, state: str, there: str) -> None:
    begin(new, here, state)
    mine = new.local()
    clear(new.space / "it")
    KINDS[there](new.space / "it", "newer")
    newer = {path: said for path, said in contents(new.space).items() if path.startswith("it")}
    for _ in range(3):
        new.clock.pass_time(1000)
        new.scan()
        new.clock.pass_time(1000)
        new.push()
    everywhere = {*new.local().values(), *new.saved().values()}
    if state != "pulled":
        kept = everywhere | set(new.trash().values()) if state == "saved" else everywhere
        assert {said for said in mine.values() if said} <= kept, "what was changed here is not lost"
    assert {said for said in newer.values() if said} <= everywhere | set(new.trash().values()), "nor what is newer"
    if state == "pulled" and gives_way(here, there):
        assert newer.items() <= new.local().items(), "what was as it had come gives way"
    assert new.local() == new.saved()
    new.seal()
    assert differences(new.user, restore_from_copy(new, new.root.parent / "restored").user) == []


def test_a_folder_that_became_a_file_there(rig: Rig) -> None:
    rig.write("a/deep/x", b"one")
    rig.write("o", b"o")
    rig.push()
    shutil.rmtree(rig.space / "a")
    rig.web("a", b"web")
    rig.write("a/deep/x", b"two", age=10)
    rig.write("a/new/y", b"three")
    rig.write("p", b"p")
    for _ in range(2):
        try:
            rig.push()
        except Unsaved:
            continue
    saved = rig.saved()
    assert {path: saved[path] for path in rig.local()} == rig.local()
    assert b"web" in saved.values()


def test_a_folder_that_became_a_link_there(rig: Rig, tmp_path: Path) -> None:
    rig.write("a/x", b"one")
    rig.write("o", b"o")
    rig.push()
    outside = tmp_path / "outside"
    (rig.space / "a").rename(outside)
    (rig.space / "a").symlink_to(outside)
    rig.write("a/x", b"two", age=10)
    rig.write("a/y", b"three")
    for _ in range(2):
        try:
            rig.push()
        except Unsaved:
            continue
    assert contents(outside) == {"x": b"one"}
    saved = rig.saved()
    assert {path: saved[path] for path in rig.local()} == rig.local()


def test_a_file_that_became_a_folder_there(rig: Rig) -> None:
    rig.write("a", b"one")
    rig.write("o", b"o")
    rig.push()
    (rig.space / "a").unlink()
    rig.web("a/inside", b"web")
    for _ in range(3):
        for work in (rig.scan, rig.push):
            try:
                work()
            except Unsaved:
                continue
    saved = rig.saved()
    assert saved["a"] == b"one"
    assert b"web" in saved.values()
    assert saved == rig.local()


def test_a_lost_index_and_a_file_where_a_folder_was(rig: Rig, tmp_path: Path) -> None:
    rig.write("x/y/z", b"inside")
    rig.write("keep", b"k")
    rig.push()
    shutil.rmtree(rig.user / "x")
    rig.write("x", b"a file")
    shutil.rmtree(rig.state)
    again = Rig(rig.root, rig.space, machine="m2", generation=2)
    again.pull()
    again.push()
    again.scan()
    assert again.local()["x"] == again.saved()["x"] == b"a file"
    assert b"inside" in again.saved().values()
    again.push()
    assert again.saved() == again.local()


def test_a_link_that_was_changed_there(rig: Rig) -> None:
    (rig.user / "link").symlink_to("first")
    (rig.user / "mine").symlink_to("first")
    rig.push()
    rig.scan()
    (rig.space / "link").unlink()
    (rig.space / "link").symlink_to("there")
    (rig.user / "mine").unlink()
    (rig.user / "mine").symlink_to("here")
    assert rig.scan().conflicts == 1
    rig.push()
    assert rig.saved() == rig.local()
    assert sorted(rig.saved().values()) == [b"-> first", b"-> here", b"-> there"]
    assert rig.scan().conflicts == 0
    rig.push()
    assert rig.scan().conflicts == 0
    assert rig.push().wrote is False
