"""SQLite files while others write to them, or have died in the middle of it; and files that only look like it."""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest

from cloudify_scipion.agent.ports.databases.beside import HEADER
from cloudify_scipion.agent.ports.databases.copying import Limits
from cloudify_scipion.agent.ports.databases.locking import LeftBehind, Locked, Unreadable
from cloudify_scipion.agent.ports.databases.pool import POOL, NoScratch, Pool
from cloudify_scipion.agent.ports.tree import Tree
from tests.unit.agent.rig import Rig


def make(path: Path, mode: str = "delete", rows: int = 3) -> sqlite3.Connection:
    path.parent.mkdir(parents=True, exist_ok=True)
    database = sqlite3.connect(path, isolation_level=None)
    database.execute(f"PRAGMA journal_mode={mode}")
    database.execute("CREATE TABLE IF NOT EXISTS t(x)")
    for n in range(rows):
        database.execute("INSERT INTO t VALUES (?)", (n,))
    return database


def rows(path: Path) -> int:
    """Opened as it lies in the data space, without anything beside it."""
    copy = Path(tempfile.mkdtemp(), "opened")
    shutil.copy(path, copy)
    with closing(sqlite3.connect(copy)) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        count = database.execute("SELECT count(*) FROM t").fetchone()[0]
    shutil.rmtree(copy.parent)
    return int(count)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def point(rig: Rig, path: str) -> int:
    with rig.world() as world:
        row = world.index.files.get(path.encode())
        assert row is not None
        return row.point


def test_a_database_in_wal_mode_that_nobody_has_open(rig: Rig) -> None:
    """SQLite would make files beside it, which belong to the agent: its user could not open it any more."""
    make(rig.user / "db", "wal").close()
    assert names(rig.user) == ["db"]
    assert rig.push().files == 1
    assert names(rig.user) == ["db"]
    assert rows(rig.space / "db") == 3
    assert point(rig, "db") == 0
    assert rig.push().files == 0


def test_a_live_writer_in_wal_mode(rig: Rig) -> None:
    writer = make(rig.user / "db", "wal")
    rig.push()
    assert rows(rig.space / "db") == 3
    writer.execute("INSERT INTO t VALUES (9)")
    rig.push()
    assert rows(rig.space / "db") == 4
    assert names(rig.space)[1:] == ["db"]
    assert (rig.push().files, point(rig, "db")) == (0, 0), "nothing has changed, though the journal is there"
    writer.close()


def dead(rig: Rig, mode: str) -> None:
    """What a killed writer leaves: a journal that is hot."""
    aside = rig.root / "aside"
    writer = make(aside / "db", mode)
    if mode == "wal":
        writer.execute("INSERT INTO t VALUES (9)")
    else:
        writer.execute("PRAGMA cache_size=1")
        writer.execute("PRAGMA cache_spill=1")
        writer.execute("BEGIN")
        for n in range(5000):
            writer.execute("INSERT INTO t VALUES (?)", (f"{n:0100}",))
    for path in aside.iterdir():
        if not path.name.endswith("-shm"):
            shutil.copy(path, rig.user / path.name)
    writer.close()


def test_a_dead_writer_in_wal_mode_can_be_sealed(rig: Rig) -> None:
    dead(rig, "wal")
    before = rig.local()
    for _ in range(5):
        rig.push()
    assert rows(rig.space / "db") == 4
    assert rig.seal().files == 1
    assert rig.local() == before


def test_a_hot_journal_can_be_sealed(rig: Rig) -> None:
    dead(rig, "delete")
    assert (rig.user / "db-journal").stat().st_size > 1000
    before = rig.local()
    for _ in range(5):
        rig.push()
    assert rows(rig.space / "db") == 3
    assert rig.seal().files == 1
    assert rig.local() == before
    assert rows(rig.space / "db") == 3


def test_names_that_only_look_like_journals(rig: Rig) -> None:
    make(rig.user / "db").close()
    for end in ("-wal", "-journal", "-shm"):
        rig.write(f"db{end}", b"my own notes")
        rig.write(f"text{end}", b"more of them")
    (rig.user / "db2").write_bytes((rig.user / "db").read_bytes())
    (rig.user / "db2-journal").symlink_to("nowhere")
    rig.write("empty", b"")
    rig.write("empty-wal", b"x")
    for _ in range(4):  # SQLite itself stumbles over the first
        rig.push()
    saved = rig.saved()
    assert saved.pop("db") and saved.pop("db2")
    local = rig.local()
    assert saved == {path: local[path] for path in local if path not in ("db", "db2")}
    rig.seal()


@pytest.mark.parametrize(
    "name", ["a?b", "a#b", "a%20b", "a%", "a\nb", "a'b", "a;b", " a", "ü", "a&mode=rwc", "x" * 100]
)
def test_names(rig: Rig, name: str) -> None:
    make(rig.user / name / name).close()
    make(rig.user / name / "wal", "wal").close()
    assert rig.push().files == 2
    assert point(rig, f"{name}/{name}") == 0
    assert rows(rig.space / name / name) == rows(rig.space / name / "wal") == 3


def test_names_that_are_no_text(rig: Rig) -> None:
    name = os.fsdecode(b"\xff\xfe")
    make(rig.user / "plain").close()
    (rig.user / "plain").rename(rig.user / name)
    assert rig.push().files == 1
    assert rows(rig.space / name) == 3


def test_longer_paths_than_sqlite_opens(rig: Rig) -> None:
    deep = "/".join("n" * 100 for _ in range(8))
    make(rig.root / "db").close()
    (rig.user / deep).mkdir(parents=True)
    (rig.root / "db").rename(rig.user / deep / "db")
    assert rig.push().files == 1
    assert rows(rig.space / deep / "db") == 3
    assert point(rig, f"{deep}/db") == 0


def test_not_quite_databases(rig: Rig) -> None:
    rig.write("cut", HEADER)
    rig.write("garbage", HEADER + bytes(range(256)) * 40)
    make(rig.root / "db").close()
    whole = (rig.root / "db").read_bytes()
    rig.write("short", whole[:5000])
    for _ in range(5):
        rig.push()
    assert rig.saved() == rig.local()
    rig.seal()
    assert rig.saved() == rig.local()


def test_a_thousand(rig: Rig) -> None:
    make(rig.root / "db").close()
    for n in range(1000):
        shutil.copy(rig.root / "db", rig.user / f"{n}")
    rig.workers = 8
    assert rig.push().files == 1000
    assert all(rows(rig.space / f"{n}") == 3 for n in range(0, 1000, 100))
    assert not list((rig.state / "tmp").iterdir())


def test_no_room_for_the_copy_on_the_volume(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full volume is no full data space: the rest is saved, and a quiet database as well."""

    def full(*_: object) -> None:
        raise NoScratch(28, "No space left on device")

    monkeypatch.setattr(Pool, "_ask", full)
    make(rig.user / "db").close()
    rig.write("other", b"other")
    for _ in range(5):
        rig.push()
    assert rig.saved()["other"] == b"other"
    assert rows(rig.space / "db") == 3


def test_nothing_outside_is_read(rig: Rig, tmp_path: Path) -> None:
    """Folder and database are swapped for links while they are copied by several threads at once."""
    make(tmp_path / "secret/db", rows=77).close()
    make(tmp_path / "secret/wal", "wal", rows=77).close()
    make(rig.user / "a/db").close()
    make(rig.user / "a/wal", "wal").close()
    for n in range(4):
        os.link(rig.user / "a/db", rig.user / f"a/db{n}")
    tree, stop = Tree(str(rig.user)), threading.Event()

    def swap() -> None:
        away, folder = rig.user / "away", rig.user / "a"
        while not stop.is_set():
            folder.rename(away)
            folder.symlink_to(tmp_path / "secret")
            folder.unlink()
            away.rename(folder)
            time.sleep(0.002)

    def copy(number: int) -> None:
        target = rig.state / f"tmp/copy{number}"
        for turn in range(6000):
            if turn >= 60 and seen:  # on a busy machine it takes longer until one is not disturbed
                return
            path = (b"a/db", b"a/wal", b"a/db%d" % (number % 4))[turn % 3]
            tree.forget()
            try:
                fd = tree.open(path)
            except OSError:
                continue
            try:
                POOL.copy(tree, path, fd, target, Limits())
                with closing(sqlite3.connect(target)) as made:
                    seen.add(made.execute("SELECT count(*) FROM t").fetchone()[0])
            except (OSError, Locked, LeftBehind, Unreadable):
                continue
            finally:
                os.close(fd)

    seen: set[int] = set()
    threads = [threading.Thread(target=copy, args=(n,)) for n in range(8)]
    swapper = threading.Thread(target=swap)
    swapper.start()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    stop.set()
    swapper.join()
    assert seen <= {3}
    assert seen
