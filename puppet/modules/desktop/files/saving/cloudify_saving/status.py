"""What the agent says (`status.json`), and the words in which the user reads it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_LONGEST = 2000
"""Characters of a text that are shown."""


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

    `doubt` says why more than `unsaved` files may not be saved.
    """

    work: str
    doubt: str
    pulled: bool
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


def parse_status(text: str) -> Status | None:
    """What the agent said. None for what is no status; whatever is missing or odd counts as unknown."""
    try:
        given = json.loads(text)
    except ValueError:
        return None
    if not isinstance(given, dict):
        return None
    last, held = given.get("last"), given.get("held")
    held = held if isinstance(held, dict) else {}
    return Status(
        work=_text(given.get("work")),
        doubt=_text(given.get("doubt")),
        pulled=given.get("pulled") is True,
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
    alarms = [*disks, *(status.alarms if status else ())]
    if alarms:
        more = f" (and {len(alarms) - 1} more)" if len(alarms) > 1 else ""
        return first_line(alarms[0]) + more, True
    if status is None or status.pulled:
        return "", False
    if status.work == "pull":
        return f"Your data are on their way: {progress(status)}", False
    failed = _failed_pull(status)
    return failed, bool(failed)


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


def summary(status: Status | None, now: float) -> list[str]:
    """Everything that the user may want to know about saving, as paragraphs; `now` in seconds since 1970."""
    if status is None:
        return ["Nothing is known about saving on this machine."]
    found = [_state(status)]
    if status.work and status.pulled:
        found.append(f"Now: {_WORKS.get(status.work, status.work)} ({progress(status)}).")
    push = status.last.get("push")
    if push:
        found.append(f"Last time{_ago(push.at, now)}: {push.message or ('saved' if push.ok else 'not saved')}")
        if push.next and not push.ok:
            found.append(push.next)
    found += [f"Attention: {alarm}" for alarm in status.alarms]
    if status.held_files:
        found.append(f"{status.held_files:,} file(s), {size(status.held_bytes)}, wait for an answer.")
    if status.questions:
        found.append(f"{len(status.questions)} question(s) wait for your answer.")
    return found


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
_WORKS = {
    "pull": "your data are fetched", "push": "changes are saved", "scan": "the data space is looked through",
    "verify": "what was saved is compared", "seal": "the project is brought to its end",
}  # fmt: skip


def _state(status: Status) -> str:
    if not status.pulled:
        on_its_way = f"Your data are being fetched: {progress(status)}." if status.work == "pull" else ""
        return on_its_way or _failed_pull(status) or "Your data have not been fetched yet."
    if status.unsaved:
        return f"{status.unsaved:,} file(s) are not saved yet."
    return f"It is not certain that everything is saved: {status.doubt}." if status.doubt else "Everything is saved."


def _failed_pull(status: Status) -> str:
    pull = status.last.get("pull")
    return f"Your data could not be fetched: {first_line(pull.message)}" if pull and not pull.ok else ""


def _ago(at: float, now: float) -> str:
    if not at:
        return ""
    clock = datetime.fromtimestamp(at).strftime("%H:%M")
    return f" ({clock}, {duration(now - at)} ago)" if now >= at else f" ({clock})"


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
            return datetime.fromisoformat(value).timestamp()
        except (ValueError, OverflowError, OSError):
            return 0.0
    return _number(value)


def _number(value: Any) -> float:
    """Not negative, and not so large that a computer's clock could not show it."""
    known = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1e15
    return float(value) if known else 0.0


def _text(value: object) -> str:
    return value[:_LONGEST] if isinstance(value, str) else ""


def _items(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
