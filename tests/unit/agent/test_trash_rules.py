"""What may go from the trash, whatever lies there and however the clock goes."""

from __future__ import annotations

from itertools import accumulate

from hypothesis import given
from hypothesis import strategies as st

from cloudify_scipion.agent.plan.guards import is_scratch, run_of
from cloudify_scipion.agent.plan.room import Changed, is_low
from cloudify_scipion.agent.plan.trash import DAY, Budget, Version, going, limit_for, lived

WEEK = 7 * DAY
sizes = st.integers(0, 10_000)
ages = st.floats(0, 30 * DAY)


@given(st.lists(st.tuples(sizes, ages)), st.floats(0, 60 * DAY))
def test_nothing_younger_than_the_minimum_age_goes(kept: list[tuple[int, float]], now: float) -> None:
    versions = [Version(b"%d" % number, size, came) for number, (size, came) in enumerate(kept)]
    gone = list(going(versions, now, WEEK))
    assert all(now - version.came >= WEEK for version in gone)
    assert gone == [version for version in versions if version in gone], "in the order in which they came"
    assert all(now - version.came < WEEK for version in versions if version not in gone)


@given(sizes, sizes, sizes, st.lists(sizes, max_size=20))
def test_what_is_taken_fits_once_the_old_is_gone(limit: int, young: int, old: int, more: list[int]) -> None:
    budget, young = Budget(limit, min(young, limit) + old, old), min(young, limit)
    for size in more:
        if budget.takes(size):
            budget, young = budget.with_more(size), young + size
    assert young <= limit + limit // 10, "by so much for small files"
    large = [size for size in more if size > limit // 1000]
    if large == more:
        assert young <= limit or not any(more)


@given(st.integers(0, 10**15), st.integers(0, 10**15))
def test_the_limit_looks_at_what_the_data_space_has(asked: int, whole: int) -> None:
    limit = limit_for(asked, whole)
    assert limit <= asked and (limit <= whole / 4 or not whole)


@given(st.lists(st.tuples(st.booleans(), st.floats(-1e6, 1e6)), max_size=30))
def test_lived_time_is_never_more_than_what_passed_within_boots(steps: list[tuple[bool, float]]) -> None:
    seconds, since, passed = 0.0, 0.0, 0.0
    for same_boot, step in steps:
        now = max(0.0, since + step)
        before, seconds = seconds, lived(seconds, since, now, same_boot)
        assert seconds >= before
        passed += max(0.0, now - since) if same_boot else 0.0
        since = now
    assert seconds <= passed + 1e-3


@given(st.lists(st.tuples(st.integers(0, 1000), st.floats(0, 2 * DAY)), max_size=30))
def test_what_is_changed_in_a_day(steps: list[tuple[int, float]]) -> None:
    changed, days = Changed(), dict[int, int]()
    for (size, _), now in zip(steps, accumulate(after for _, after in steps), strict=True):
        changed = changed.with_more(size, now)
        days[int(now // DAY)] = days.get(int(now // DAY), 0) + size
        today = int(now // DAY)
        assert changed.in_a_day() == max(days[today], days.get(today - 1, 0))


def test_when_the_data_space_is_nearly_full() -> None:
    assert is_low(49, 1000, 5, 0) and not is_low(50, 1000, 5, 0)
    assert is_low(99, 1000, 5, 100) and not is_low(100, 1000, 5, 100)
    assert not is_low(0, 0, 5, 100), "a data space that says nothing"
    assert not is_low(0, 1000, 5, 100), "some say 0 whatever there is"


def test_runs_of_scipion() -> None:
    assert run_of(b"projects/p/Runs/000012_ProtRelion/extra/a") == b"projects/p/Runs/000012_ProtRelion"
    assert run_of(b"Runs/000012_ProtRelion/a/Runs/x") == b"Runs/000012_ProtRelion"
    assert run_of(b"Runs/000012_ProtRelion") == run_of(b"Runs/12_x/a") == run_of(b"MyRuns/000012_x/a") == b""
    assert is_scratch(b"p/Runs/000012_X/tmp/a/b") and not is_scratch(b"p/Runs/000012_X/extra/tmp/a")
    assert not is_scratch(b"tmp/a") and not is_scratch(b"p/Runs/000012_X/tmp")
