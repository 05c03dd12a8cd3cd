"""SQLite files: copied as of one moment, whoever writes meanwhile, and never touched."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from cloudify_scipion.agent.ports.databases import patience
from cloudify_scipion.agent.ports.databases.copying import Limits, Source, _give_to_owner
from cloudify_scipion.agent.ports.databases.locking import Locked
from cloudify_scipion.agent.ports.databases.pool import POOL
from cloudify_scipion.agent.ports.tree import Tree
from tests.unit.agent.rig import Rig, contents

ROWS = 50


def make(path: Path, mode: str = "delete") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.execute(f"PRAGMA journal_mode={mode}")
        database.execute("CREATE TABLE t(x)")
        database.execute("BEGIN")
        database.executemany("INSERT INTO t VALUES (?)", [("x" * 200,)] * ROWS)
        database.execute("COMMIT")
    os.utime(path, (1_700_000_000, 1_700_000_000))
    return path


def rows(path: Path) -> int:
    """How many rows a saved copy has, alone in a folder; it must be whole."""
    assert not [other for other in path.parent.iterdir() if other.name.startswith(path.name + "-")]
    with closing(sqlite3.connect(f"file:{path}?immutable=1", uri=True)) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        return int(database.execute("SELECT count(*) FROM t").fetchone()[0])


@contextmanager
def writer(path: Path, *lines: str) -> Iterator[subprocess.Popen[str]]:
    """Another process with the database open: it has run `lines` when this begins, and dies unasked."""
    code = "import sqlite3, sys\ndb = sqlite3.connect(sys.argv[1], isolation_level=None)\n" + "\n".join(lines)
    code += "\nprint('ready', flush=True)\nsys.stdin.read()\n"
    with subprocess.Popen(
        [sys.executable, "-c", code, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            yield process
        finally:
            process.kill()


INSERT = 'db.execute("INSERT INTO t VALUES (1)")'
IN_WAL = ('db.execute("PRAGMA wal_autocheckpoint=0")', INSERT)
UNFINISHED = (
    'db.execute("PRAGMA cache_size=1")', 'db.execute("PRAGMA cache_spill=1")', 'db.execute("BEGIN IMMEDIATE")',
    "db.execute(\"UPDATE t SET x = x || 'changed'\")",
    "db.executemany(\"INSERT INTO t VALUES (?)\", [('y' * 3000,)] * 300)",
)  # fmt: skip
"""A transaction that has begun to change the file itself: it must be rolled back, or waited for."""


def tree(rig: Rig) -> dict[str, tuple[int, int, int, int]]:
    """Everything in the working copy with what a writer would leave: owner, size, times."""
    return {
        str(path.relative_to(rig.user)): (facts.st_uid, facts.st_gid, facts.st_size, facts.st_mtime_ns)
        for path in rig.user.rglob("*")
        for facts in [path.lstat()]
    }


@pytest.mark.parametrize("mode", ["delete", "wal"])
def test_known_by_its_header_and_saved_whole(rig: Rig, mode: str) -> None:
    make(rig.user / "p/logs.anything", mode)
    before = tree(rig)
    result = rig.push()
    assert (result.files, result.busy, result.failed) == (1, 0, [])
    assert rows(rig.space / "p/logs.anything") == ROWS
    assert tree(rig) == before
    assert rig.push().files == 0
    with rig.world() as world:
        row = world.index.files.get(b"p/logs.anything")
    assert row is not None and row.point == 0


def test_the_name_alone_makes_no_database(rig: Rig) -> None:
    rig.write("not.sqlite", b"plain text")
    rig.write("not.sqlite-wal", b"a file of its own")
    rig.push()
    assert rig.saved() == rig.local()


def test_what_a_live_writer_has_in_its_wal_is_saved(rig: Rig) -> None:
    path = make(rig.user / "p/run.db", "wal")
    with writer(path, *IN_WAL):
        assert (rig.user / "p/run.db-wal").stat().st_size > 0
        before = tree(rig)
        assert rig.push().files == 1
        assert tree(rig) == before
    assert rows(rig.space / "p/run.db") == ROWS + 1


def test_a_later_commit_into_the_wal_is_saved_too(rig: Rig) -> None:
    """The file itself does not change then."""
    path = make(rig.user / "p/run.db", "wal")
    with writer(path, *IN_WAL):
        rig.push()
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("PRAGMA wal_autocheckpoint=0")
            facts = path.stat()
            other.execute("INSERT INTO t VALUES (2)")
            assert path.stat().st_mtime_ns == facts.st_mtime_ns
            assert rig.push().files == 1
    assert rows(rig.space / "p/run.db") == ROWS + 2


def test_a_dead_writers_wal_is_saved(rig: Rig) -> None:
    path = make(rig.user / "p/run.db", "wal")
    with writer(path, *IN_WAL):
        pass
    before = tree(rig)
    rig.push()
    assert rows(rig.space / "p/run.db") == ROWS + 1
    assert tree(rig) == before


def test_while_a_writer_commits(rig: Rig) -> None:
    """Each saved copy is as of one moment: both tables have the same number of rows."""
    path = make(rig.user / "p/run.db")
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.execute("CREATE TABLE u AS SELECT * FROM t")
    stop, saved = threading.Event(), 0

    def write() -> None:
        with closing(sqlite3.connect(path, isolation_level=None, timeout=30)) as database:
            while not stop.is_set():
                database.execute("BEGIN IMMEDIATE")
                for table in "tu":
                    database.execute(f"INSERT INTO {table} VALUES (zeroblob(5000))")
                database.execute("COMMIT")
                stop.wait(0.001)

    thread = threading.Thread(target=write)
    thread.start()
    try:
        for _ in range(8):
            saved += rig.push().files
            copy = rig.space / "p/run.db"
            if copy.exists():
                rows(copy)
                with closing(sqlite3.connect(f"file:{copy}?immutable=1", uri=True)) as database:
                    t, u = (database.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in "tu")
                assert t == u >= ROWS
    finally:
        stop.set()
        thread.join()
    assert saved >= 1
    rig.push()
    assert rows(rig.space / "p/run.db") == rows(path)


IN_USE = {"-journal": b"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7", "-wal": b"\x37\x7f\x06\x82"}


@pytest.mark.parametrize("end", [*IN_USE])
@pytest.mark.parametrize("seen", ["gone", "empty, of an empty file", "a text"])
def test_what_sqlite_makes_after_the_look_is_not_saved_as_somebodys_file(rig: Rig, end: str, seen: str) -> None:
    """A folder is listed while a change ends: what the next one keeps beside the database is not a file of its own."""
    path = make(rig.user / "p/run.db")
    side, whole = path.with_name(path.name + end), path.read_bytes()
    side.write_bytes(b"a text" if seen == "a text" else b"" if seen.startswith("empty") else IN_USE[end])
    if seen.startswith("empty"):
        path.write_bytes(b"")

    class Looking(Tree):
        def open(self, name: bytes) -> int:
            if seen == "gone" and name == os.fsencode(f"p/run.db{end}"):
                side.unlink(missing_ok=True)
            return super().open_with_facts(name)[0]

        def open_with_facts(self, name: bytes) -> tuple[int, os.stat_result]:
            if name == os.fsencode(f"p/run.db{end}"):
                path.write_bytes(whole)
                side.write_bytes(IN_USE[end])
            return super().open_with_facts(name)

    side_of_the_space = rig.space / f"p/run.db{end}"
    rig.trees = Looking
    assert not rig.push().failed
    assert not side_of_the_space.exists()
    rig.trees = Tree
    side.unlink(missing_ok=True)
    assert not rig.push().failed
    assert contents(rig.space / "p").keys() == {"run.db"}
    assert rows(rig.space / "p/run.db") == ROWS


def test_a_file_that_is_gone_for_a_moment_is_saved_by_the_next_push(rig: Rig) -> None:
    path = rig.write("p/notes.txt", "one")

    class Looking(Tree):
        def open_with_facts(self, name: bytes) -> tuple[int, os.stat_result]:
            if name == b"p/notes.txt":
                path.unlink()
            try:
                return super().open_with_facts(name)
            finally:
                path.write_text("two")

    rig.trees = Looking
    assert not rig.push().failed
    rig.trees = Tree
    assert not rig.push().failed
    assert rig.saved() == {"p/notes.txt": b"two"}


@pytest.mark.parametrize("dies", [False, True])
def test_an_unfinished_transaction_is_another_time(rig: Rig, dies: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "FIRST_SECONDS", 0.05)
    path = make(rig.user / "p/run.db")
    with writer(path, *UNFINISHED):
        if not dies:
            assert rig.push().busy == 1
    if dies:
        assert rig.push().busy == 1
    assert "p/run.db" not in rig.saved()
    with closing(sqlite3.connect(path)) as database:  # somebody opens it: SQLite rolls back
        assert database.execute("SELECT count(*) FROM t").fetchone() == (ROWS,)
    assert rig.push().files == 1
    assert rows(rig.space / "p/run.db") == ROWS


def test_after_three_times_a_marked_copy(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """A dead writer's journal stays for ever if nobody opens the file: what was committed is saved all the same."""
    monkeypatch.setattr(patience, "FIRST_SECONDS", 0.05)
    path = make(rig.user / "p/run.db")
    with writer(path, *UNFINISHED):
        pass
    before = tree(rig)
    assert [rig.push().busy for _ in range(3)] == [1, 1, 1]
    result = rig.push()
    assert (result.files, result.busy) == (1, 0)
    assert rows(rig.space / "p/run.db") == ROWS
    assert tree(rig) == before
    with rig.world() as world:
        row = world.index.files.get(b"p/run.db")
    assert row is not None and row.point == 1


def test_side_files_stay_here(rig: Rig) -> None:
    """-wal, -journal and -shm of a database; not a file that only has such a name."""
    path = make(rig.user / "p/run.db", "wal")
    rig.write("p/notes-journal", b"written by hand")
    rig.write("p/run.db-journal.txt", b"plain")
    with writer(path, *IN_WAL):
        rig.push()
    (rig.user / "p/run.db-journal").write_bytes(bytes.fromhex("d9d505f920a163d7") + b"left by somebody")
    rig.push()
    assert sorted(contents(rig.space)) == ["p/notes-journal", "p/run.db", "p/run.db-journal.txt"]


def test_a_side_file_saved_before_its_database_was_there_is_kept(rig: Rig, tmp_path: Path) -> None:
    rig.write("p/x-journal", b"written by hand")
    rig.push()
    make(tmp_path / "x").rename(rig.user / "p/x")
    rig.push()
    assert rig.saved()["p/x-journal"] == b"written by hand"


def test_another_file_put_in_its_place_is_not_read(rig: Rig, tmp_path: Path) -> None:
    """SQLite opens paths by itself, and would follow a link to anywhere."""
    secret = make(tmp_path / "secret")
    path = make(rig.user / "p/run.db")
    with rig.world() as world:
        fd = world.tree.open(b"p/run.db")
        path.unlink()
        path.symlink_to(secret)
        with pytest.raises(Locked, match="another file"):
            POOL.copy(world.tree, b"p/run.db", fd, tmp_path / "copy", Limits())
        os.close(fd)
    assert not (tmp_path / "copy").exists() or (tmp_path / "copy").stat().st_size == 0


def test_a_damaged_database_is_saved_as_it_is(rig: Rig) -> None:
    path = make(rig.user / "p/run.db")
    data = path.read_bytes()
    rig.write("p/run.db", data[:100] + os.urandom(len(data) - 100))
    assert sum(rig.push().files for _ in range(4)) == 1
    assert list(rig.saved()) == ["p/run.db"]
    rig.write("p/run.db", data[:16] + os.urandom(len(data) - 16))
    assert sum(rig.push().files for _ in range(4)) == 1
    assert rig.saved() == rig.local()


def test_an_empty_database_and_a_bare_header(rig: Rig) -> None:
    with closing(sqlite3.connect(rig.user / "empty.db")):
        pass
    rig.write("header", b"SQLite format 3\0")
    for _ in range(4):
        rig.push()
    assert rig.saved() == rig.local()


def test_restored_on_another_machine(rig: Rig, tmp_path: Path) -> None:
    make(rig.user / "p/run.db", "wal")
    rig.push()
    other = Rig(tmp_path / "other", rig.space, machine="m2", generation=2)
    other.pull()
    assert rows(other.user / "p/run.db") == ROWS


def test_named_like_a_pattern_of_an_address(rig: Rig) -> None:
    for name in ("a?b=c.db", "a%20b.db", "a#b.db", "file:x.db", " .db", "ü\udcff.db"):
        make(rig.user / "p" / name)
    result = rig.push()
    assert (result.files, result.busy, result.failed) == (6, 0, [])


@pytest.mark.skipif(os.geteuid() != 0, reason="gives files away")
def test_an_empty_wal_of_ours_is_given_to_the_user(rig: Rig) -> None:
    """The last writer may take its own away in the moment in which we open the file; then SQLite makes another."""
    path = make(rig.user / "run.db", "wal")
    os.chown(path, 2000, 2000)
    wal = rig.write("run.db-wal", b"")
    with rig.world() as world:
        fd = world.tree.open(b"run.db")
        source = Source(world.tree.folder(b"").fd, "run.db", fd)
        _give_to_owner(source)
        assert (wal.stat().st_uid, wal.stat().st_gid) == (2000, 2000)
        os.chown(wal, 3000, 3000)
        _give_to_owner(source)
        assert wal.stat().st_uid == 3000, "somebody else's is left alone"
        os.close(fd)


def test_names_so_long_that_nothing_can_lie_beside(rig: Rig) -> None:
    make(rig.root / "made").rename(rig.user / ("x" * 255))
    rig.write("y" * 255, b"")
    assert rig.push().files == 2
    assert rows(rig.space / ("x" * 255)) == ROWS
