"""All projects of a state root at one look: how each stands, and what of it needs a person. Nothing is changed."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime

from cloudify_scipion.errors import ScipionError
from cloudify_scipion.lifecycle.agent import AgentStatus, agent_status
from cloudify_scipion.lifecycle.ports import Services
from cloudify_scipion.lifecycle.record import Record
from cloudify_scipion.lifecycle.unsaved import Need, saving_needs
from cloudify_scipion.lifecycle.volume import why_held

AT_ONCE, ASKED_SECONDS = 32, 10.0
"""So many machines are asked at the same time, each for so long: one that hangs delays nobody's list for longer."""
RUNNING, DOWN, GONE, RESCUE, HELD, BEGUN, DAMAGED = STATES = (
    "running", "down", "gone", "rescue", "held", "begun", "damaged",
)  # fmt: skip
EXPIRED = "expired"
_BROKEN = (ScipionError, OSError, ValueError, KeyError, TypeError, AttributeError)
"""What a record, or an agent, raises that cannot be read, or says what none of them says."""


@dataclass(frozen=True)
class Project:
    """One project. `state` is one of STATES; times are UTC in ISO 8601, empty where they are not known.

    `seconds_left` is negative once the time limit is over, and None where it is not known.
    """

    project: str
    title: str = ""
    deployment: str = ""
    state: str = DAMAGED
    expires: str = ""
    seconds_left: float | None = None
    saved: str = ""
    needs: Sequence[Need] = ()


def all_projects(services: Services) -> Sequence[Project]:
    """Every project, by id. One that cannot be read or asked is in the list, too, and says so."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        found = pool.map(lambda project: _project(services, project), services.projects.ids())
        return [project for project in found if project]


def _project(services: Services, project: str) -> Project | None:
    """How it stands; None if it has come to its end meanwhile."""
    try:
        record = services.projects.load(project)
        return _seen(services, record) if record else None
    except _BROKEN as error:
        return Project(project, needs=[Need(DAMAGED, getattr(error, "what", "") or f"what is known of it: {error!r}")])


def _seen(services: Services, record: Record) -> Project:
    state = _state(services, record)
    agent = _agent(services, record) if state == RUNNING else None
    left = (datetime.fromisoformat(record.expires) - services.clock.now()).total_seconds()
    return Project(
        project=record.project,
        title=record.settings.get("project", {}).get("title") or record.project,
        deployment=record.binding.deployment,
        state=state,
        expires=record.expires,
        seconds_left=left,
        saved=_last_saved(record, agent),
        needs=[
            *_of_state(record, state),
            *(saving_needs(record, agent, services.clock.now()) if state == RUNNING else ()),
            *([Need(EXPIRED, f"the time limit has been over since {record.expires}")] if left < 0 else ()),
        ],
    )


def _state(services: Services, record: Record) -> str:
    if record.rescuing:
        return RESCUE
    if not record.installed:
        return HELD if why_held(record) else BEGUN
    facts = services.of(record).machines.look(record.machine)
    return GONE if not facts.exists else RUNNING if facts.running else DOWN


def _of_state(record: Record, state: str) -> list[Need]:
    repair = f"cloudify-scipion repair {record.project}"
    needs = {
        DOWN: f"its machine is not running: {repair}",
        GONE: f"its machine is gone: {repair}, or cloudify-scipion rescue {record.project}",
        HELD: f"its volume is kept: {why_held(record)}; see cloudify-scipion held",
        RESCUE: f"a rescue of its data goes on, or was broken off: cloudify-scipion rescue {record.project}",
    }
    return [Need(state, needs[state])] if state in needs else []


def _agent(services: Services, record: Record) -> AgentStatus | None:
    try:
        return agent_status(services.connect(record), ASKED_SECONDS)
    except _BROKEN:
        return None


def _last_saved(record: Record, agent: AgentStatus | None) -> str:
    """When all was saved last, as far as is known: by the agent, else by the seal, else by the last save from here."""
    if agent and agent.saved:
        return agent.saved
    kept = record.saved if record.saved.get("work") == "push" and record.saved.get("ok") else {}
    return str(record.seal.get("at") or kept.get("at") or "")
