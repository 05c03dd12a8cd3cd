"""A data space that gets full: an alarm in time, and our own trash yields before saving ends."""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from cloudify_scipion.agent.errors import NoRoom
from cloudify_scipion.agent.ports.tree import Tree
from tests.unit.agent.rig import Rig

HOUR, DAY = 3600.0, 86_400.0
SIZE = 20_000


@dataclass
class Quota:
    """A data space with a quota that it does not tell."""

    space: Path
    limit: int
    says: tuple[int, int] = (10**12, 10**13)

    def trees(self, path: str) -> Tree:
        return Limited(path, self) if path == str(self.space) else Tree(path)

    def used(self) -> int:
        return sum(path.stat().st_size for path in self.space.rglob("*") if path.is_file())


class Limited(Tree):
    """A write over the quota fails, as does room that is reserved."""

    def __init__(self, path: str, quota: Quota) -> None:
        super().__init__(path)
        self._quota = quota

    def write(self, fd: int, data: bytes | memoryview) -> None:
        self._must_fit(len(data))
        super().write(fd, data)

    def reserve(self, fd: int, size: int) -> None:
        self._must_fit(size)

    def room(self) -> tuple[int, int]:
        return self._quota.says

    def _must_fit(self, size: int) -> None:
        if self._quota.used() + size > self._quota.limit:
            raise OSError(errno.EDQUOT, os.strerror(errno.EDQUOT))


@pytest.fixture
def quota(new: Rig) -> Quota:
    return Quota(new.space, 10 * SIZE)


@pytest.fixture
def limited(new: Rig, quota: Quota) -> Rig:
    rig = replace(new, trees=quota.trees)
    rig.pull()
    return rig


def change(rig: Rig, number: int) -> None:
    rig.write("model", bytes([number]) * SIZE, age=300)
    rig.push()


def fill(rig: Rig) -> int:
    """Change a file until the trash has filled the data space."""
    for number in range(20):
        try:
            change(rig, number)
        except NoRoom:
            return number
        rig.clock.pass_time(HOUR)
    raise AssertionError("it never gets full")


def test_when_it_is_full_what_is_old_enough_yields_by_itself(limited: Rig) -> None:
    for number in range(20):
        change(limited, number)
        limited.clock.pass_time(2 * DAY)
    assert limited.saved() == limited.local()
    assert limited.questions() == []


def test_when_it_is_full_of_young_trash_a_person_is_asked_and_then_saving_goes_on(limited: Rig) -> None:
    full = fill(limited)
    assert "trash" in limited.questions()
    before = limited.trash()
    with pytest.raises(NoRoom):
        limited.push()
    assert limited.trash() == before, "nothing young goes without a word"
    limited.answer("trash", "discard")
    limited.push()
    assert limited.saved()["model"] == bytes([full]) * SIZE
    assert limited.questions() == []
    left = sorted(content[0] for content in limited.trash().values())
    assert left and left == list(range(full - len(left), full)), "the oldest went, and no more than was needed"


def test_who_keeps_the_trash_is_asked_again_after_a_day(limited: Rig) -> None:
    fill(limited)
    limited.answer("trash", "keep")
    for hours, asked in ((1, []), (22, []), (2, ["trash"])):
        limited.clock.pass_time(hours * HOUR)
        with pytest.raises(NoRoom):
            limited.push()
        assert limited.questions() == asked
    assert len(limited.trash()) > 5


def test_who_gave_some_up_is_asked_again_when_it_was_not_enough(limited: Rig) -> None:
    """Within the day, too: as where a work was killed that had made room by that word, and needs it once more."""
    fill(limited)
    limited.answer("trash", "discard")
    limited.push()
    assert limited.questions() == []
    before = len(limited.trash())
    fill(limited)
    assert limited.questions() == ["trash"] and len(limited.trash()) >= before


def test_a_word_counts_for_what_lay_in_the_trash_when_it_was_asked_for(limited: Rig, quota: Quota) -> None:
    fill(limited)
    with limited.world() as world:
        upto = world.index.people.questions()[0]["number"]
        assert upto == world.index.trash.end()
    limited.answer("trash", "discard")
    quota.limit *= 2
    limited.push()
    with limited.world() as world:
        young = world.index.trash.end()
    assert young > upto
    quota.limit = quota.used()
    limited.write("new", b"n" * 15 * SIZE)
    with pytest.raises(NoRoom):
        limited.push()
    with limited.world() as world:
        assert world.index.trash.end() == young, "what came after the question is still there"


def test_there_is_an_alarm_before_it_is_full(limited: Rig, quota: Quota) -> None:
    change(limited, 1)
    assert limited.alarms() == []
    quota.says = (4 * 10**11, 10**13)
    change(limited, 2)
    change(limited, 3)
    (alarm,) = limited.alarms()
    assert "the data space is nearly full: 400.0 GB of 10.0 TB are left" in alarm
    quota.says = (6 * 10**11, 10**13)
    change(limited, 4)
    quota.says = (1, 10**13)
    change(limited, 5)
    assert len(limited.alarms()) == 2, "again once it had got better"


def test_there_is_an_alarm_when_a_day_more_does_not_fit(limited: Rig, quota: Quota) -> None:
    change(limited, 1)
    quota.says = (SIZE, 10**5)
    change(limited, 2)
    assert len(limited.alarms()) == 1


def test_a_quota_that_nobody_tells_is_found_out_by_trying(limited: Rig, quota: Quota) -> None:
    for number in range(4):
        change(limited, number)
        limited.clock.pass_time(HOUR)
    assert limited.alarms() == []
    change(limited, 5)
    limited.clock.pass_time(HOUR)
    change(limited, 6)
    assert len([alarm for alarm in limited.alarms() if "nearly full: its quota" in alarm]) == 1
    names = [path.name for path in (limited.space / ".cloudify-scipion/tmp").iterdir()]
    assert names == [], "nothing is left over"
