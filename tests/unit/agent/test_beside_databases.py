"""What lies beside a database in the data space: never anything that SQLite would replay or roll back there."""

from __future__ import annotations

import itertools
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from cloudify_scipion.agent import status
from cloudify_scipion.agent.plan.names import base_of, conflict_name, path_in_trash, trash_name
from tests.unit.agent.faults import Killed, Reaper
from tests.unit.agent.rig import Rig, contents, write
from tests.unit.agent.sqlite_files import ENDS, another, begin, beside, connect, count, encrypted, fill, left


def facilitys(rig: Rig, folder: Path, end: str) -> None:
    """The facility's data hold a database with what its program has left beside it."""
    rig.space.mkdir(exist_ok=True)
    left(folder, rig.space, "db", end)
    for path in rig.space.glob("db*"):
        write(path, path.read_bytes(), 9000)


@pytest.mark.parametrize("end", ["-wal", "-journal"])
def test_a_pair_of_the_facility_comes_together_and_becomes_one_file(new: Rig, tmp_path: Path, end: str) -> None:
    facilitys(new, tmp_path, end)
    originals = new.saved()
    new.pull()
    assert new.local() == originals
    assert new.push().files == 0, "nothing was changed"
    assert new.saved() == originals
    database = connect(new.user / "db")
    fill(database, "new", 100)
    wanted = database.execute("SELECT count(*) FROM t").fetchone()[0]
    for _ in range(5):
        new.push()
    assert beside(new.space, "db") == []
    assert count(new.space / "db") == wanted
    assert set(originals.values()) <= set(new.trash().values())
    assert new.verify_all().wrong == []
    database.close()
    new.seal()
    assert count(another(new, tmp_path / "other").user / "db") == wanted


def test_a_new_database_is_not_saved_before_it_has_a_header(rig: Rig, tmp_path: Path) -> None:
    rig.write("other", b"other")
    database = connect(rig.user / "db")
    begin(database)
    for _ in range(5):
        assert rig.push().busy == 1
        assert list(rig.saved()) == ["other"]
    with rig.world() as world:
        assert world.index.unsaved() == 1
    database.execute("COMMIT")
    rig.push()
    assert sorted(rig.saved()) == ["db", "other"]
    assert count(rig.space / "db") == 400
    database.close()


def dies_in_its_first_transaction(folder: Path, rig: Rig) -> None:
    """What such a program leaves: a file without a header, and a journal."""
    database = connect(folder / "db")
    begin(database)
    for path in folder.glob("db*"):
        shutil.copy(path, rig.user / path.name)
    database.close()


@pytest.mark.parametrize("pushed", [0, 5])
def test_a_new_database_whose_writer_died_can_be_sealed(rig: Rig, tmp_path: Path, pushed: int) -> None:
    dies_in_its_first_transaction(tmp_path, rig)
    before = rig.local()
    for _ in range(pushed):
        rig.push()
    rig.seal()
    assert rig.saved() == rig.local() == before
    assert another(rig, tmp_path / "other").local() == before


def test_a_new_database_whose_writer_died_is_saved_as_it_is_after_three_times(rig: Rig, tmp_path: Path) -> None:
    dies_in_its_first_transaction(tmp_path, rig)
    assert [rig.push().busy for _ in range(4)] == [1, 1, 1, 0]
    assert rig.saved() == rig.local()
    assert rig.verify_all().wrong == []
    database = connect(rig.user / "db")
    fill(database, "from the beginning")
    database.close()
    rig.push()
    assert (beside(rig.space, "db"), count(rig.space / "db")) == ([], 50)


def test_one_that_somebody_has_open_is_named(rig: Rig) -> None:
    database = connect(rig.user / "db")
    begin(database)
    for _ in range(5):
        assert rig.push().busy == 1
    status.write_summary(rig.config(), {})
    told = status.document(rig.config())
    assert told["busy"] == ["db"]
    assert "still being written: db" in status.lines(told)
    database.close()


@pytest.mark.parametrize("mode", ["delete", "persist", "truncate", "wal"])
@pytest.mark.parametrize("held", [False, True])
def test_the_first_transaction_met_by_pushes(rig: Rig, tmp_path: Path, mode: str, held: bool) -> None:
    for number in range(30):
        rig.write(f"k/{number}")
    rig.push()
    database = connect(rig.user / "db", mode)
    begin(database)
    rig.push()
    database.execute("COMMIT")
    fill(database, "RESULT")
    if held:
        shutil.rmtree(rig.user / "k")
    for _ in range(4):
        rig.push()
    assert rig.questions() == (["deletions"] if held else [])
    assert (beside(rig.space, "db"), count(rig.space / "db")) == ([], 450)
    database.close()


def old_pair(folder: Path, end: str) -> Rig:
    """What lies beside the database in the data space is of an earlier time; the next push replaces the database."""
    rig = Rig(folder / "volume", folder / "space", workers=1)
    facilitys(rig, folder, end)
    rig.pull()
    database = connect(rig.user / "db")
    fill(database, "new", 100)
    database.close()
    return rig


@pytest.mark.long
@pytest.mark.parametrize("end", ["-wal", "-journal"])
def test_killed_anywhere_nothing_is_replayed(tmp_path: Path, end: str) -> None:
    for at in itertools.count(1):
        folder = tmp_path / "killed"
        shutil.rmtree(folder, ignore_errors=True)
        rig = old_pair(folder, end)
        old, new = count(rig.space / "db"), count(rig.user / "db")
        reaper = Reaper(at)
        try:
            for _ in range(4):
                replace(rig, trees=reaper.tree, indexes=reaper.index).push()
        except Killed:
            pass
        else:
            assert at > 20
            return
        if (rig.space / "db").exists():
            without = 10 if end == "-wal" else old  # what was in the log is in the trash meanwhile
            assert count(rig.space / "db") in (old, new, without), f"at {at}"
        for _ in range(4):
            rig.push()
        assert (beside(rig.space, "db"), count(rig.space / "db")) == ([], new), f"at {at}"


@pytest.mark.parametrize("end", ENDS)
def test_what_a_stranger_puts_beside_a_database_is_moved_away(rig: Rig, tmp_path: Path, end: str) -> None:
    fill(connect(rig.user / "db"), "mine")
    rig.push()
    left(tmp_path, tmp_path, "db", "-wal" if end != "-journal" else end)
    data = b"\x18\xe2\x2d\x00 shared" if end == "-shm" else (tmp_path / f"db{end}").read_bytes()
    rig.web(f"db{end}", data)
    assert [path for path, _ in rig.verify_all().wrong] == [b"db"]
    with pytest.raises(Exception, match="db"), rig.world() as world:
        from cloudify_scipion.agent.commands.works import WORKS

        WORKS["verify"](world)
    rig.push()
    assert (beside(rig.space, "db"), count(rig.space / "db")) == ([], 50)
    assert data in contents(rig.space, hidden=True).values()
    assert rig.verify_all().wrong == []
    rig.scan()
    assert beside(rig.user, "db") == []


@pytest.mark.parametrize("end", ["-wal", "-journal"])
def test_a_scan_does_not_bring_it_beside_the_database_here(rig: Rig, tmp_path: Path, end: str) -> None:
    fill(connect(rig.user / "db"), "mine")
    rig.push()
    left(tmp_path, tmp_path, "db", end)
    data = (tmp_path / f"db{end}").read_bytes()
    rig.web(f"db{end}", data)
    rig.scan()
    assert (beside(rig.space, "db"), beside(rig.user, "db"), count(rig.user / "db")) == ([], [], 50)
    assert data in rig.local().values() and data in rig.saved().values()
    assert [text for text in rig.alarms() if f"db{end}" in text]


def test_a_strangers_database_is_kept_with_what_belongs_to_it(rig: Rig, tmp_path: Path) -> None:
    fill(connect(rig.user / "db"), "mine")
    rig.push()
    fill(connect(rig.user / "db"), "more")
    left(tmp_path, rig.space, "db", "-wal")
    rig.push()
    assert (beside(rig.space, "db"), count(rig.space / "db")) == ([], 100)
    (name,) = [name for name in rig.saved() if ".conflict-" in name and not name.endswith("-wal")]
    assert count(rig.space / name) == 20
    rig.scan()
    assert count(rig.user / name) == 20


def test_a_strangers_new_database_comes_with_what_belongs_to_it_beside_ours(rig: Rig, tmp_path: Path) -> None:
    fill(connect(rig.user / "db"), "mine")
    rig.push()
    left(tmp_path, rig.space, "db", "-wal")
    rig.scan()
    assert (count(rig.user / "db"), beside(rig.user, "db")) == (50, [])
    (name,) = [name for name in rig.local() if ".conflict-" in name and not name.endswith("-wal")]
    assert count(rig.user / name) == 20


@pytest.mark.parametrize("end", ["-wal", "-journal"])
def test_a_new_machine_does_not_take_what_a_stranger_has_put_beside_ours(rig: Rig, tmp_path: Path, end: str) -> None:
    fill(connect(rig.user / "db"), "mine")
    rig.push()
    left(tmp_path, tmp_path, "db", end)
    rig.web(f"db{end}", (tmp_path / f"db{end}").read_bytes())
    other = another(rig, tmp_path / "other")
    assert (count(other.user / "db"), beside(other.user, "db"), beside(rig.space, "db")) == (50, [], [])
    assert (tmp_path / f"db{end}").read_bytes() in other.local().values()


@pytest.mark.parametrize("end", ["-wal", "-journal"])
def test_a_database_does_not_come_beside_what_another_one_has_left_here(rig: Rig, tmp_path: Path, end: str) -> None:
    left(tmp_path, rig.user, "db", end)
    (rig.user / "db").unlink()
    before = rig.local()
    fill(connect(tmp_path / "there"), "there")
    rig.web("db", (tmp_path / "there").read_bytes())
    rig.scan()
    assert {name: rig.local().get(name) for name in before} == before
    assert not (rig.user / "db").exists()
    (name,) = [name for name in rig.local() if ".conflict-" in name]
    assert count(rig.user / name) == 50


@pytest.mark.parametrize("end", ["-wal", "-journal"])
@pytest.mark.parametrize("stranger", [False, True])
def test_with_a_deleted_database_goes_what_lies_beside_it(new: Rig, tmp_path: Path, end: str, stranger: bool) -> None:
    facilitys(new, tmp_path, end)
    if stranger:
        data = (new.space / f"db{end}").read_bytes()
        (new.space / f"db{end}").unlink()
    new.write("other", b"other")
    new.pull()
    new.push()
    if stranger:
        new.web(f"db{end}", data)
    for path in new.user.glob("db*"):
        path.unlink()
    new.push()
    assert not [name for name in new.saved() if name.startswith("db") and ".conflict-" not in name]
    assert len([name for name in new.saved() if ".conflict-" in name]) == int(stranger)


@pytest.mark.parametrize("plain", [32, 0])
def test_what_sqlite_cannot_read_is_saved_with_what_lies_beside_it(rig: Rig, tmp_path: Path, plain: int) -> None:
    """Encrypted, with a header in the clear or without one."""
    database = connect(tmp_path / "db", "wal")
    fill(database, "old")
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    fill(database, "PRECIOUS")
    for name in ("db", "db-wal"):
        write(rig.user / name, encrypted((tmp_path / name).read_bytes(), plain if name == "db" else 32), 3600)
    for _ in range(4):  # it looks as if its writer had died
        rig.push()
    assert rig.saved() == rig.local()
    assert rig.push().files == 0
    fill(database, "MORE")
    write(rig.user / "db-wal", encrypted((tmp_path / "db-wal").read_bytes(), 32), 60)
    rig.push()
    assert rig.saved() == rig.local()
    assert rig.verify_all().wrong == []
    rig.seal()
    assert another(rig, tmp_path / "other").local() == rig.local()
    rig = replace(rig, generation=3)
    rig.pull()
    (rig.user / "db-wal").unlink()
    rig.push()
    assert rig.saved() == rig.local(), "its program has written it back"


def test_a_renamed_database(rig: Rig, tmp_path: Path) -> None:
    """What stays under the old name is somebody's file; what lies under the new name there is not taken for its own."""
    database = connect(rig.user / "db")
    fill(database, "mine")
    database.close()
    rig.push()
    left(tmp_path, tmp_path, "new", "-wal")
    rig.web("new-wal", (tmp_path / "new-wal").read_bytes())
    (rig.user / "db").rename(rig.user / "new")
    rig.push()
    assert (beside(rig.space, "new"), count(rig.space / "new")) == ([], 50)
    assert not (rig.space / "db").exists()


def test_a_database_in_the_place_of_a_file_and_the_other_way_round(rig: Rig) -> None:
    rig.write("a", b"text")
    fill(connect(rig.user / "b"), "mine")
    rig.push()
    (rig.user / "a").unlink()
    (rig.user / "b").unlink()
    database = connect(rig.user / "a", "wal")
    fill(database, "mine")
    rig.write("b", b"text", age=10)
    rig.write("b-journal", b"notes", age=10)
    rig.push()
    assert rig.saved()["b"] == b"text" and rig.saved()["b-journal"] == b"notes"
    assert (beside(rig.space, "a"), count(rig.space / "a")) == ([], 50)
    database.close()


@pytest.mark.parametrize("end", ENDS)
def test_folders_and_links_of_such_names_are_somebodys_own(rig: Rig, end: str) -> None:
    for name in "ab":
        fill(connect(rig.root / name, "delete"), "mine")
        (rig.root / name).rename(rig.user / name)
    (rig.user / f"a{end}").mkdir()
    rig.write(f"a{end}/inside", b"inside")
    (rig.user / f"b{end}").symlink_to("nowhere")
    for _ in range(4):
        rig.push()
    saved = rig.saved()
    assert saved[f"a{end}/inside"] == b"inside" and saved[f"b{end}"] == b"-> nowhere"
    assert "a" in saved and "b" in saved
    rig.seal()


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("name", ["db", "folder/db", "n" * 250, "-wal"])
def test_names_that_we_give_belong_to_no_database(end: str, name: str) -> None:
    path = f"{name}{end}".encode()
    for given in (trash_name(path), trash_name(path, 2), conflict_name(path, "20260102T030405Z")):
        assert not base_of(given)
    assert path_in_trash(trash_name(b"folder/db" + end.encode())) == b"folder/db" + end.encode()
