"""Steps that run on the machine, whoever started them: an uninstall ends them only on somebody's word."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from cloudify_scipion.errors import ScipionError, StepsRun, TemporaryError
from cloudify_scipion.lifecycle.layout import WORKFLOW_TOOL
from cloudify_scipion.lifecycle.ports import Services, Shell
from cloudify_scipion.lifecycle.project import note
from cloudify_scipion.lifecycle.record import Record
from cloudify_scipion.lifecycle.scipion_project import as_user, unit

WAITS = "scheduled"
ANSWER_SECONDS = 30.0
_NO_SUCH_COMMAND = 2


@dataclass(frozen=True)
class RunningStep:
    """A step whose process lives. `project` is Scipion's (a user may have several); `since` is UTC, ISO 8601.

    `waits`: its process waits until its inputs are there.
    """

    project: str
    id: str
    label: str
    since: str
    waits: bool = False

    def __str__(self) -> str:
        since = f" since {self.since}" if self.since else ""
        does = "waiting for its inputs" if self.waits else "running"
        return f"step {self.id} of Scipion's project {self.project}: {self.label}, {does}{since}"


def running_steps(services: Services, record: Record) -> list[RunningStep]:
    """The steps of all Scipion projects of the machine that run now; none where there is no Scipion, or no machine."""
    if "workflow" not in record.settings or not services.of(record).machines.look(record.machine).running:
        return []
    done = services.connect(record).run(as_user(WORKFLOW_TOOL, "running"), timeout=120, expect=(0, _NO_SUCH_COMMAND))
    if done.code == _NO_SUCH_COMMAND:
        services.progress.say("which steps run cannot be said: the machine's software is older than this question")
        return []
    return _steps(done.stdout, "running")


def ask_about_steps(services: Services, record: Record, *, ends: bool = True, forces: bool = True) -> None:
    """Before a machine is stopped: raises StepsRun if steps run, which names them and says how to go on.

    `ends`: the project is uninstalled; `forces`: otherwise there is `ignore_failure` as well. Where the question has no
    answer (a machine that hangs), that is said, and whoever asks goes on: what it needs itself is asked next.
    """
    try:
        steps = _patiently(services, record)
    except ScipionError as error:
        services.progress.say(f"which steps run cannot be said: {error.what}")
        return
    if steps:
        listed = "\n".join(f"  {step}" for step in steps)
        what = f"steps of project '{record.project}' are running, so nothing was stopped:\n{listed}"
        raise StepsRun(what, _next(record) if ends else _next_stop(record, forces))


def _patiently(services: Services, record: Record) -> list[RunningStep]:
    """The steps that run; a machine whose steps leave it no time to answer is asked again."""
    end = services.clock.monotonic() + ANSWER_SECONDS
    while True:
        try:
            return running_steps(services, record)
        except TemporaryError as error:
            if services.clock.monotonic() + error.retry_after > end:
                raise
            services.clock.sleep(error.retry_after)


def stop_steps(services: Services, record: Record) -> Record:
    """End all steps that run, and the workflow's unit, which stays ended until the project is installed again."""
    if "workflow" not in record.settings or not services.of(record).machines.look(record.machine).running:
        services.progress.say("nothing runs: there is no machine, or no Scipion on it")
        return record
    shell = services.connect(record)
    steps = running_steps(services, record)
    record = record.asking("workflow", {**record.settings["workflow"], "run": False})
    services.projects.save(record)
    shell.run(["systemctl", "disable", "--quiet", "--now", unit(record)], timeout=120)
    _stop_others(shell)
    for step in steps:
        record = note(services, record, f"stopped on somebody's word: {step}")
    return record


def _stop_others(shell: Shell) -> None:
    """Those that were not the unit's end as if they had been stopped in Scipion's window; those that were fail."""
    shell.run(as_user(WORKFLOW_TOOL, "stop"), timeout=300)


def _steps(stdout: str, name: str) -> list[RunningStep]:
    rows: Sequence[dict[str, str]] = json.loads(stdout.strip().splitlines()[-1])[name]
    return [_step(row) for row in rows]


def _step(row: dict[str, str]) -> RunningStep:
    return RunningStep(row["project"], row["id"], row["label"], row.get("since", ""), row.get("status") == WAITS)


def _next(record: Record) -> str:
    project, deployment = record.project, record.binding.deployment
    forced = f"cfy uninstall -b {deployment} -p ignore_failure=true"
    return f"""wait until they have ended, or
    cloudify-scipion stop-steps {project}    end them (or: cfy executions start stop_steps -b {deployment}),
  then uninstall again; or
    {forced}    end them and go, unsealed: the volume is held"""


def _next_stop(record: Record, forces: bool) -> str:
    forced = "; or\n    the same with ignore_failure=true (of an operation, its own parameter)    stop all the same"
    return f"""wait until they have ended, or
    cloudify-scipion stop-steps {record.project}    end them, then do the same again{forced * forces}"""
