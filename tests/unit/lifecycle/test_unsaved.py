"""Why data are not being saved: each reason that an agent's status can give, and what is none."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from cloudify_scipion.lifecycle.agent import AgentStatus, Result
from cloudify_scipion.lifecycle.unsaved import ALARM, KINDS, LATE, why_unsaved

NOW = datetime(2030, 1, 31, 14, 5, tzinfo=UTC)


def at(before: timedelta) -> str:
    return (NOW - before).isoformat()


def ended(work: str, message: str = "", before: timedelta = timedelta(minutes=2)) -> Result:
    return Result(work, not message, int(bool(message)), at(before), message)


WELL = AgentStatus(pulled=True, saved=at(timedelta(minutes=5)), last={"pull": ended("pull"), "push": ended("push")})
SOON = timedelta(seconds=1)
REASONS: dict[str, tuple[AgentStatus | None, str]] = {
    "silent": (None, "does not answer"),
    "first_copy": (
        replace(WELL, pulled=False, doubt="the first pull is not complete", last={"pull": ended("pull", "no room")}),
        "nothing is saved before: no room",
    ),
    "doubt": (
        replace(WELL, doubt="the last push did not succeed", last={"push": ended("push", "space is away")}),
        "it is not certain that all is saved: the last push did not succeed: space is away",
    ),
    "late": (replace(WELL, saved=at(LATE + SOON)), f"nothing has been saved since {at(LATE + SOON)}"),
    "question": (
        replace(WELL, questions=[{"id": "deletions", "text": "Delete 30 files?", "answers": ["delete", "restore"]}]),
        "deletions: Delete 30 files?",
    ),
    "alarm": (replace(WELL, alarms=[f"{at(ALARM - SOON)} a is newer"]), "a is newer"),
}
NO_REASON = {
    "all is well": WELL,
    "nothing was saved yet after the first copy": replace(WELL, saved=None),
    "files are still being written": replace(WELL, unsaved=3),
    "a save takes long": replace(WELL, saved=at(5 * LATE), work="push", phase="saving"),
    "a look failed that proves nothing": replace(WELL, last={**WELL.last, "scan": ended("scan", "away")}),
    "an alarm that was there the day before": replace(WELL, alarms=[f"{at(ALARM + SOON)} a is newer"]),
    "just in time": replace(WELL, saved=at(LATE)),
}


def test_every_kind_of_reason_is_tried() -> None:
    assert set(REASONS) == set(KINDS)


@pytest.mark.parametrize("kind", REASONS)
def test_a_reason_is_found_and_told(kind: str) -> None:
    status, words = REASONS[kind]
    (need,) = why_unsaved(status, NOW)
    assert need.kind == kind and need.text.endswith(words)


@pytest.mark.parametrize("case", NO_REASON)
def test_what_is_no_reason(case: str) -> None:
    assert why_unsaved(NO_REASON[case], NOW) == []


def test_several_reasons_are_told_together() -> None:
    status = replace(
        WELL,
        doubt="the last verify did not succeed",
        questions=[{"id": "a", "text": "b"}],
        alarms=["no time at all", ""],
    )
    assert [need.kind for need in why_unsaved(status, NOW)] == ["doubt", "question", "alarm", "alarm"]


def test_the_first_copy_stands_for_the_last_save_until_there_is_one() -> None:
    status = replace(WELL, saved=None, last={"pull": ended("pull", before=LATE + SOON)})
    assert [need.kind for need in why_unsaved(status, NOW)] == ["late"]


def test_a_time_without_a_zone_is_utc() -> None:
    saved = at(LATE + SOON).removesuffix("+00:00")
    assert [need.kind for need in why_unsaved(replace(WELL, saved=saved), NOW)] == ["late"]
