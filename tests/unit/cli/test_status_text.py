"""What `status` says to a person of saving and of time."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import pytest

from cloudify_scipion.cli.status import moment, saving_line, time_left
from cloudify_scipion.lifecycle.agent import AgentStatus

SAVED = asdict(AgentStatus(pulled=True, saved="2030-01-31T15:05:00+01:00"))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "all saved, 2030-01-31 14:05 UTC"),
        ({"saved": None}, "all saved"),
        ({"unsaved": 1}, "1 file not saved yet, last saved 2030-01-31 14:05 UTC"),
        ({"unsaved": 2, "saved": None}, "2 files not saved yet, nothing was saved so far"),
        (
            {"doubt": "the last push did not succeed", "unsaved": 2},
            "NOT CERTAIN that all is saved: the last push did not succeed, at least 2 files not saved yet,"
            " last saved 2030-01-31 14:05 UTC",
        ),
        (
            {"pulled": False, "work": "pull", "phase": "pulling"},
            "the first copy from the data space is not complete; now: pull, pulling",
        ),
    ],
)
def test_saving(changes: dict[str, Any], words: str) -> None:
    assert saving_line({**SAVED, **changes}) == words
    assert saving_line({}) == ""


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(13 * 86400 + 7200, "13 days 2 h"), (90000, "1 day 1 h"), (-90000, "none: expired 1 day 1 h ago")],
)
def test_time(seconds: float, words: str) -> None:
    assert time_left(seconds) == words
    assert moment("2030-01-31T15:05:00+01:00") == "2030-01-31 14:05 UTC"
