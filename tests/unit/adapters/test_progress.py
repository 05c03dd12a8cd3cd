"""Nothing is silent for long."""

from __future__ import annotations

import threading
import time

import pytest

from cloudify_scipion.adapters.progress import LineProgress


def test_a_line() -> None:
    lines: list[str] = []
    LineProgress(lines.append).say("hello")
    assert lines == ["hello"]


def test_signs_of_life() -> None:
    lines: list[str] = []
    seen = threading.Event()

    def write(line: str) -> None:
        lines.append(line)
        if len(lines) == 4:
            seen.set()

    with LineProgress(write, interval=0.02).during("making x"):
        assert seen.wait(10)
    assert lines[0] == "making x ..."
    assert lines[1] == "making x: still at it after 0 s"
    assert lines[-1] == "making x: done in 0 s"


def test_a_sign_of_life_names_what_is_waited_for() -> None:
    lines: list[str] = []
    seen = threading.Event()

    def write(line: str) -> None:
        lines.append(line)
        if "waiting for" in line:
            seen.set()

    progress = LineProgress(write, interval=0.02)
    with progress.during("making x"):
        progress.waiting("one.deb from mirror.example, 12 MB of 53 MB")
        assert seen.wait(10)
    told = next(line for line in lines if "waiting" in line)
    assert told == "making x: still at it after 0 s, waiting for one.deb from mirror.example, 12 MB of 53 MB"
    seen.clear()
    with progress.during("making y"):
        assert not seen.wait(0.1), "another step waits for nothing"


def test_a_quick_step_has_none() -> None:
    lines: list[str] = []
    with LineProgress(lines.append, interval=60).during("making x"):
        pass
    assert lines == ["making x ...", "making x: done in 0 s"]


def test_a_step_that_fails_is_not_done_and_says_no_more() -> None:
    lines: list[str] = []
    with pytest.raises(ValueError, match="x"), LineProgress(lines.append, interval=0.01).during("making x"):
        raise ValueError("x")
    count = len(lines)
    time.sleep(0.1)
    assert len(lines) == count
    assert "done" not in lines[-1]
