"""The benchmark's page."""

from __future__ import annotations

import json

import pytest

from tools.benchmarks.facts import parse_memory
from tools.benchmarks.report import Figure, Part, document, from_json, to_json

PART = Part(
    "again",
    "Install again",
    "make bench",
    "0123abcdef",
    "2026-11-22 17:00 UTC",
    (0.1, 1.25),
    (Figure("`cfy install` once more", (14.0, 12.25, 16.04), limit=15), Figure("resources changed", (0.0, 0.0), "", 0)),
    ("Seconds by operation: machine.start 1.0.",),
)


def test_the_page() -> None:
    lines = document("Machine: 2 cores.", [PART]).splitlines()
    assert lines[0] == "# Benchmarks"
    assert "Machine: 2 cores." in lines
    assert "`make bench` · commit 0123abcdef · 2026-11-22 17:00 UTC · load 0.1 to 1.2" in lines
    assert "| `cfy install` once more | 14 s | 14, 12.2, 16.0 | 15 s | ok |" in lines
    assert "| resources changed | 0 | 0, 0 | 0 | ok |" in lines
    assert lines[-1] == "Seconds by operation: machine.start 1.0."


@pytest.mark.parametrize(
    ("figure", "verdict"),
    [
        (Figure("x", (1.0, 9.0, 2.0), limit=2), "ok"),
        (Figure("x", (1.0, 9.0, 2.01), limit=2), "missed"),
        (Figure("x", (1.0, 1.0, 1.0), limit=2, value=2.5), "missed"),
        (Figure("x", (1.0,)), ""),
    ],
)
def test_the_median_is_compared_with_the_limit(figure: Figure, verdict: str) -> None:
    assert figure.verdict == verdict


def test_parts_survive_json() -> None:
    again = from_json(json.loads(json.dumps(to_json({"again": PART}))))
    assert document("m", [again["again"]]) == document("m", [PART])


def test_memory() -> None:
    assert parse_memory("MemTotal:       8000000 kB\nMemFree: 1 kB\n") == pytest.approx(8.192)
