"""Copies of databases: of one moment, by processes that lock nobody out and cost one copy when they hang."""

from __future__ import annotations

import os
import sqlite3
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from cloudify_scipion.agent.errors import Unsaved
from cloudify_scipion.agent.ports.databases import pool
from cloudify_scipion.agent.ports.databases.copying import Limits, Source, copy_database
from cloudify_scipion.agent.ports.databases.locking import LeftBehind, Locked, Unreadable
from cloudify_scipion.agent.ports.databases.patience import Patience
from cloudify_scipion.agent.ports.databases.pool import Pool
from cloudify_scipion.agent.ports.tree import Tree
from cloudify_scipion.agent.work.databases import save
from cloudify_scipion.resources import agent_archive
from tests.unit.agent.rig import Rig
from tests.unit.agent.sqlite_files import begin, connect, count, fill, left

ROOT = Path(__file__).resolve().parents[3]
AT_ONCE = Limits(wait=0.0, again=0.0, slice=0.0, pause=0.0, turns=3)
"""The lock is given back after every piece."""


def nothing() -> None:
    pass


@contextmanager
def source(path: Path) -> Iterator[Source]:
    tree = Tree(str(path.parent))
    fd = tree.open(path.name.encode())
    try:
        yield Source(tree.folder(b"").fd, path.name, fd)
    finally:
        os.close(fd)
        tree.leave()


def copy(path: Path, target: Path, limits: Limits = AT_ONCE, report: Callable[[], None] = nothing) -> None:
    with source(path) as opened:
        copy_database(opened, target, limits, report)


def large(path: Path) -> sqlite3.Connection:
    """Larger than the pieces in which it is copied."""
    database = connect(path)
    fill(database, "some", 1)
    database.execute("INSERT INTO t VALUES (zeroblob(3000000))")
    return database


def test_others_commit_while_it_is_copied_and_it_is_of_one_moment(tmp_path: Path) -> None:
    database, commits = large(tmp_path / "db"), iter(range(2))

    def commit() -> None:
        if next(commits, None) is not None:
            fill(database, "meanwhile", 10)  # with no patience at all

    copy(tmp_path / "db", tmp_path / "copy", report=commit)
    assert next(commits, None) is None
    assert (tmp_path / "copy").read_bytes() == (tmp_path / "db").read_bytes()
    assert count(tmp_path / "copy") == 22
    database.close()


def test_what_is_committed_to_all_the_time_is_left_after_some_turns(tmp_path: Path) -> None:
    database = large(tmp_path / "db")
    with pytest.raises(Locked, match="changed all the time"):
        copy(tmp_path / "db", tmp_path / "copy", report=lambda: fill(database, "meanwhile", 1))
    database.close()


def test_whoever_takes_the_lock_meanwhile_is_not_waited_for_without_end(tmp_path: Path) -> None:
    database = large(tmp_path / "db")

    def lock() -> None:
        database.execute("BEGIN EXCLUSIVE")  # for hours

    with pytest.raises(Locked):
        copy(tmp_path / "db", tmp_path / "copy", report=lock)
    database.close()


def test_a_log_is_read_as_of_one_commit_and_hinders_nobody(tmp_path: Path) -> None:
    database, commits = connect(tmp_path / "db", "wal"), []
    fill(database, "some" * 1000, 100)

    def commit() -> None:
        fill(database, "meanwhile", 1)
        commits.append(1)

    copy(tmp_path / "db", tmp_path / "copy", report=commit)
    assert len(commits) > 1 and count(tmp_path / "copy") == 100
    database.close()


@pytest.mark.parametrize("size", [512, 4096, 65536])
@pytest.mark.parametrize("mode", ["delete", "wal", "truncate", "persist"])
@pytest.mark.parametrize("open_", [False, True])
def test_all_sizes_of_pages_and_kinds_of_journals(tmp_path: Path, size: int, mode: str, open_: bool) -> None:
    with closing(sqlite3.connect(tmp_path / "db")) as made:
        made.execute(f"PRAGMA page_size={size}")
        made.execute("VACUUM")
    database = connect(tmp_path / "db", mode)
    fill(database, "some", 200)
    if not open_:
        database.close()
    copy(tmp_path / "db", tmp_path / "copy")
    assert count(tmp_path / "copy") == 200


def test_holes_stay_holes(tmp_path: Path) -> None:
    large(tmp_path / "db").close()
    os.truncate(tmp_path / "db", 100_000_000)
    copy(tmp_path / "db", tmp_path / "copy", Limits())
    assert (tmp_path / "copy").stat().st_blocks * 512 < 20_000_000
    assert (tmp_path / "copy").read_bytes() == (tmp_path / "db").read_bytes()


def test_what_is_in_the_way_is_told_apart(tmp_path: Path) -> None:
    left(tmp_path, tmp_path, "dead", "-journal")
    with pytest.raises(LeftBehind):
        copy(tmp_path / "dead", tmp_path / "copy")
    (tmp_path / "odd").write_bytes(b"SQLite format 3\0" + bytes(range(256)) * 16)
    with pytest.raises(Unreadable):
        copy(tmp_path / "odd", tmp_path / "copy")


def test_names_of_one_file_are_copied_whole_while_it_is_written(rig: Rig) -> None:
    """Whoever closes any descriptor of a file gives up all locks that its process has on it."""
    database = connect(rig.user / "a")
    database.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, v, pad)")
    database.execute("BEGIN")
    database.executemany("INSERT INTO t VALUES (?, 0, zeroblob(2000))", ((i,) for i in range(5000)))
    database.execute("COMMIT")
    database.close()
    for name in "bcd":
        os.link(rig.user / "a", rig.user / name)
    code = (
        "import sqlite3, sys, time\nd = sqlite3.connect(sys.argv[1], timeout=60, isolation_level=None)\nn = 0\n"
        "d.execute('PRAGMA synchronous=OFF')\nprint('ready', flush=True)\n"
        "while True:\n n += 1\n d.execute('UPDATE t SET v = ? WHERE id % 500 = 7', (n,))\n time.sleep(0.002)\n"
    )
    rig.workers, seen = 4, 0
    with subprocess.Popen([sys.executable, "-c", code, str(rig.user / "a")], stdout=subprocess.PIPE) as writer:
        try:
            assert writer.stdout and writer.stdout.readline()
            for _ in range(6):
                rig.push()
                for name in "abcd":
                    if (rig.space / name).exists():
                        seen += 1
                        with closing(sqlite3.connect(f"file:{rig.space / name}?immutable=1", uri=True)) as saved:
                            assert saved.execute("PRAGMA quick_check").fetchone() == ("ok",)
                            found = saved.execute("SELECT DISTINCT v FROM t WHERE id % 500 = 7").fetchall()
                        assert len(found) == 1
        finally:
            writer.kill()
    assert seen


def test_all_together_others_locks_are_waited_for_only_so_long() -> None:
    patience = Patience(left=0.01)
    assert patience.share(again=True) <= patience.share(again=False) == 0.01
    with pytest.raises(Locked), patience.spending(Locked):
        time.sleep(0.02)
        raise Locked
    assert patience.share(again=False) == 0.0


def test_locked_databases_cost_no_more_than_the_patience_of_one_push(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[float] = []
    original = Pool.copy

    def noting(self: Pool, tree: Tree, path: bytes, fd: int, target: Path, limits: Limits) -> None:
        asked.append(limits.wait)
        original(self, tree, path, fd, target, limits)

    monkeypatch.setattr(Pool, "copy", noting)
    held = [connect(rig.user / f"db{number}") for number in range(12)]
    for database in held:
        fill(database, "some")
        database.execute("BEGIN EXCLUSIVE")
    rig.write("other", b"other")
    rig.workers = 1
    assert rig.push().busy == 12
    assert rig.saved() == {"other": b"other"}
    assert sum(asked) < 6 and asked[-1] == 0.0
    asked.clear()
    rig.push()
    assert max(asked) < 0.2, "locked the last time as well"
    for database in held:
        database.close()


HANGING = """
import sys, time
sys.path.insert(0, sys.argv[1])
from cloudify_scipion.agent.ports.databases import copier
answer = copier._answer
def hangs(asked, fds, alive):
    if asked["name"] == "hangs":
        time.sleep(600)
    if asked["name"] == "dies":
        raise SystemExit
    return answer(asked, fds, alive)
copier._answer = hangs
copier.main(int(sys.argv[2]))
"""


def test_one_that_hangs_or_dies_costs_one_file(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "COMMAND", HANGING)
    monkeypatch.setattr(pool, "STALL_SECONDS", 3.0)
    monkeypatch.setattr(save, "POOL", Pool())
    for name in ("a", "dies", "hangs", "z"):
        database = connect(rig.user / name)
        fill(database, "some")
        database.close()
    result = rig.push()
    assert (result.files, result.busy) == (2, 2)
    assert sorted(rig.saved()) == ["a", "z"]


STARTS = """
import os, sys, threading, time
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from cloudify_scipion.agent.ports.databases import pool
from cloudify_scipion.agent.ports.databases.copying import Limits
from cloudify_scipion.agent.ports.databases.pool import POOL
from cloudify_scipion.agent.ports.tree import Tree
pool.COMMAND = sys.argv[3]
tree = Tree(sys.argv[2])
POOL.copy(tree, b"db", tree.open(b"db"), Path(sys.argv[2], "copy"), Limits())
copier = POOL._idle.get()
POOL._idle.put(copier)
busy = tree.open(b"hangs")
threading.Thread(target=lambda: POOL.copy(tree, b"hangs", busy, Path(sys.argv[2], "other"), Limits())).start()
time.sleep(1)
print(copier._process.pid, flush=True)
os.kill(os.getpid(), 9)
"""


@pytest.mark.parametrize("archive", [False, True])
def test_it_works_from_the_one_file_and_ends_with_whoever_started_it(tmp_path: Path, archive: bool) -> None:
    database = connect(tmp_path / "db")
    fill(database, "some")
    (tmp_path / "hangs").write_bytes(b"")
    where = tmp_path / "agent.pyz"
    where.write_bytes(agent_archive())
    command = [sys.executable, "-I", "-B", "-S", "-c", STARTS, str(where if archive else ROOT), str(tmp_path), HANGING]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, cwd="/", timeout=120, check=False)
    assert count(tmp_path / "copy") == 50
    child = Path("/proc", done.stdout.strip(), "stat")
    for _ in range(600):
        if not child.exists() or child.read_text().rpartition(")")[2].split()[0] == "Z":
            break
        time.sleep(0.05)
    else:
        raise AssertionError("it lives on")
    database.close()


def test_what_cannot_be_proven_to_be_whole_replaces_nothing(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(connect(rig.user / "db"), "good")
    rig.push()
    good = rig.saved()
    fill(connect(rig.user / "db"), "later")

    def never(*_: object) -> None:
        raise Locked("it is still being written")

    monkeypatch.setattr(Pool, "_ask", never)
    assert [rig.push().busy for _ in range(3)] == [1, 1, 1]
    with pytest.raises(Unsaved, match="no copy of one moment"):
        rig.push()
    assert rig.saved() == good
    with rig.world() as world:
        assert world.index.unsaved() == 1
    monkeypatch.undo()
    rig.push()
    assert count(rig.space / "db") == 100


def test_a_transaction_that_stays_open_costs_no_more_than_its_own_rows(rig: Rig) -> None:
    """Locked for days: what was committed before is saved, marked."""
    database = connect(rig.user / "db")
    fill(database, "some")
    begin(database)
    for _ in range(4):
        rig.push()
    assert count(rig.space / "db") == 50
    with rig.world() as world:
        row = world.index.files.get(b"db")
        assert row is not None and row.point == 1
    database.execute("COMMIT")
    rig.push()
    assert count(rig.space / "db") == 450
    database.close()


def test_a_change_of_several_databases_is_left_to_who_finds_all_of_them(rig: Rig, tmp_path: Path) -> None:
    """Whether its journal counts hangs on a further file, which is known by its whole path."""
    left(tmp_path, rig.user, "db", "-journal")
    name = str(rig.user / "other-mj12345678").encode()
    magic = bytes.fromhex("d9d505f920a163d7")
    with (rig.user / "db-journal").open("ab") as journal:
        journal.write(struct.pack(">I", 1) + name + struct.pack(">II", len(name), sum(name)) + magic)
    for _ in range(4):
        rig.push()
    assert rig.saved() == rig.local()
