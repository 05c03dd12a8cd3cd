"""Durations out of what `cfy install` printed, from the log's own timestamps. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

_LINE = re.compile(
    r"(?P<at>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+)  (?:CFY|LOG) <[^>]*> (?:\[(?P<where>[^\]]+)\] )?(?P<message>.*)"
)
_TASK = re.compile(r"Task (?P<what>started|succeeded) '(?:.*\.)?operations\.(?P<name>[^']+)'")
_BEGIN = re.compile(r"INFO: (?P<name>.+) \.\.\.$")
_DONE = re.compile(r"INFO: (?P<name>.+): done in \d+ s$")
_CHANGED = re.compile(r"INFO: (?P<run>\w+) run: (?P<count>\d+) resources changed in \d+ s$")


@dataclass(frozen=True)
class Line:
    """One line of the log. `where` is a node instance, with its operation if one runs; empty if there is none."""

    at: datetime
    where: str
    message: str


@dataclass(frozen=True)
class Span:
    """Something that took `seconds`."""

    name: str
    seconds: float


@dataclass(frozen=True)
class ColdParts:
    """What of a cold install is not ours to make faster, in seconds."""

    base: float
    puppet: float
    workflow: float

    def own(self, wall: float) -> float:
        """The seconds of an install of `wall` seconds that remain."""
        return wall - self.base - self.puppet - self.workflow


def parse(text: str) -> list[Line]:
    """The lines that have a timestamp; others are left out."""
    found = (_LINE.match(line) for line in text.splitlines())
    return [Line(datetime.fromisoformat(m["at"]), m["where"] or "", m["message"]) for m in found if m]


def operations(lines: Iterable[Line]) -> list[Span]:
    """The operations that ended well, in the order of their ends."""
    begun: dict[str, datetime] = {}
    spans = []
    for line in lines:
        match = _TASK.match(line.message)
        if match and match["what"] == "started":
            begun[match["name"]] = line.at
        elif match and match["name"] in begun:
            spans.append(Span(match["name"], _seconds(begun.pop(match["name"]), line.at)))
    return spans


def steps(lines: Iterable[Line]) -> list[Span]:
    """The steps within operations that say when they begin ("NAME ...") and when they are done."""
    begun: dict[str, datetime] = {}
    spans = []
    for line in lines:
        if match := _BEGIN.match(line.message):
            begun[match["name"]] = line.at
        elif (match := _DONE.match(line.message)) and match["name"] in begun:
            spans.append(Span(match["name"], _seconds(begun.pop(match["name"]), line.at)))
    return spans


def workflow_seconds(lines: Sequence[Line]) -> float:
    """From the first to the last word about the workflow's run; 0 without one."""
    told = [line.at for line in lines if line.message.startswith("INFO: workflow: ")]
    return _seconds(told[0], told[-1]) if told else 0.0


def cold_parts(text: str) -> ColdParts:
    """Base build, Puppet's runs and the workflow's run. Raises ValueError when a line of them is missing."""
    lines = parse(text)
    found = steps(lines)
    base = [span.seconds for span in found if span.name.startswith("building the base system")]
    puppet = [span.seconds for span in found if span.name.startswith("Puppet applies ")]
    workflow = workflow_seconds(lines)
    if not base or not puppet or not workflow:
        raise ValueError(f"this log is not of a cold install: {len(base)} bases, {len(puppet)} runs, {workflow:g} s")
    return ColdParts(sum(base), sum(puppet), workflow)


def changed(text: str) -> dict[str, int]:
    """Resources that each Puppet run changed, by the run's name."""
    found = (_CHANGED.match(line.message) for line in parse(text))
    return {match["run"]: int(match["count"]) for match in found if match}


def _seconds(begin: datetime, end: datetime) -> float:
    return (end - begin).total_seconds()
