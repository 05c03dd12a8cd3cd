"""What the agent says (`status.json`), and the words in which the user reads it."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_LONGEST = 2000
"""Characters of a text that are shown."""
_LAST_TIME = 253_370_000_000.0
"""A time that no calendar shows in every zone, in seconds since 1970."""


@dataclass(frozen=True)
class Question:
    """Something that only the user can decide, and the words that are answers to it."""

    id: str
    text: str
    answers: tuple[str, ...]
    number: int = 0
    """Tells one question of that name from the next: an answer holds for what was asked."""


@dataclass(frozen=True)
class Result:
    """How a work ended: `at` in seconds since 1970 (0: unknown); `message` and `next` are for people."""

    ok: bool
    at: float
    message: str
    next: str


@dataclass(frozen=True)
class Status:
    """What the agent is doing, what it did, and what it wants to know; the numbers are 0 where it does not know.

    `saved` is when all was last saved, in seconds since 1970.
    """

    work: str
    phase: str
    pulled: bool
    saved: float
    unsaved: int
    files_done: int
    files_total: int
    bytes_done: int
    bytes_total: int
    seconds_left: float
    held_files: int
    held_bytes: int
    questions: tuple[Question, ...]
    alarms: tuple[str, ...]
    last: Mapping[str, Result]


def parse_status(text: str, progress: str = "") -> Status | None:
    """What the agent said, and in `progress` what it is doing. None for what is no status; whatever is missing or odd
    counts as unknown."""
    given, going = _document(text), _document(progress)
    if given is None:
        return None
    if going and _alive(going.get("pid")):
        given = {**given, **{name: going.get(name) for name in _GOING}}
    last, held = given.get("last"), given.get("held")
    held = held if isinstance(held, dict) else {}
    return Status(
        work=_text(given.get("work")),
        phase=_text(given.get("phase")),
        pulled=given.get("pulled") is True,
        saved=_time(given.get("saved")),
        **{name: int(_number(given.get(name))) for name in _COUNTS},
        seconds_left=_number(given.get("seconds_left")),
        **{f"held_{name}": int(_number(held.get(name))) for name in ("files", "bytes")},
        questions=tuple(filter(None, map(_question, _items(given.get("questions"))))),
        alarms=tuple(filter(None, map(_text, _items(given.get("alarms"))))),
        last={name: _result(told) for name, told in last.items()} if isinstance(last, dict) else {},
    )


def line(status: Status | None, disks: Sequence[str] = ()) -> tuple[str, bool]:
    """What is worth a line on the desktop, and whether it is an alarm. An empty text: nothing is.

    `disks` is what is said of disks that are nearly full.
    """
    alarms = [*disks, *(reversed(status.alarms) if status else ())]
    if alarms:
        more = f" (and {len(alarms) - 1} more)" if len(alarms) > 1 else ""
        return alarm(alarms[0]) + more, True
    if status is None or status.pulled:
        return "", False
    if status.work == "pull":
        return f"Your data are on their way: {progress(status)}", False
    failed = _failed_pull(status)
    return failed, bool(failed)


def alarm(text: str) -> str:
    """An alarm's first line; the time before it, which is the agent's (UTC), as this machine's clock shows it."""
    at, _, rest = text.partition(" ")
    when = _time(at)
    return first_line(f"{clock(when)}: {rest}" if when else text)


def clock(at: float, now: float = 0.0) -> str:
    """A time as this machine's clock shows it, with its zone, and the day if that is not today's."""
    moment = datetime.fromtimestamp(at).astimezone()
    today = moment.date() == datetime.fromtimestamp(now).date()
    return f"{moment:%H:%M %Z}" if today else f"{moment.day} {moment:%B, %H:%M %Z}"


def progress(status: Status) -> str:
    """How far the agent is."""
    if not status.files_total and not status.bytes_total:
        return "looking at what is there"
    parts = [f"{status.files_done:,} of {status.files_total:,} files"]
    if status.bytes_total:
        parts.append(f"{size(status.bytes_done)} of {size(status.bytes_total)}")
    if status.seconds_left > 0:
        parts.append(f"{duration(status.seconds_left)} left")
    return ", ".join(parts)


def open_questions(status: Status | None, answered: Sequence[Question]) -> list[Question]:
    """Questions that nobody has answered yet."""
    done = {(question.id, question.number) for question in answered}
    return [one for one in status.questions if (one.id, one.number) not in done] if status else []


def size(count: float) -> str:
    """Bytes for people, in powers of 1000."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "bytes" or count >= 100 else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:,.1f} TB"


def duration(seconds: float) -> str:
    """A time for people, in one unit."""
    for unit, length, limit in (("second", 1, 90), ("minute", 60, 5400), ("hour", 3600, 172800)):
        if seconds < limit:
            count = max(1, round(seconds / length))
            return f"{count} {unit}{'s' if count > 1 else ''}"
    return f"{round(seconds / 86400)} days"


def first_line(text: str) -> str:
    """A text's first line, not longer than a line on the screen."""
    found = text.strip().split("\n", 1)[0]
    return found if len(found) <= 160 else f"{found[:159]}\u2026"


_COUNTS = ("unsaved", "files_done", "files_total", "bytes_done", "bytes_total")
_GOING = ("work", "phase", *_COUNTS[1:], "seconds_left")
"""What `progress.json` knows better than the last summary."""


def _failed_pull(status: Status) -> str:
    pull = status.last.get("pull")
    return f"Your data could not be fetched: {first_line(pull.message)}" if pull and not pull.ok else ""


def _document(text: str) -> dict[str, Any] | None:
    try:
        given = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return given if isinstance(given, dict) else None


def _alive(pid: object) -> bool:
    """Whether that process is there, also where others' processes are hidden."""
    if not isinstance(pid, int) or not 0 < pid < 1 << 31:
        return False
    try:
        os.kill(pid, 0)
    except OSError as error:
        return isinstance(error, PermissionError)
    return True


def _question(given: object) -> Question | None:
    if not isinstance(given, dict):
        return None
    name, text = _text(given.get("id")), _text(given.get("text"))
    answers = tuple(word for word in map(_text, _items(given.get("answers"))) if word and "\n" not in word)
    number = int(_number(given.get("number")))
    return Question(name, text, answers, number) if _ID.fullmatch(name) and text and answers else None


def _result(given: object) -> Result:
    told = given if isinstance(given, dict) else {}
    return Result(told.get("ok") is True, _time(told.get("at")), _text(told.get("message")), _text(told.get("next")))


def _time(value: object) -> float:
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value).timestamp()
        except (ValueError, OverflowError, OSError):
            return 0.0
    found = _number(value)
    return found if found < _LAST_TIME else 0.0


def _number(value: Any) -> float:
    """Not negative, and not without bounds."""
    known = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1e15
    return float(value) if known else 0.0


def _text(value: object) -> str:
    return value[:_LONGEST] if isinstance(value, str) else ""


def _items(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
