"""Who may write to the data space: one machine of one deployment."""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from cloudify_scipion.agent.errors import (
    LeaseForeign,
    LeaseGone,
    LeaseStale,
)
from cloudify_scipion.agent.plan.lease import VALID_SECONDS, Holder, Verdict, holder_from, judge, next_generation
from cloudify_scipion.agent.ports.tree import Tree
from cloudify_scipion.agent.work.lease import lease
from tests.unit.agent.rig import OWNER, Rig, TestClock

OTHER = {"installation": "i2", "tenant": "local", "deployment": "theirs"}


def leases(rig: Rig) -> list[str]:
    return sorted(path.name for path in (rig.space / ".cloudify-scipion/lease").iterdir())


def release(rig: Rig) -> None:
    with rig.world() as world:
        lease.release(world)


@pytest.fixture
def saved(rig: Rig) -> Rig:
    rig.write("a", b"one")
    rig.push()
    return rig


def another(rig: Rig, tmp_path: Path, **what: object) -> Rig:
    """Another machine with an empty volume, for the same folder."""
    return replace(
        rig, root=tmp_path / "other", machine="m2", generation=2, clock=TestClock(boot_id="m2"), **what  # type: ignore[arg-type]
    )  # fmt: skip


def test_a_second_deployment_is_refused_with_owner_and_age(saved: Rig, tmp_path: Path) -> None:
    (path,) = (saved.space / ".cloudify-scipion/lease").iterdir()
    now = saved.clock.now()
    os.utime(path, (now - 7200, now - 7200))
    theirs = another(saved, tmp_path, owner=OTHER, project="p2")
    with pytest.raises(LeaseForeign) as refused:
        theirs.pull()
    assert refused.value.code == 3
    assert "project 'p1' of deployment demo (installation i1)" in refused.value.what
    assert "2:00:0" in refused.value.what
    assert "use another folder" in refused.value.next_step
    assert theirs.local() == {}
    saved.write("b")
    saved.push()
    assert saved.saved() == saved.local()


@pytest.mark.parametrize("word", OWNER)
def test_each_part_of_the_owner_counts(saved: Rig, tmp_path: Path, word: str) -> None:
    with pytest.raises(LeaseForeign, match="belongs to"):
        another(saved, tmp_path, owner={**OWNER, word: "other"}).pull()


def test_age_does_not_matter_to_a_stranger(saved: Rig, tmp_path: Path) -> None:
    """A month of silence: it is a person who says that a project is gone."""
    theirs = another(saved, tmp_path, owner=OTHER)
    theirs.clock.pass_time(30 * 86_400)
    with pytest.raises(LeaseForeign, match="30 days"):
        theirs.pull()


def test_a_new_machine_takes_over_unattended(saved: Rig, tmp_path: Path) -> None:
    new = another(saved, tmp_path)
    before = new.clock.since_boot
    new.pull()
    assert new.clock.since_boot - before < 1, "fenced: nobody is waited for"
    assert new.local() == {"a": b"one"}
    new.write("b", b"two")
    new.push()
    assert sorted(new.saved()) == ["a", "b"]
    assert any("taken over" in event for event in new.events())
    assert len(leases(new)) == 1 and leases(new)[0].startswith("g00000002-")


def test_not_fenced_it_waits_until_the_other_is_silent(saved: Rig, tmp_path: Path) -> None:
    new = another(saved, tmp_path, fenced=False)
    before = new.clock.since_boot
    new.pull()
    assert VALID_SECONDS < new.clock.since_boot - before < VALID_SECONDS + 60


def test_a_heartbeat_begins_the_waiting_anew(saved: Rig, tmp_path: Path) -> None:
    alive = 5

    @dataclass
    class Watching(TestClock):
        beats: int = 0

        def sleep(self, seconds: float) -> None:
            super().sleep(seconds)
            saved.clock.pass_time(seconds)
            if self.beats < alive and self.since_boot > 1000 + 300 * (self.beats + 1):
                self.beats += 1
                os.utime(saved.space / ".cloudify-scipion/lease" / leases(saved)[0], (self.now(), self.now()))

    new = replace(another(saved, tmp_path, fenced=False), clock=Watching(boot_id="m2"))
    new.pull()
    assert new.clock.since_boot - 1000 > alive * 300 + VALID_SECONDS


def test_a_zombie_stops(saved: Rig, tmp_path: Path) -> None:
    """The old machine was not dead after all."""
    new = another(saved, tmp_path)
    new.pull()
    saved.write("a", b"zombie", age=10)
    for work in (saved.push, saved.scan, saved.pull):
        with pytest.raises(LeaseForeign, match="m2"):
            work()
    assert new.saved() == {"a": b"one"}
    new.write("a", b"new machine", age=10)
    new.push()
    assert new.saved() == {"a": b"new machine"}


class Meanwhile(Tree):
    """Something happens when the agent has written its first data into the data space."""

    happens: Callable[[], None] = staticmethod(lambda: None)

    def close(self, fd: int) -> None:
        super().close(fd)
        happens, Meanwhile.happens = Meanwhile.happens, staticmethod(lambda: None)
        happens()


def test_a_takeover_in_the_middle_of_a_push_makes_it_void(
    saved: Rig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before the renames the lease is looked at again."""
    new = another(saved, tmp_path)
    monkeypatch.setattr(Meanwhile, "happens", staticmethod(lambda: new.pull() and None))
    saved.write("a", b"too late", age=10)
    with pytest.raises(LeaseForeign, match="took the data space over"):
        replace(saved, trees=lambda path: (Meanwhile if path == str(saved.space) else Tree)(path)).push()
    assert new.saved() == {"a": b"one"}


def test_a_work_that_slept_too_long_stops(saved: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """A suspended machine wakes up in the middle of a copy; who waited for it may write by now."""
    monkeypatch.setattr(Meanwhile, "happens", staticmethod(lambda: saved.clock.pass_time(VALID_SECONDS + 1)))
    saved.write("a", b"too late", age=10)
    with pytest.raises(LeaseStale, match="sign of life"):
        replace(saved, trees=lambda path: (Meanwhile if path == str(saved.space) else Tree)(path)).push()
    assert saved.saved() == {"a": b"one"}
    saved.push()
    assert saved.saved() == {"a": b"too late"}, "the next one looks, and goes on"


def test_heartbeats_are_sent_while_files_are_copied(saved: Rig) -> None:
    (path,) = (saved.space / ".cloudify-scipion/lease").iterdir()
    with saved.world() as world:
        lease.renew(world)
        os.utime(path, (1, 1))
        saved.clock.pass_time(lease.BEAT_SECONDS / 2)
        world.session.beat()
        assert path.stat().st_mtime == 1
        saved.clock.pass_time(lease.BEAT_SECONDS)
        world.session.beat()
        assert path.stat().st_mtime > 1


def test_after_a_long_pause_it_is_looked_at_by_a_fresh_listing(saved: Rig, tmp_path: Path) -> None:
    saved.clock.pass_time(10 * VALID_SECONDS)
    saved.write("b")
    saved.push()
    assert saved.saved() == saved.local()
    name = leases(saved)[0]
    (saved.space / ".cloudify-scipion/lease" / name.replace("g00000001", "g00000007")).write_text("{}")
    saved.clock.pass_time(10 * VALID_SECONDS)
    with pytest.raises(LeaseForeign, match=r"\(generation 7\) of this deployment took the data space over"):
        saved.push()


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"project": 1}', b"\xff\x00", b"[" * 100_000])
def test_a_damaged_lease_is_still_its_owners(saved: Rig, tmp_path: Path, content: bytes) -> None:
    """Its name says whose it is: ours goes on, and mends it; a stranger stays out."""
    (path,) = (saved.space / ".cloudify-scipion/lease").iterdir()
    path.write_bytes(content)
    with pytest.raises(LeaseForeign, match="unknown"):
        another(saved, tmp_path, owner=OTHER).pull()
    saved.write("b")
    saved.push()
    with pytest.raises(LeaseForeign, match="belongs to project 'p1'"):
        another(saved, tmp_path, owner=OTHER).pull()
    another(saved, tmp_path).pull()


@pytest.mark.parametrize("work", ["push", "scan", "pull", "seal"])
def test_a_lost_lease_is_taken_again_by_the_next_work(saved: Rig, work: str) -> None:
    """The data space is one of a day on which nobody had it, say."""
    shutil.rmtree(saved.space / ".cloudify-scipion/lease")
    saved.write("b")
    getattr(saved, work)()
    assert len(leases(saved)) == (work != "seal")
    saved.push()
    assert saved.saved() == saved.local()


@pytest.mark.parametrize("work", ["push", "scan"])
def test_a_lost_lease_is_not_taken_where_a_later_machine_has_saved(saved: Rig, tmp_path: Path, work: str) -> None:
    new = another(saved, tmp_path)
    new.pull()
    new.write("b")
    new.push()
    release(new)
    saved.write("c")
    with pytest.raises(LeaseForeign, match="a later machine"):
        getattr(saved, work)()
    assert leases(saved) == [] and "c" not in new.saved()


def test_a_lost_lease_is_not_taken_in_the_middle_of_a_work(saved: Rig) -> None:
    with saved.world() as world:
        lease.renew(world)
        shutil.rmtree(saved.space / ".cloudify-scipion/lease")
        with pytest.raises(LeaseGone, match="was taken away"):
            lease.check(world)


def test_the_data_space_of_a_day_on_which_the_project_was_sealed(sealed: Rig, tmp_path: Path) -> None:
    saved = sealed
    backup = shutil.copytree(saved.space, tmp_path / "backup", symlinks=True)
    saved.write("b")
    saved.push()
    shutil.rmtree(saved.space)
    shutil.copytree(backup, saved.space, symlinks=True)
    saved.write("c")
    for _ in range(2):
        saved.clock.pass_time(600)
        saved.push()
    assert saved.saved() == saved.local() and {"b", "c"} <= saved.local().keys()


def test_given_back_anybody_may_take_it(saved: Rig, tmp_path: Path) -> None:
    release(saved)
    assert leases(saved) == []
    with pytest.raises(LeaseForeign, match="does not hold"):
        saved.push()
    theirs = another(saved, tmp_path, owner=OTHER)
    theirs.pull()
    assert theirs.local() == {"a": b"one"}
    with pytest.raises(LeaseForeign, match="belongs to"):
        saved.pull()


def test_given_back_and_taken_again(saved: Rig) -> None:
    release(saved)
    release(saved)
    saved.pull()
    saved.write("b")
    saved.push()
    assert saved.saved() == saved.local()


def test_generations_that_start_anew(saved: Rig, tmp_path: Path) -> None:
    """The manager's records were lost, and count from 1: what writes there must be above all that wrote before."""
    for number in range(2, 5):
        rig = replace(another(saved, tmp_path / str(number)), generation=number)
        rig.pull()
    restarted = replace(another(saved, tmp_path / "restarted"), generation=1, machine="m9")
    restarted.pull()
    assert leases(restarted)[0].startswith("g00000005-")
    restarted.write("b", b"two")
    restarted.push()
    assert sorted(restarted.saved()) == ["a", "b"]
    restarted.push()


def test_the_same_machine_again(saved: Rig) -> None:
    """After a reboot it still holds its lease; nobody is waited for."""
    saved.clock.boot_id, saved.clock.since_boot = "next", 5.0
    replace(saved, fenced=False).pull()
    assert saved.clock.since_boot == 5.0
    saved.write("b")
    saved.push()


def test_two_that_take_it_at_the_same_time(new: Rig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both see nobody; each sees the other's in the listing that follows, and stops."""
    theirs = replace(new, root=tmp_path / "theirs", owner=OTHER)
    theirs.__post_init__()
    plain = lease._write

    def both(world: object, own: Holder) -> None:
        plain(world, own)  # type: ignore[arg-type]
        if own.owner()[3] == "demo":
            with pytest.raises(LeaseForeign, match="belongs to project 'p1' of deployment demo"):
                theirs.pull()
            with theirs.world() as other:
                plain(other, replace(own, deployment="theirs", installation="i2"))

    monkeypatch.setattr(lease, "_write", both)
    with pytest.raises(LeaseForeign, match="belongs to project 'p1' of deployment theirs"):
        new.pull()
    assert new.local() == {}


def test_names_and_content() -> None:
    own = Holder("p", "i", "t", "d", "m", 3)
    assert holder_from(own.text(), own.name(), own) == own
    told = json.loads(own.text()) | {"later": "field"}
    assert holder_from(json.dumps(told).encode(), own.name(), own) == own
    forged = replace(own, deployment="x")
    assert holder_from(forged.text(), own.name(), own).deployment == "d", (
        "content that is not the name's does not count"
    )
    assert judge(own, []) is Verdict.TAKE
    assert judge(own, [own]) is Verdict.OURS
    assert judge(own, [replace(own, machine="n")]) is Verdict.TAKE_OVER
    assert judge(own, [own, forged]) is Verdict.REFUSE
    assert next_generation(2, [own]) == 4 and next_generation(9, [own]) == 9


@pytest.fixture
def sealed(saved: Rig) -> Rig:
    saved.seal()
    saved.clock.boot_id = "after the seal"
    return saved


def test_after_a_seal_and_a_boot_the_same_machine_goes_on(sealed: Rig) -> None:
    sealed.write("b", b"after the seal")
    sealed.push()
    assert sealed.saved() == sealed.local()
    assert len(leases(sealed)) == 1
    sealed.scan()


def test_not_if_another_machine_came_meanwhile(sealed: Rig, tmp_path: Path) -> None:
    """Neither while that has the lease, nor after it has given it back."""
    new = another(sealed, tmp_path)
    new.pull()
    sealed.write("a", b"zombie", age=10)
    with pytest.raises(LeaseForeign, match="m2"):
        sealed.push()
    new.write("b")
    new.seal()
    with pytest.raises(LeaseForeign, match="later machine"):
        sealed.push()
    assert new.saved()["a"] == b"one" and leases(new) == []


def test_not_if_another_project_has_the_folder(sealed: Rig, tmp_path: Path) -> None:
    another(sealed, tmp_path, owner=OTHER).pull()
    with pytest.raises(LeaseForeign, match="belongs to"):
        sealed.push()


def test_a_heartbeat_that_fails_half_way_is_no_strangers(rig: Rig) -> None:
    """It was written, and then the data space was busy: the next try finds our own."""

    class Busy(Tree):
        def update(self, path: bytes, change: Callable[[bytes], bytes]) -> None:
            super().update(path, change)
            if failures:
                raise BlockingIOError(failures.pop(), "busy", os.fsdecode(path))

    failures = [errno.EAGAIN, errno.EAGAIN]
    rig.trees = lambda path: Busy(path) if path == str(rig.space) else Tree(path)
    rig.write("file", b"saved")
    rig.push()
    assert not failures and rig.saved() == {"file": b"saved"}
    assert rig.alarms() == []


OURS = ".cloudify-scipion"


def test_a_damaged_lease_is_still_ours(rig: Rig) -> None:
    (lease,) = (rig.space / OURS / "lease").iterdir()
    rig.write("a", b"one")
    for content in (b"", b"{", b"[]", b'{"generation": "x"}', bytes(100)):
        lease.write_bytes(content)
        rig.push()
        rig.pull()
    assert rig.saved() == {"a": b"one"}


def test_a_lease_that_was_taken_away(rig: Rig) -> None:
    shutil.rmtree(rig.space / OURS / "lease")
    rig.write("a", b"one")
    rig.push()
    assert rig.saved() == {"a": b"one"}
    assert len([*(rig.space / OURS / "lease").iterdir()]) == 1


def test_a_lease_whose_content_is_lost_is_still_ours(rig: Rig) -> None:
    rig.write("a")
    rig.push()
    for path in (rig.space / ".cloudify-scipion/lease").iterdir():
        path.write_bytes(b"")
    rig.pull()
    rig.write("b")
    assert rig.push().files == 1


@pytest.mark.parametrize("machine", ["m1", "m2"])
def test_a_machine_that_is_replaced_has_everything_and_goes_on(facility: Rig, tmp_path: Path, machine: str) -> None:
    facility.pull()
    facility.write("results/one", b"1")
    facility.push()
    before = facility.saved()
    again = Rig(tmp_path / "new volume", facility.space, machine=machine, generation=2)
    assert again.pull().files == 21
    assert again.local() == before
    again.write("results/two", b"2")
    result = again.push()
    assert (result.files, result.deleted, result.failed) == (1, 0, [])
    assert again.saved() == {**before, "results/two": b"2"}
