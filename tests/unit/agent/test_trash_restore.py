"""Getting a file back from the trash by one command."""

from __future__ import annotations

import errno
import itertools
import json
import os
import shutil
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from cloudify_scipion.agent import status, trash_list
from cloudify_scipion.agent.cli import main
from cloudify_scipion.agent.commands.answer import take_answers
from cloudify_scipion.agent.ports.tree import Tree
from tests.unit.agent.faults import Killed, Reaper
from tests.unit.agent.rig import Rig

HOUR = 3600.0


def change(rig: Rig, path: str, content: bytes | str) -> None:
    rig.write(path, content, age=10)
    rig.push()


def delete(rig: Rig, path: str) -> None:
    (rig.user / path).unlink()
    rig.push()


def command(rig: Rig, *words: str) -> int:
    """Type it, with the lists that the last work has left."""
    file = rig.root / "config.json"
    file.write_text(json.dumps(rig.document()))
    status.write_summary(rig.config(), {})
    return main(["--config", str(file), "trash", *words])


def restore(rig: Rig, *words: str) -> dict[str, bytes]:
    """Type it, and let the save do it that begins then; returns what has come."""
    before = rig.local()
    assert command(rig, "restore", *words) == 0
    with rig.world() as world:
        take_answers(rig.config(), world)
    rig.push()
    assert rig.saved() == rig.local()
    return {path: content for path, content in rig.local().items() if before.get(path) != content}


@pytest.fixture
def kept(rig: Rig) -> Rig:
    """Two earlier versions of one file, and one that was deleted."""
    rig.write("other")
    for content in ("one", "two", "three"):
        change(rig, "Runs/a b", content)
        rig.clock.pass_time(HOUR)
    change(rig, "gone/b", "deleted")
    delete(rig, "gone/b")
    (rig.user / "gone").rmdir()
    rig.push()
    return rig


def test_everybody_sees_the_latest_and_root_sees_all(
    kept: Rig, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trash_list, "LISTED", 1)
    assert command(kept, "list") == 0
    assert "3 of 3 versions" in capsys.readouterr().out
    index = kept.state / "index.sqlite"
    index.rename(index.with_name("hidden"))  # only root may look there
    assert command(kept, "list") == 0
    said = capsys.readouterr().out
    assert "gone/b" in said and "1 of 3 versions" in said


def test_the_list(kept: Rig, capsys: pytest.CaptureFixture[str]) -> None:
    assert command(kept, "list", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert [(one["path"], one["why"], one["bytes"], one["of"]) for one in found] == [
        ("gone/b", "deleted", 7, "project"), ("Runs/a b", "replaced", 3, "project"),
        ("Runs/a b", "replaced", 3, "project"),
    ]  # fmt: skip
    assert all((kept.space / ".cloudify-scipion/trash" / one["name"]).is_file() for one in found)
    command(kept, "list", "Runs/*")
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3 and all("Runs/a b" in line for line in lines[:2]) and "2 of 3 versions" in lines[2]
    command(kept, "list", "gone")
    assert len(capsys.readouterr().out.splitlines()) == 2


def test_who_may_not_read_the_index_has_the_list_of_the_last_work(
    kept: Rig, capsys: pytest.CaptureFixture[str]
) -> None:
    command(kept, "list")
    said = capsys.readouterr().out
    kept.state.rename(kept.root / "aside")
    assert main(["--config", str(kept.root / "config.json"), "trash", "list"]) == 0
    assert capsys.readouterr().out == said


def test_what_was_deleted_comes_back_under_its_name_and_is_saved_again(kept: Rig) -> None:
    assert restore(kept, "gone/b") == {"gone/b": b"deleted"}
    assert b"deleted" in kept.trash().values(), "a copy: nothing leaves the trash by that"


def test_an_earlier_version_comes_back_beside_the_present_one(kept: Rig) -> None:
    ((name, content),) = restore(kept, str(kept.user / "Runs/a b")).items()
    assert name.startswith("Runs/a b.restored-") and content == b"two", "the latest"
    assert kept.local()["Runs/a b"] == b"three"


def test_a_version_is_chosen_by_its_number_or_its_name(kept: Rig, capsys: pytest.CaptureFixture[str]) -> None:
    command(kept, "list", "Runs/a b", "--json")
    oldest = json.loads(capsys.readouterr().out)[-1]
    assert list(restore(kept, "Runs/a b", "--version", str(oldest["version"])).values()) == [b"one"]
    again = restore(kept, oldest["name"])
    assert list(again.values()) == [b"one"] and list(again)[0].endswith("-2"), "nothing is replaced"


def test_what_is_not_there(kept: Rig, capsys: pytest.CaptureFixture[str]) -> None:
    assert command(kept, "restore", "nothing") == 2
    assert command(kept, "restore", "Runs/a b", "--version", "99") == 2
    assert "see: scipion-data trash list" in capsys.readouterr().err


def test_what_somebody_has_taken_out_of_the_trash_is_told(kept: Rig) -> None:
    command(kept, "restore", "gone/b")
    shutil.rmtree(kept.space / ".cloudify-scipion/trash")
    with kept.world() as world:
        take_answers(kept.config(), world)
    kept.push()
    assert any("gone/b cannot be brought back from the trash: it is not in the trash" in one for one in kept.alarms())
    kept.push()
    assert len(kept.alarms()) == 1, "asked for no more"


def test_what_does_not_fit_the_volume_is_told_and_all_else_is_saved(kept: Rig) -> None:
    class Full(Tree):
        def room(self) -> tuple[int, int]:
            return 50_000_001, 10**9

    command(kept, "restore", "gone/b")
    with kept.world() as world:
        take_answers(kept.config(), world)
    kept.write("new")
    full = replace(kept, trees=lambda path: Full(path) if path == str(kept.user) else Tree(path))
    full.push()
    assert "new" in kept.saved() and "gone/b" not in kept.local()
    assert any("it has 7 B, and the volume 1 B left" in one for one in kept.alarms())


def test_a_file_stands_where_its_folder_was(kept: Rig) -> None:
    kept.write("gone", "in the way")
    ((name, content),) = restore(kept, "gone/b").items()
    assert content == b"deleted" and name.startswith("gone%2Fb.restored-")


@pytest.mark.parametrize("path", ["w\n\udcff", "ü~2", "a/" + "n" * 250, "d/~link"])
def test_odd_names(rig: Rig, path: str) -> None:
    rig.write("other")
    change(rig, path, "odd")
    delete(rig, path)
    with rig.world() as world:
        (found,) = world.index.trash.latest()
    assert found.path == os.fsencode(path)
    assert restore(rig, path) == {path: b"odd"}


class Plain(Tree):
    """A data space without symbolic links and odd names."""

    def symlink(self, target: bytes, path: bytes) -> None:
        raise OSError(errno.EPERM, "no links", path)

    def create(self, path: bytes, mode: int = 0o600) -> int:
        if any(byte < 32 or byte > 127 for byte in path):
            raise OSError(errno.EINVAL, "no such names", path)
        return super().create(path, mode)


@pytest.mark.parametrize("path", ["link", "w\n/link"])
@pytest.mark.parametrize("plain", [False, True])
def test_symbolic_links(new: Rig, path: str, plain: bool) -> None:
    """Also where only the manifest had them."""
    rig = replace(new, trees=lambda where: Plain(where) if plain and where == str(new.space) else Tree(where))
    rig.pull()
    rig.write("other")
    (rig.user / path).parent.mkdir(exist_ok=True)
    (rig.user / path).symlink_to("/data/raw")
    rig.push()
    (rig.user / path).unlink()
    rig.push()
    assert command(rig, "restore", path) == 0
    with rig.world() as world:
        take_answers(rig.config(), world)
    rig.push()
    assert rig.local()[path] == b"-> /data/raw"


def test_a_name_that_the_data_space_cannot_hold(new: Rig) -> None:
    rig = replace(new, trees=lambda where: Plain(where) if where == str(new.space) else Tree(where))
    rig.pull()
    rig.write("other")
    change(rig, "w\n", "odd")
    delete(rig, "w\n")
    assert command(rig, "restore", "w\n") == 0
    with rig.world() as world:
        take_answers(rig.config(), world)
    rig.push()
    assert rig.local()["w\n"] == b"odd"


def test_a_database_never_comes_back_beside_what_belongs_to_another(rig: Rig) -> None:
    """SQLite would replay an old -wal or -journal over it."""
    rig.write("other")
    path = rig.user / "a.sqlite"
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE t(x)")
    database.close()
    rig.push()
    path.unlink()
    rig.push()
    (rig.user / "a.sqlite-journal").write_bytes(b"of another")
    assert command(rig, "restore", "a.sqlite") == 0
    with rig.world() as world:
        take_answers(rig.config(), world)
    rig.push()
    assert not path.exists()
    (back,) = rig.user.glob("a.sqlite.restored-*")
    assert sqlite3.connect(back).execute("SELECT count(*) FROM t").fetchone() == (0,)


def test_where_the_index_was_lost_the_names_in_the_trash_tell(kept: Rig, tmp_path: Path) -> None:
    other = Rig(tmp_path / "other", kept.space, machine="m2", generation=2)
    other.pull()
    assert restore(other, "gone/b") == {"gone/b": b"deleted"}


def test_no_request_leads_elsewhere(kept: Rig) -> None:
    secret = kept.space / "secret"
    secret.write_bytes(b"not in the trash")
    folder = kept.root / "run/requests"
    for number, name in enumerate(("../../secret", "/etc/passwd", "", "kept/../../../secret", "a" * 5000)):
        (folder / f"restore-{number}").write_text(name)
    (folder / "restore-9").symlink_to("/etc/passwd")
    before = kept.local()
    with kept.world() as world:
        take_answers(kept.config(), world)
    kept.push()
    assert kept.local() == before and not list(folder.iterdir())


def test_a_wish_outlives_a_kill_at_every_write(tmp_path: Path) -> None:
    """Also one that dies between what it takes from the folder of requests and what it keeps."""
    for at in itertools.count(1):
        rig = Rig(tmp_path / f"{at}", tmp_path / f"space-{at}", workers=1)
        rig.pull()
        rig.write("other")
        change(rig, "gone/b", "deleted")
        delete(rig, "gone/b")
        assert command(rig, "restore", "gone/b") == 0
        reaper = Reaper(at)
        dying = replace(rig, trees=reaper.tree, indexes=reaper.index)
        try:
            with dying.world() as world:
                take_answers(rig.config(), world)
            dying.push()
        except Killed:
            with rig.world() as world:
                take_answers(rig.config(), world)
            rig.push()
            assert b"deleted" in rig.local().values(), f"killed at write {at}"
            assert rig.saved() == rig.local(), f"killed at write {at}"
            assert b"deleted" in rig.trash().values(), f"killed at write {at}"
            assert not list((rig.state / "tmp").iterdir()), f"killed at write {at}"
            assert not list((rig.root / "run/requests").iterdir()), f"killed at write {at}"
            continue
        assert at > 5
        return
