"""Volume, index or data space are put back to an earlier state, or a machine is copied: what is newer is read first."""

from __future__ import annotations

import errno
import json
import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from unittest import mock

import pytest

from cloudify_scipion.agent.errors import LeaseForeign, Temporary
from cloudify_scipion.agent.plan.lease import VALID_SECONDS
from cloudify_scipion.agent.ports.tree import Tree
from cloudify_scipion.agent.work.lease import lease
from tests.unit.agent.faults import Killed, Reaper
from tests.unit.agent.rig import Rig, TestClock, contents

INDEX = ("index.sqlite", "index.sqlite-wal", "index.sqlite-shm")


def undone_future(rig: Rig) -> Rig:
    """A copy that lives on, so that the volume itself, with its inodes and times, is as before afterwards."""
    future = rig.root.parent / "future"
    shutil.copytree(rig.root, future, symlinks=True)
    return replace(rig, root=future, clock=replace(rig.clock))


def fresh(rig: Rig) -> Rig:
    new = Rig(rig.root.parent / "fresh", rig.space, machine="fresh", generation=9, trees=rig.trees)
    new.pull()
    return new


def database(path: Path, *rows: str) -> None:
    with closing(sqlite3.connect(path)) as made:
        made.execute("CREATE TABLE IF NOT EXISTS steps(what TEXT)")
        made.executemany("INSERT INTO steps VALUES (?)", [(row,) for row in rows])
        made.commit()


def steps(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as there:
        return [row[0] for row in there.execute("SELECT what FROM steps ORDER BY rowid")]


def alike(found: dict[str, bytes]) -> dict[str, object]:
    """What of contents must be the same in both places: of a database, what it says."""
    return {path: _said(content) if content.startswith(b"SQLite") else content for path, content in found.items()}


def _said(content: bytes) -> list[str]:
    with closing(sqlite3.connect(":memory:")) as read:
        read.deserialize(content)
        return list(read.iterdump())


def conflicts(rig: Rig) -> list[str]:
    return [path for path in {**rig.local(), **rig.saved()} if ".conflict-" in path]


@pytest.fixture
def day0(rig: Rig) -> Rig:
    rig.write("same", b"same")
    rig.write("results/a.mrc", b"day 0")
    rig.write("deleted since", b"d")
    (rig.user / "results/link").symlink_to("a.mrc")
    database(rig.user / "project.sqlite", "import")
    rig.clock.pass_time(10)
    rig.push()
    return rig


def live_on(future: Rig) -> None:
    """What is undone afterwards."""
    future.write("results/a.mrc", b"today", age=5)
    future.write("results/b.mrc", b"new")
    (future.user / "deleted since").unlink()
    (future.user / "same").chmod(0o600)
    (future.user / "results").chmod(0o750)
    (future.user / "results/link").unlink()
    (future.user / "results/link").symlink_to("b.mrc")
    database(future.user / "project.sqlite", "pick")
    for _ in range(3):
        future.clock.pass_time(10)
        future.push()


@pytest.mark.parametrize("first", ["push", "scan", "pull", "seal"])
def test_an_older_volume_gets_what_was_saved_since(day0: Rig, first: str) -> None:
    live_on(undone_future(day0))
    getattr(day0, first)()
    assert (day0.user / "results/a.mrc").read_bytes() == b"today"
    assert steps(day0.user / "project.sqlite") == ["import", "pick"]
    assert (day0.user / "results/b.mrc").read_bytes() == b"new"
    assert (day0.user / "results/link").readlink() == Path("b.mrc")
    assert (day0.user / "same").stat().st_mode & 0o777 == 0o600
    assert (day0.user / "results").stat().st_mode & 0o777 == 0o750
    assert conflicts(day0) == []
    assert (day0.user / "deleted since").read_bytes() == b"d", "nothing is deleted here without a word"
    assert any("deleted since are here again" in alarm for alarm in day0.alarms())
    if first != "seal":
        day0.push()
        day0.scan()
        day0.push()
        assert alike(day0.saved()) == alike(day0.local())
        day0.seal()
    assert alike(fresh(day0).local()) == alike(day0.local())


def test_the_data_space_loses_nothing_that_was_changed_after_the_rollback(day0: Rig) -> None:
    live_on(undone_future(day0))
    day0.write("results/a.mrc", b"after the rollback", age=-5)
    day0.push()
    assert (day0.user / "results/a.mrc").read_bytes() == b"after the rollback"
    assert b"today" in {**day0.saved(), **day0.trash()}.values()
    assert steps(day0.user / "project.sqlite") == ["import", "pick"]


def test_what_others_have_replaced_stays_where_only_this_volume_has_it(rig: Rig) -> None:
    """Of files of others a copy of the machine, which pulled the newer one alone, has no earlier version."""
    rig.web("map", b"facility's map")
    clone = undone_future(rig)
    rig.scan()
    rig.web("map", b"another map")
    clone.generation, clone.machine = 2, "m2"
    clone.pull()
    clone.push()
    rig.generation, rig.machine = 3, "m3"
    rig.pull()
    assert {b"facility's map", b"another map"} == set(rig.local().values())
    rig.push()
    assert {b"facility's map", b"another map"} <= set(rig.saved().values())


def test_a_file_that_is_open_is_not_exchanged(day0: Rig) -> None:
    """Whoever has it open would write into a file that is no more."""
    live_on(undone_future(day0))
    with (day0.user / "results/a.mrc").open("r+b") as stream:
        day0.push()
        stream.write(b"DAY")
    assert (day0.user / "results/a.mrc").read_bytes() == b"DAY 0"
    assert b"today" in {**day0.local(), **day0.saved()}.values()


class NoLinks(Tree):
    """A data space that holds no symbolic links: they are in the manifest alone."""

    def symlink(self, target: bytes, path: bytes) -> None:
        raise OSError(errno.EPERM, "no links", path)


def test_links_that_only_the_manifest_holds(new: Rig) -> None:
    """The undone future said that one is gone; it is here, and so it is saved again."""
    new.trees = lambda path: (NoLinks if path == str(new.space) else Tree)(path)
    new.pull()
    (new.user / "kept").symlink_to("/data/kept")
    (new.user / "turned").symlink_to("/data/old")
    new.push()
    future = undone_future(new)
    (future.user / "kept").unlink()
    (future.user / "turned").unlink()
    (future.user / "turned").symlink_to("/data/new")
    (future.user / "made").symlink_to("/data/made")
    future.push()
    new.write("y", b"work after the rollback")
    new.push()
    assert new.local() == {
        "kept": b"-> /data/kept", "turned": b"-> /data/new", "made": b"-> /data/made", "y": b"work after the rollback",
    }  # fmt: skip
    new.seal()
    assert fresh(new).local() == new.local()


def _make(rig: Rig, path: str, form: str, word: str) -> None:
    (rig.user / path).unlink(missing_ok=True)
    if form == "file":
        rig.write(path, word, age=1000 - rig.clock.ahead)
    elif form == "database":
        database(rig.user / path, word)
    else:
        (rig.user / path).symlink_to(word)


FORMS = "file", "database", "link"


def _undone_future_of(new: Rig, was: str, links: bool) -> Rig:
    """Of a machine that has saved `a`, in a data space that holds links or not."""
    if not links:
        new.trees = lambda path: (NoLinks if path == str(new.space) else Tree)(path)
    new.pull()
    _make(new, "a", was, "old")
    new.push()
    return undone_future(new)


@pytest.mark.parametrize("links", [True, False])
@pytest.mark.parametrize("apart", [False, True])
@pytest.mark.parametrize(("was", "now"), [(was, now) for was in FORMS for now in FORMS if was != now])
def test_what_became_of_another_kind_has_its_name(new: Rig, was: str, now: str, apart: bool, links: bool) -> None:
    """`apart`: the older copy has gone on by itself. `links`: whether the data space holds any."""
    future = _undone_future_of(new, was, links)
    future.clock.pass_time(60)
    _make(future, "a", now, "new")
    for _ in range(2):
        future.push()
        future.clock.pass_time(300)
    if apart:
        new.write("b", b"apart")
        with suppress(LeaseForeign, Temporary):
            new.push()
    new.clock.pass_time(2000)
    for _ in range(3):
        with suppress(LeaseForeign, Temporary):
            new.push()
        new.clock.pass_time(1000)
    assert alike(new.local()) == alike(future.local()) | ({"b": b"apart"} if apart else {})
    new.seal()
    assert alike(fresh(new).local()) == alike(new.local())


@pytest.mark.parametrize("links", [True, False])
@pytest.mark.parametrize(("was", "now"), [("file", "link"), ("link", "file")])
def test_what_was_changed_here_stays_beside_another_kind(new: Rig, was: str, now: str, links: bool) -> None:
    future = _undone_future_of(new, was, links)
    _make(future, "a", now, "new")
    future.push()
    _make(new, "a", was, "changed after the rollback")
    here = new.local()["a"]
    new.push()
    new.push()
    assert new.local()["a"] == here
    everywhere = {*new.local().values(), *new.trash().values()}
    assert future.local()["a"] in everywhere or b"new" in everywhere
    new.seal()
    assert alike(fresh(new).local()) == alike(new.local())


@pytest.mark.parametrize("kill", [*range(1, 14), *range(16, 60, 5)])
def test_killed_while_it_reads_what_is_newer(day0: Rig, kill: int) -> None:
    live_on(undone_future(day0))
    reaper = Reaper(kill)
    with suppress(Killed):
        replace(day0, trees=reaper.tree, indexes=reaper.index).push()
    day0.push()
    assert steps(day0.user / "project.sqlite") == ["import", "pick"]
    assert (day0.user / "results/a.mrc").read_bytes() == b"today"
    assert conflicts(day0) == []
    day0.scan()
    day0.push()
    assert alike(day0.saved()) == alike(day0.local())
    day0.seal()
    assert alike(fresh(day0).local()) == alike(day0.local())


def test_an_older_index_alone(day0: Rig) -> None:
    """The volume is of today, what is known of it is of yesterday."""
    kept = {name: (day0.state / name).read_bytes() for name in INDEX if (day0.state / name).exists()}
    live_on(day0)
    for name in INDEX:
        (day0.state / name).unlink(missing_ok=True)
    for name, content in kept.items():
        (day0.state / name).write_bytes(content)
    before = day0.local()
    day0.push()
    assert day0.local() == before and conflicts(day0) == []
    assert alike(day0.saved()) == alike(before)


def test_an_older_volume_whose_index_was_lost(day0: Rig) -> None:
    """The times tell; what was here is kept beside, since nothing proves that it was saved."""
    live_on(undone_future(day0))
    for name in INDEX:
        (day0.state / name).unlink(missing_ok=True)
    day0.pull()
    assert steps(day0.user / "project.sqlite") == ["import", "pick"]
    assert (day0.user / "results/a.mrc").read_bytes() == b"today"
    assert b"day 0" in day0.local().values()


def put_back(rig: Rig, backup: Path) -> None:
    """The data space from its backup."""
    shutil.rmtree(rig.space)
    shutil.copytree(backup, rig.space, symlinks=True)


@pytest.mark.parametrize("first", ["push", "scan", "seal"])
def test_an_older_data_space_gets_everything_again(day0: Rig, tmp_path: Path, first: str) -> None:
    shutil.copytree(day0.space, tmp_path / "backup", symlinks=True)
    live_on(day0)
    before = day0.local()
    put_back(day0, tmp_path / "backup")
    getattr(day0, first)()
    if first != "seal":
        day0.push()
        day0.scan()
    local = day0.local()
    assert before.items() <= local.items() and conflicts(day0) == []
    assert local.keys() - before.keys() <= {"deleted since"}, "what the backup has comes back"
    assert alike(day0.saved()) == alike(local)
    assert any("the data space is an older copy" in alarm for alarm in day0.alarms())
    if first != "seal":
        day0.seal()
    assert alike(fresh(day0).local()) == alike(local)


def test_contents_are_compared_where_the_backup_kept_no_times(day0: Rig, tmp_path: Path) -> None:
    """Same size and same time, other content: facts are no proof after a data space was put back."""
    shutil.copytree(day0.space, tmp_path / "backup", symlinks=True)
    day0.write("results/a.mrc", b"DAY 1", age=5)
    day0.push()
    facts = (day0.space / "results/a.mrc").stat()
    put_back(day0, tmp_path / "backup")
    os.utime(day0.space / "results/a.mrc", ns=(facts.st_mtime_ns, facts.st_mtime_ns))
    day0.push()
    assert day0.saved()["results/a.mrc"] == b"DAY 1"


def heartbeat_before(rig: Rig, beats: int = 1) -> str:
    """What the lease showed so many heartbeats ago."""
    with rig.world() as world:
        return str((world.index.get_state("lease") or {})["past"][-beats])


def show_heartbeat(space: Path, nonce: str) -> None:
    (path,) = (space / ".cloudify-scipion/lease").iterdir()
    path.write_text(json.dumps(json.loads(path.read_bytes()) | {"nonce": nonce}))


@pytest.mark.parametrize("beats", [1, 3])
@pytest.mark.parametrize("work", ["push", "scan", "pull"])
def test_a_heartbeat_that_was_not_kept_is_no_copy(day0: Rig, work: str, beats: int) -> None:
    """A data space that drops writes says that they are done."""
    for _ in range(beats):
        day0.push()
    before = day0.clock.since_boot
    for name in (work, work, "seal"):
        show_heartbeat(day0.space, heartbeat_before(day0, beats))
        getattr(day0, name)()
    assert day0.clock.since_boot == before, "nobody is waited for"
    assert day0.alarms() == [] and alike(day0.saved()) == alike(day0.local())


def test_a_data_space_put_back_by_one_heartbeat_gets_everything_again(day0: Rig, tmp_path: Path) -> None:
    shutil.copytree(day0.space, tmp_path / "backup", symlinks=True)
    live_on(day0)
    show_heartbeat(tmp_path / "backup", heartbeat_before(day0))
    put_back(day0, tmp_path / "backup")
    day0.push()
    assert alike(day0.saved()) == alike(day0.local()) and conflicts(day0) == []
    assert day0.saved()["results/b.mrc"] == b"new"


def test_a_data_space_put_back_in_the_middle_of_a_work_ends_it(day0: Rig, tmp_path: Path) -> None:
    shutil.copytree(day0.space, tmp_path / "backup", symlinks=True)
    live_on(day0)
    with day0.world() as world:
        lease.renew(world)
    show_heartbeat(tmp_path / "backup", heartbeat_before(day0))
    put_back(day0, tmp_path / "backup")
    with day0.world() as world, pytest.raises(Temporary, match="put back to an earlier state"):
        lease.check(world)
    day0.push()
    assert alike(day0.saved()) == alike(day0.local()) and conflicts(day0) == []


# two of one machine


@dataclass
class Watching(TestClock):
    """Something happens while this machine waits."""

    happens: Callable[[], object] = lambda: None

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds)
        self.happens()


def twins(rig: Rig) -> tuple[Rig, Rig]:
    other = undone_future(rig)
    other.clock = Watching(boot_id=rig.clock.boot_id, since_boot=rig.clock.since_boot)
    return rig, other


def test_of_two_copies_the_one_that_notices_stops(day0: Rig) -> None:
    one, two = twins(day0)
    assert isinstance(two.clock, Watching)
    one.write("one", b"of one")
    one.push()
    two.clock.happens = one.push
    two.write("two", b"of two")
    for work in (two.push, two.scan, two.pull):
        with pytest.raises(LeaseForeign, match="a copy of this machine"):
            work()
    assert any("a copy of this machine" in alarm for alarm in two.alarms())
    assert "two" not in one.saved()
    one.write("again", b"1")
    one.push()
    assert alike(one.saved()) == alike(one.local()), "the other one goes on"


def test_the_copy_goes_on_when_the_other_is_silent(day0: Rig) -> None:
    one, two = twins(day0)
    one.write("one", b"of one")
    one.push()
    two.write("two", b"of two")
    before = two.clock.since_boot
    two.push()
    assert two.clock.since_boot - before > VALID_SECONDS
    assert two.local()["one"] == b"of one", "what it had saved is read first"
    assert alike(two.saved()) == alike(two.local())
    slow = mock.patch.object(one.clock, "sleep", lambda seconds: (one.clock.pass_time(seconds), two.push()))
    with slow, pytest.raises(LeaseForeign, match="a copy of this machine"):
        one.push()


def test_in_the_middle_of_a_work_a_copy_stops_at_once(day0: Rig) -> None:
    one, two = twins(day0)
    with one.world() as world:
        lease.renew(world)
        two.push()
        with pytest.raises(LeaseForeign, match="a copy of this machine"):
            lease.check(world)
        with pytest.raises(LeaseForeign, match="a copy of this machine"):
            lease.confirm(world)


@pytest.mark.parametrize("kill", range(1, 12))
def test_killed_at_a_heartbeat_it_knows_its_own(day0: Rig, kill: int) -> None:
    """Before and after the nonce is written: both may be there."""
    for _ in range(3):
        reaper = Reaper(kill)
        with suppress(Killed):
            replace(day0, trees=reaper.tree, indexes=reaper.index).push()
    before = day0.clock.since_boot
    day0.write("after", b"1")
    day0.push()
    assert day0.clock.since_boot == before, "nobody is waited for"
    assert alike(day0.saved()) == alike(day0.local())


def test_a_heartbeat_of_an_earlier_version_had_no_nonce(day0: Rig) -> None:
    (path,) = (day0.space / ".cloudify-scipion/lease").iterdir()
    with day0.world() as world:
        known = world.index.get_state("lease")
        world.index.set_state("lease", {key: value for key, value in known.items() if key != "nonces"})
        world.index.commit()
    before = day0.clock.since_boot
    day0.push()
    assert day0.clock.since_boot == before
    assert contents(path.parent)
