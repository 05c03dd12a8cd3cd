"""What is compared after a restore is seen: the histories and others rely on it."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.unit.agent.restored import differences, restore, restore_from_copy
from tests.unit.agent.rig import Rig, write


def database(path: Path, *rows: str, mode: str = "delete") -> None:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA journal_mode={mode}")
        connection.execute("CREATE TABLE IF NOT EXISTS rows (text)")
        connection.executemany("INSERT INTO rows VALUES (?)", [(row,) for row in rows])
        connection.commit()


@pytest.fixture
def both(tmp_path: Path) -> tuple[Path, Path]:
    """A volume and its exact restore."""
    one, other = tmp_path / "volume", tmp_path / "restored"
    write(one / "file", b"content", 60).chmod(0o640)
    os.link(one / "file", one / "name")
    (one / "link").symlink_to("file")
    (one / "empty" / "inside").mkdir(parents=True)
    database(one / "data", "row")
    shutil.copytree(one, other, symlinks=True)
    (other / "name").unlink()
    os.link(other / "file", other / "name")
    return one, other


def again(path: Path, make: Callable[[Path], object]) -> None:
    path.unlink()
    make(path)


CHANGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "gone": (lambda tree: (tree / "link").unlink(), "'link' is only in the volume"),
    "new": (lambda tree: (tree / "more").mkdir(), "'more' is only in the restore"),
    "no empty folder": (lambda tree: (tree / "empty" / "inside").rmdir(), "'empty/inside' is only in the volume"),
    "kind": (lambda tree: again(tree / "link", lambda path: path.mkdir()), "'link' is of another kind"),
    "target": (lambda tree: again(tree / "link", lambda path: path.symlink_to("x")), "'link' points to x"),
    "mode": (lambda tree: (tree / "file").chmod(0o644), "'file' has mode 100644 instead of 100640"),
    "folder's mode": (lambda tree: (tree / "empty").chmod(0o770), "'empty' has mode 40770"),
    "time": (lambda tree: os.utime(tree / "file", ns=(1, 1)), "'file' has the time 1 instead"),
    "content": (lambda tree: (tree / "file").write_bytes(b"other"), "'file' has the content b'other'"),
    "names": (lambda tree: again(tree / "name", lambda path: shutil.copy2(tree / "file", path)), "one file on one"),
    "rows": (lambda tree: database(tree / "data", "more"), "'data' reads"),
}  # fmt: skip


@pytest.mark.parametrize("name", CHANGES)
def test_a_difference_is_seen(name: str, both: tuple[Path, Path]) -> None:
    change, text = CHANGES[name]
    assert differences(*both) == []
    change(both[1])
    assert any(text in found for found in differences(*both)), differences(*both)


def test_what_a_writer_has_beside_its_database_counts(both: tuple[Path, Path]) -> None:
    with contextlib.closing(sqlite3.connect(both[0] / "data")) as writer:
        writer.execute("PRAGMA journal_mode=wal")
        writer.execute("INSERT INTO rows VALUES ('of the wal')")
        writer.commit()
        assert any("'data' reads" in found for found in differences(*both))
        with contextlib.closing(sqlite3.connect(both[1] / "data")) as saved:
            writer.backup(saved)
        shutil.copystat(both[0] / "data", both[1] / "data")
        assert differences(*both) == []


def test_a_file_of_such_a_name_that_is_none_of_sqlites_counts(both: tuple[Path, Path]) -> None:
    write(both[0] / "data-wal", b"of the user")
    assert differences(*both) == ["'data-wal' is only in the volume"]


def test_a_restore_by_the_agent(rig: Rig, tmp_path: Path) -> None:
    rig.write("a/b")
    (rig.user / "empty").mkdir()
    rig.push()
    for new in (restore_from_copy(rig, tmp_path / "copied"), restore(rig, tmp_path / "new")):
        assert differences(rig.user, new.user) == []
    rig.write("later")
    assert differences(rig.user, new.user) == ["'later' is only in the volume"]


def test_modes_of_folders_come_back_whatever_the_umask(rig: Rig, tmp_path: Path) -> None:
    (rig.user / "of a group" / "inside").mkdir(parents=True)
    for folder in ("of a group", "of a group/inside"):
        (rig.user / folder).chmod(0o777)
    rig.push()
    old = os.umask(0o077)
    try:
        assert differences(rig.user, restore(rig, tmp_path / "new").user) == []
    finally:
        os.umask(old)
