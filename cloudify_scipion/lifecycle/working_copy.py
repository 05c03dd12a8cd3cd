"""The working copy: configured, filled from the data space, watched, healed, and saved."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from cloudify_scipion.errors import PermanentError, ScipionError
from cloudify_scipion.lifecycle.agent import DONE, AgentStatus, Result, agent_status, error_of, run_work
from cloudify_scipion.lifecycle.layout import AGENT_COMMAND, SAVING_UNITS
from cloudify_scipion.lifecycle.machine import start_machine
from cloudify_scipion.lifecycle.ports import Services
from cloudify_scipion.lifecycle.project import note, update
from cloudify_scipion.lifecycle.record import Record
from cloudify_scipion.lifecycle.space import datasets, mount_error, saved_part, space_mounts, space_secrets
from cloudify_scipion.lifecycle.steps import ask_about_steps
from cloudify_scipion.project.spaces import kinds_with_secrets

HEALTH_SECONDS = 20.0
TURNS = 2
"""How often a save is tried: what the first finds missing, the second saves."""


def renew_token(services: Services, record: Record) -> Record:
    """Give the machine the new values of its tokens, and mount the data spaces anew with them."""
    if not (secrets := space_secrets(services, record)):
        which = f"only data spaces of {kinds_with_secrets()} need one"
        raise PermanentError(f"project '{record.project}' uses no token", which)
    for mounts in space_mounts(record):
        mounts.prepare(services.connect(record), secrets)
        mounts.mount_anew(services.connect(record))
    return note(services, record, "the machine has a new token, and mounts the data spaces with it")


def pull_data(services: Services, record: Record) -> Record:
    """Fill the working copy from the data space, or go on with that, and then have it saved every few minutes."""
    if saved_part(record) is None:
        return record
    record = _told(services, record, run_work(services, record, "pull"))
    start_saving(services, record)
    return record


def start_saving(services: Services, record: Record) -> None:
    """Have the working copy saved every few minutes, and when the user asks for it."""
    services.connect(record).run(["systemctl", "start", *SAVING_UNITS])


def save(services: Services, record: Record) -> Record:
    """Save what has changed, and prove it by reading it back. Raises NotAllSaved naming what could not be saved."""
    if saved_part(record) is None:
        raise PermanentError(f"project '{record.project}' has no data space", "name one in data.project.source")
    if not services.of(record).machines.look(record.machine).running:
        what = f"the machine of project '{record.project}' does not run"
        raise PermanentError(what, f"cloudify-scipion repair {record.project}, or rescue {record.project}")
    for turn in range(TURNS):
        record, pushed = push(services, record)
        problem = _save_problem(services, record, pushed)
        if problem is None:
            return record
        if turn + 1 == TURNS:
            raise problem
        services.progress.say(f"{problem.what}: saving once more")
    return record


def push(services: Services, record: Record) -> tuple[Record, Result]:
    """Save what has changed; how that ended."""
    result = run_work(services, record, "push")
    return _told(services, record, result), result


def _save_problem(services: Services, record: Record, pushed: Result) -> ScipionError | None:
    """What a push has left unsaved, or a second look finds missing."""
    if pushed.code != DONE:
        return error_of(pushed)
    try:
        verified = run_work(services, record, "verify")
    except PermanentError as error:
        return error
    return None if verified.code == DONE else error_of(verified)


def data_problem(services: Services, record: Record) -> str:
    """What is wrong with the data space, its mounts or the agent; empty if nothing is. Answers within 20 s."""
    if lines := _unwell_mounts(services, record):
        error = mount_error(services, record)
        return "; ".join([*lines, *([error.what] if error else [])])
    if saved_part(record) is None or agent_status(services.connect(record)).pulled:
        return ""
    return "the working copy is not complete yet"


def remount(services: Services, record: Record) -> Record:
    """Mount anew what is not there or does not answer. What the provider mounts comes with a boot of the machine; what
    can be saved before is.

    Raises StepsRun where that would end steps.
    """
    lines = _unwell_mounts(services, record)
    if lines and any(mounts.folders() for mounts in space_mounts(record)):
        ask_about_steps(services, record, ends=False, forces=False)
        record = _saved_if_possible(services, record, lines)
        record = note(services, record, f"{'; '.join(lines)}: the machine is started again, which mounts it anew")
        services.of(record).machines.stop(record.machine)
        record = start_machine(services, record)
    if lines:
        for mounts in space_mounts(record):
            mounts.mount_anew(services.connect(record), lines)
    return record


def _saved_if_possible(services: Services, record: Record, lines: Sequence[str]) -> Record:
    """Save what has changed, where it is another mount than the data space's that is lost."""
    part = saved_part(record)
    if part is None or any(not line.startswith("/") or line.startswith(f"{part.target} ") for line in lines):
        return record
    try:
        return push(services, record)[0]
    except ScipionError as error:
        services.progress.say(f"it could not be saved before: {error.what}")
        return record


def _unwell_mounts(services: Services, record: Record) -> list[str]:
    """What is wrong with the mounts of data spaces: a line for each, which begins with where it is.

    The agent asks, also where it has nothing to save: whoever waits for a mount that hangs cannot be ended.
    """
    mounted = [part.target for part in datasets(record)]
    if saved_part(record) is None and not mounted:
        return []
    words = [AGENT_COMMAND, "health", *(word for target in mounted for word in ("--dataset", target))]
    done = services.connect(record).run(words, timeout=HEALTH_SECONDS, expect=range(128))
    if done.code == 0:
        return []
    lines = [line for line in (done.stdout or done.stderr).splitlines() if line.strip()]
    return lines or ["the agent does not answer"]


def saving_status(services: Services, record: Record) -> AgentStatus | None:
    """What the agent says, None where there is none or it cannot be asked."""
    try:
        return agent_status(services.connect(record)) if saved_part(record) else None
    except ScipionError:
        return None


def unsaved_lines(status: AgentStatus) -> list[str]:
    """What is not saved, for people; empty if everything was at the last look."""
    lines = [] if status.pulled else ["the first copy from the data space was never complete"]
    lines += [f"{status.unsaved} files are not saved yet"] if status.unsaved else []
    lines += [status.doubt] if status.doubt and status.pulled else []
    lines += [f"alarm: {alarm}" for alarm in status.alarms]
    answer = f"`{AGENT_COMMAND} answer ID WORD` on the machine"
    return lines + [f"question {q['id']}: {q['text']} ({'/'.join(q['answers'])}: {answer})" for q in status.questions]


def _told(services: Services, record: Record, result: Result) -> Record:
    """Keep in the record how a work ended."""
    known = {key: value for key, value in asdict(result).items() if key != "facts"}
    record = update(services, record, saved=known)
    if result.code != DONE:
        return note(services, record, f"{result.work}: {result.message}")
    services.progress.say(f"{result.work}: {result.message or 'done'}")
    return record
