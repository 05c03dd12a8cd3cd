"""Whether a project's data are being saved: reasons why not, from what the agent on its machine says."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cloudify_scipion.errors import ScipionError
from cloudify_scipion.lifecycle.agent import AgentStatus
from cloudify_scipion.lifecycle.record import Record
from cloudify_scipion.lifecycle.space import saved_part

LATE = timedelta(hours=1)
"""So long after the last save, with nothing going on, saving has stopped: one begins every 5 minutes. The desktop tells
its user the same after the same time."""
ALARM = timedelta(days=1)
"""So long an alarm counts: the agent goes on naming the last 20, whatever has become of what they are about."""
SILENT, FIRST_COPY, DOUBT, LATE_SAVE, QUESTION, ALARMED = KINDS = (
    "silent", "first_copy", "doubt", "late", "question", "alarm",
)  # fmt: skip


PROOFS = ("push", "verify", "seal")
"""Works after which, if they succeed, it is known what is saved."""


@dataclass(frozen=True)
class Need:
    """Something that needs a person: `kind` is a word for programs, `text` a sentence for people."""

    kind: str
    text: str


def saving_needs(record: Record, status: AgentStatus | None, now: datetime) -> list[Need]:
    """Why a running project's data are not being saved; nothing where none are asked to be."""
    try:
        return why_unsaved(status, now) if saved_part(record) else []
    except ScipionError as error:  # the site does not have that data space any more
        return [Need(SILENT, error.what)]


def why_unsaved(status: AgentStatus | None, now: datetime) -> list[Need]:
    """Why data are not being saved, or somebody must look whether they are; empty if all is well.

    `status` is None where the agent does not answer. `now` is UTC, aware.
    """
    if status is None:
        return [Need(SILENT, "the agent on the machine, which saves the data, does not answer")]
    found = [*_saving(status, now)]
    found += [Need(QUESTION, f"{question['id']}: {question['text']}") for question in status.questions]
    return found + [
        Need(ALARMED, alarm) for alarm in status.alarms if now - _time(alarm.partition(" ")[0], now) < ALARM
    ]


def _saving(status: AgentStatus, now: datetime) -> Iterator[Need]:
    pulled = status.last.get("pull")
    saved = status.saved or (pulled.at if pulled else "")
    if not status.pulled:
        yield Need(
            FIRST_COPY,
            f"the first copy from the data space is not complete, and nothing is saved before{_why(status, 'pull')}",
        )
    elif status.doubt:
        yield Need(DOUBT, f"it is not certain that all is saved: {status.doubt}{_why(status, *PROOFS)}")
    elif saved and not status.work and now - _time(saved, now) > LATE:
        yield Need(LATE_SAVE, f"nothing has been saved since {saved}")


def _why(status: AgentStatus, *works: str) -> str:
    """What those of these works said that failed when they were done last."""
    ended = [status.last[work] for work in works if work in status.last]
    return "".join(f": {result.message}" for result in ended if not result.ok and result.message)


def _time(text: str, otherwise: datetime) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return otherwise
    return found if found.tzinfo else found.replace(tzinfo=UTC)
