"""The wall clock jumps; nothing is decided by it."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from cloudify_scipion.agent.plan.lease import VALID_SECONDS
from tests.unit.agent.rig import Rig, TestClock

YEAR = 365 * 86_400.0


@pytest.mark.parametrize("jump", [-3 * YEAR, -3600.0, 3600.0, 3 * YEAR])
def test_saving_goes_on_whatever_the_clock_says(rig: Rig, jump: float) -> None:
    rig.write("a", b"one")
    rig.write("b", b"one")
    rig.push()
    rig.clock.ahead += jump  # nothing passes on the clock that counts
    rig.write("a", b"two", age=10)
    (rig.user / "b").unlink()
    rig.web("c", b"theirs")
    result = rig.push()
    assert (result.files, result.deleted, result.conflicts) == (1, 1, 0)
    rig.scan()
    assert rig.saved() == rig.local() == {"a": b"two", "c": b"theirs"}
    rig.clock.ahead -= jump
    assert rig.push().files == 0
    assert rig.saved() == rig.local()


@pytest.mark.parametrize("age", [-3 * YEAR, 3 * YEAR])
def test_files_from_the_future_and_of_long_ago(rig: Rig, age: float) -> None:
    rig.write("a", b"one", age)
    rig.push()
    rig.push()
    facts = (rig.user / "a").stat()
    rig.write("a", b"two", age)
    os.utime(rig.user / "a", ns=(facts.st_mtime_ns, facts.st_mtime_ns))
    rig.push()
    assert rig.saved() == {"a": b"two"}, "size and time are the same: the time of the inode's change tells"


@pytest.mark.parametrize("jump", [-3 * YEAR, 3 * YEAR])
def test_who_waits_for_silence_waits_by_the_clock_that_does_not_jump(rig: Rig, tmp_path: Path, jump: float) -> None:
    @dataclass
    class Jumping(TestClock):
        def sleep(self, seconds: float) -> None:
            super().sleep(seconds)
            self.ahead += jump

    clock = Jumping(boot_id="m2")
    replace(rig, root=tmp_path / "other", machine="m2", generation=2, fenced=False, clock=clock).pull()
    assert VALID_SECONDS < clock.since_boot - 1000 < VALID_SECONDS + 60


@pytest.mark.parametrize("jump", [-3 * YEAR, 3 * YEAR])
def test_a_heartbeat_does_not_age_by_a_jump(rig: Rig, jump: float) -> None:
    """Nor is it young because the clock was set back."""
    rig.write("a", b"one")
    rig.push()
    rig.clock.ahead += jump
    rig.clock.since_boot += 1
    rig.write("a", b"two", age=10)
    rig.push()
    assert rig.saved() == {"a": b"two"}


def test_versions_of_one_hour_when_the_clock_goes_back(rig: Rig) -> None:
    """An hour that comes twice: its first version stays."""
    rig.clock.ahead -= rig.clock.now() % 3600
    for number, jump in enumerate((0, 3600, -3600, 0)):
        rig.clock.ahead += jump
        rig.write("a", f"{number}", age=10)
        rig.push()
    assert sorted(rig.trash().values()) == [b"0", b"1"]
    assert rig.saved() == {"a": b"3"}


def test_a_conflicts_name_is_never_taken(rig: Rig) -> None:
    """The clock stands still, and one path is in conflict again and again."""
    stamp = rig.clock.stamp()
    rig.clock.stamp = lambda: stamp  # type: ignore[method-assign]
    rig.write("a", b"0")
    rig.push()
    for number in range(1, 4):
        rig.web("a", f"theirs {number}")
        rig.write("a", f"{number}", age=10)
        rig.push()
    assert sorted(rig.saved().values()) == [b"3", b"theirs 1", b"theirs 2", b"theirs 3"]
