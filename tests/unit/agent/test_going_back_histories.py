"""Random lives before and after a step back in time of the volume, the index or the data space, with kills anywhere."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cloudify_scipion.agent.errors import AgentError
from tests.unit.agent.faults import Killed, Reaper
from tests.unit.agent.restored import as_sqlite_reads, differences, restore_from_copy
from tests.unit.agent.rig import Rig, contents, write

NAMES = ("a", "b", "run/c", "run/d", "o\udcff")
DATABASE = "project.sqlite"
EXAMPLES = int(os.environ.get("HISTORIES", "500")) // 12

step = st.one_of(
    st.tuples(st.just("write"), st.sampled_from(NAMES)),
    st.tuples(st.just("write"), st.sampled_from(NAMES)),
    st.tuples(st.just("delete"), st.sampled_from(NAMES)),
    st.tuples(st.just("link"), st.sampled_from(NAMES)),
    st.tuples(st.just("mode"), st.sampled_from(NAMES)),
    st.tuples(st.just("row"), st.just(DATABASE)),
    st.tuples(st.just("push"), st.sampled_from((0, 0, 0, 3, 9, 17, 30))),
    st.tuples(st.just("scan"), st.sampled_from((0, 0, 5, 12))),
)
life = st.lists(step, max_size=10)


@dataclass
class Life:
    """What a user and the agent do on one machine. `touched`: what the user has changed since the last `begin`."""

    rig: Rig
    who: str
    count: int = 0
    touched: set[str] = None  # type: ignore[assignment]

    def __post_init__(self) -> None:
        self.touched = set()

    def live(self, steps: Sequence[tuple[str, object]]) -> None:
        for name, argument in steps:
            getattr(self, f"_{name}")(argument)

    def _next(self) -> str:
        self.count += 1
        return f"{self.who}-{self.count}"

    def _write(self, name: str) -> None:
        self._delete(name)
        write(self.rig.user / name, self._next(), age=1000 - self.count)

    def _delete(self, name: str) -> None:
        self.touched.add(name)
        (self.rig.user / name).unlink(missing_ok=True)

    def _link(self, name: str) -> None:
        self._delete(name)
        (self.rig.user / name).parent.mkdir(exist_ok=True)
        (self.rig.user / name).symlink_to(self._next())

    def _mode(self, name: str) -> None:
        path = self.rig.user / name
        if path.is_file() and not path.is_symlink():
            path.chmod(0o600 + 0o10 * (self.count % 8))

    def _row(self, name: str) -> None:
        self.touched.add(name)
        with closing(sqlite3.connect(self.rig.user / name)) as made:
            made.execute("CREATE TABLE IF NOT EXISTS steps(what TEXT)")
            made.execute("INSERT INTO steps VALUES (?)", (self._next(),))
            made.commit()

    def _push(self, kill: int) -> None:
        self._work("push", kill)

    def _scan(self, kill: int) -> None:
        self._work("scan", kill)

    def _work(self, work: str, kill: int) -> None:
        reaper = Reaper(kill)
        rig = replace(self.rig, trees=reaper.tree, indexes=reaper.index) if kill else self.rig
        with suppress(Killed):
            getattr(rig, work)()
        self.rig.clock.pass_time(300)

    def settle(self) -> None:
        """All is saved, whatever is asked."""
        for _ in range(3):
            if "deletions" in self.rig.questions():
                self.rig.answer("deletions", "delete")
            self.rig.push()
            self.rig.scan()
            self.rig.clock.pass_time(300)

    def state(self) -> dict[str, object]:
        """What each path says: of a database, its rows."""
        found: dict[str, object] = dict(self.rig.local())
        if DATABASE in found:
            found[DATABASE] = as_sqlite_reads(self.rig.user / DATABASE)
        return found


@contextlib.contextmanager
def begun(before: Sequence[tuple[str, object]]) -> Iterator[tuple[Path, Life]]:
    memory = "/dev/shm" if Path("/dev/shm").is_dir() else None
    with tempfile.TemporaryDirectory(dir=memory) as folder:
        rig = Rig(Path(folder, "volume"), Path(folder, "space"), workers=1)
        rig.pull()
        old = Life(rig, "old")
        old.live(before)
        old.settle()
        old.touched.clear()
        yield Path(folder), old


def must_hold(folder: Path, life: Life, newest: dict[str, object]) -> None:
    """What nobody touched since is as it was saved last; the volume can be sealed, and comes back from it."""
    life.settle()
    state = life.state()
    for path in newest.keys() - life.touched:
        assert state.get(path) == newest[path], f"{path!r} is {state.get(path)!r} instead of {newest[path]!r}"
    life.rig.seal()
    assert differences(life.rig.user, restore_from_copy(life.rig, folder / "restored").user) == []


def everything(rig: Rig) -> set[bytes]:
    return {*contents(rig.space, hidden=True).values(), *rig.local().values()}


profile = settings(max_examples=EXAMPLES, deadline=None, derandomize=EXAMPLES == 41,
                   suppress_health_check=list(HealthCheck))  # fmt: skip


@pytest.mark.long
@profile
@given(life, life, life)
def test_a_volume_is_put_back(before: list, future: list, after: list) -> None:  # type: ignore[type-arg]
    """Its inodes and times are those of then: the future is lived by a copy of it."""
    with begun(before) as (folder, old):
        shutil.copytree(old.rig.root, folder / "future", symlinks=True)
        other = Life(replace(old.rig, root=folder / "future", clock=replace(old.rig.clock)), "future")
        other.live(future)
        other.settle()
        old.live(after)
        must_hold(folder, old, other.state())
        kept = everything(old.rig)
        gone = [path for path, said in other.state().items() if isinstance(said, bytes) and said not in kept]
        assert not [path for path in gone if not (other.rig.user / path).is_symlink()], "what was newer is kept"


@pytest.mark.long
@profile
@given(life, life, life)
def test_an_index_is_put_back(before: list, future: list, after: list) -> None:  # type: ignore[type-arg]
    with begun(before) as (folder, life_):
        kept = {path.name: path.read_bytes() for path in life_.rig.state.glob("index.sqlite*")}
        life_.live(future)
        life_.settle()
        newest = life_.state()
        for path in life_.rig.state.glob("index.sqlite*"):
            path.unlink()
        for name, content in kept.items():
            (life_.rig.state / name).write_bytes(content)
        life_.touched.clear()
        life_.live(after)
        must_hold(folder, life_, newest)


@pytest.mark.long
@profile
@given(life, life, life)
def test_a_data_space_is_put_back(before: list, future: list, after: list) -> None:  # type: ignore[type-arg]
    with begun(before) as (folder, life_):
        shutil.copytree(life_.rig.space, folder / "backup", symlinks=True)
        life_.live(future)
        life_.settle()
        newest = life_.state()
        shutil.rmtree(life_.rig.space)
        shutil.copytree(folder / "backup", life_.rig.space, symlinks=True)
        life_.touched.clear()
        life_.live(after)
        must_hold(folder, life_, newest)


@pytest.mark.long
@profile
@given(life, life, life)
def test_a_machine_is_copied(before: list, one_does: list, two_does: list) -> None:  # type: ignore[type-arg]
    """They take turns. One that notices stops, or waits until the other is silent; nothing of either is lost."""
    with begun(before) as (folder, one):
        shutil.copytree(one.rig.root, folder / "copy", symlinks=True)
        two = Life(replace(one.rig, root=folder / "copy", clock=replace(one.rig.clock)), "two")
        for step_one, step_two in zip(one_does, two_does, strict=False):
            for life_, what in ((one, step_one), (two, step_two)):
                with suppress(AgentError):
                    life_.live([what])
        two.settle()
        newest = two.state()
        one.settle()
        for path in newest.keys() - one.touched:
            assert one.state().get(path) == newest[path]
        kept = everything(one.rig)
        for life_ in (one, two):
            for path in life_.touched:
                file = life_.rig.user / path
                assert path == DATABASE or not file.is_file() or file.is_symlink() or file.read_bytes() in kept
