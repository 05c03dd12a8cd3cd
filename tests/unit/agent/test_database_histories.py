"""Random histories of programs that write databases, die and are started again, of strangers, and of an agent that is
killed anywhere: whoever opens a database in the data space, or on a new machine, finds what was committed once, and in
the end what was committed last."""

from __future__ import annotations

import os
import sqlite3
import tempfile
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cloudify_scipion.agent.errors import AgentError
from cloudify_scipion.agent.ports.databases import patience
from tests.unit.agent.faults import Killed, Reaper
from tests.unit.agent.rig import Rig
from tests.unit.agent.sqlite_files import ENDS, left

NAMES = ("a", "b", "f/c")
MODES = ("delete", "wal", "persist", "truncate")
names = st.sampled_from(NAMES)
steps = st.one_of(
    st.tuples(st.just("commit"), names, st.sampled_from(MODES)),
    st.tuples(st.just("commit"), names, st.sampled_from(MODES)),
    st.tuples(st.just("begin"), names, st.sampled_from(MODES)),
    st.tuples(st.just("end"), names, st.booleans()),
    st.tuples(st.just("close"), names),
    st.tuples(st.just("die"), names),
    st.tuples(st.just("delete"), names),
    st.tuples(st.just("rename"), names, names),
    st.tuples(st.just("stranger"), names, st.sampled_from(("-wal", "-journal"))),
    st.tuples(st.just("push"), st.one_of(st.just(0), st.just(0), st.integers(1, 40))),
    st.tuples(st.just("push"), st.just(0)),
    st.tuples(st.just("scan"), st.one_of(st.just(0), st.integers(1, 20))),
    st.tuples(st.just("machine")),
)
Rows = frozenset[int]


class History:
    """`states` are all that was ever committed, by the whole of a database's rows."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.number, self.count = folder, 1, 0
        self.rig = self._machine()
        self.open: dict[str, sqlite3.Connection] = {}
        self.states: set[Rows] = {frozenset()}
        self.strange: set[str] = set()
        self.rig.pull()

    def _machine(self) -> Rig:
        return Rig(self.folder / f"v{self.number}", self.folder / "space", machine=f"m{self.number}",
                   generation=self.number, workers=1)  # fmt: skip

    def _connected(self, name: str, mode: str) -> sqlite3.Connection:
        if name not in self.open:
            path = self.rig.user / name
            path.parent.mkdir(exist_ok=True)
            self.open[name] = sqlite3.connect(path, isolation_level=None)
            self.open[name].execute(f"PRAGMA journal_mode={mode}")
            for pragma in ("wal_autocheckpoint=0", "cache_size=3", "synchronous=OFF"):
                self.open[name].execute(f"PRAGMA {pragma}")
        return self.open[name]

    def begin(self, name: str, mode: str) -> None:
        database = self._connected(name, mode)
        if not database.in_transaction:
            database.execute("BEGIN")
            self._insert(database, 30)

    def _insert(self, database: sqlite3.Connection, rows: int) -> None:
        self.count += 1
        database.execute("CREATE TABLE IF NOT EXISTS t(x, pad)")
        values = ((self.count * 100 + i, "pad" * 700) for i in range(rows))
        database.executemany("INSERT INTO t VALUES (?, ?)", values)

    def commit(self, name: str, mode: str) -> None:
        self.begin(name, mode)
        self.end(name, True)

    def end(self, name: str, commit: bool) -> None:
        database = self.open.get(name)
        if database is not None and database.in_transaction:
            database.execute("COMMIT" if commit else "ROLLBACK")
            self.states.add(rows_of(database))

    def close(self, name: str) -> None:
        self.end(name, False)
        if name in self.open:
            self.open.pop(name).close()

    def die(self, name: str) -> None:
        """The program ends in the middle of it."""
        if name in self.open:
            paths = [self.rig.user / f"{name}{end}" for end in ("", "-wal", "-journal")]
            kept = {path: path.read_bytes() for path in paths if path.exists()}
            self.open.pop(name).close()
            for path in (*paths, self.rig.user / f"{name}-shm"):
                path.unlink(missing_ok=True)
            for path, data in kept.items():
                path.write_bytes(data)

    def delete(self, name: str) -> None:
        self.close(name)
        for end in ("", *ENDS):
            (self.rig.user / f"{name}{end}").unlink(missing_ok=True)

    def rename(self, old: str, new: str) -> None:
        there = [end for end in ("", *ENDS) if (self.rig.user / f"{new}{end}").exists()]
        if old != new and not there and (self.rig.user / old).exists():
            self.close(old)
            (self.rig.user / new).parent.mkdir(exist_ok=True)
            for end in (*ENDS, ""):
                with suppress(FileNotFoundError):
                    (self.rig.user / f"{old}{end}").rename(self.rig.user / f"{new}{end}")

    def stranger(self, name: str, end: str) -> None:
        target = self.rig.space / f"{name}{end}"
        if target.parent.is_dir() and not target.exists():
            left(self.folder, self.folder, "strange", end)
            target.write_bytes((self.folder / f"strange{end}").read_bytes())
            os.utime(target, (1_700_000_000, 1_700_000_000))
            self.strange.add(name)

    def push(self, kill: int) -> None:
        self._work("push", kill)

    def scan(self, kill: int) -> None:
        if self._work("scan", kill):
            self.strange.clear()

    def machine(self) -> None:
        """It is lost with its volume; what was saved is what there is."""
        for name in NAMES:
            self.close(name)
        self.number += 1
        self.rig = self._machine()
        self.rig.pull()
        self.strange.clear()
        for name in NAMES:
            if (self.rig.user / name).exists():
                assert values(self.rig.user / name) in self.states, f"{name} on a new machine"

    def _work(self, name: str, kill: int) -> bool:
        """Whether it was done to its end."""
        reaper = Reaper(kill)
        rig = replace(self.rig, trees=reaper.tree, indexes=reaper.index) if kill else self.rig
        before = self._local()
        try:
            getattr(rig, name)()
        except Killed:
            return False
        except AgentError:  # what is locked for long
            pass
        finally:
            assert {path: data for path, data in self._local().items() if path in before} == before
        return True

    def _local(self) -> dict[str, bytes]:
        return {path: data for path, data in self.rig.local().items() if not path.endswith("-shm")}

    def run(self, step: tuple[object, ...]) -> None:
        getattr(self, str(step[0]))(*step[1:])
        for name in NAMES:
            if name not in self.strange and (self.rig.space / name).is_file():
                assert values(self.rig.space / name) in self.states, f"{name} after {step}"

    def finish(self) -> None:
        for name in NAMES:
            self.close(name)
        self.rig.scan()
        for _ in range(5):
            self._work("push", 0)
            if "deletions" in self.rig.questions():
                self.rig.answer("deletions", "delete")
        assert self.rig.verify_all().wrong == []
        here = all_values(self.rig.user)
        assert all_values(self.rig.space) == here
        self.number += 1
        other = self._machine()
        other.pull()
        assert all_values(other.user) == here


def rows_of(database: sqlite3.Connection) -> Rows:
    if not database.execute("SELECT 1 FROM sqlite_master").fetchall():
        return frozenset()
    return frozenset(row[0] for row in database.execute("SELECT x FROM t"))


def values(path: Path) -> Rows:
    """What SQLite finds when it opens a copy, with all that lies beside it."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder, "copy")
        for end in ("", *ENDS):
            if Path(f"{path}{end}").exists():
                Path(f"{copy}{end}").write_bytes(Path(f"{path}{end}").read_bytes())
        with closing(sqlite3.connect(copy)) as database:
            assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            return rows_of(database)


def all_values(folder: Path) -> dict[str, Rows]:
    """Of all in which something was committed: one that is new and whose program died is saved by the seal alone."""
    return {name: found for name in NAMES if (folder / name).exists() and (found := values(folder / name))}


EXAMPLES = int(os.environ.get("HISTORIES", "500")) // 10
"""Each has many processes' worth of SQLite in it; the same ones at every run, others for another number."""


@pytest.mark.long
@settings(
    max_examples=EXAMPLES, deadline=None, derandomize=EXAMPLES == 50, suppress_health_check=list(HealthCheck),
    print_blob=True,
)  # fmt: skip
@given(st.lists(steps, min_size=15, max_size=30))
def test_no_database_is_ever_lost_or_torn(history: list[tuple[object, ...]]) -> None:
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        patch.setattr(patience, "FIRST_SECONDS", 0.0)
        patch.setattr(patience, "AGAIN_SECONDS", 0.0)
        world = History(Path(folder))
        for step in history:
            world.run(step)
        world.finish()
