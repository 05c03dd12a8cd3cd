"""The Scipion project: made from the workflow, and its run."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cloudify_scipion.catalogue.entries.load import load_catalogue
from cloudify_scipion.catalogue.software.protocols import providers
from cloudify_scipion.errors import PermanentError, PluginsMissing, ScipionError, WorkflowDropped
from cloudify_scipion.lifecycle.layout import RUN_FOLDER, WORKFLOW_TOOL
from cloudify_scipion.lifecycle.ports import Services, Shell
from cloudify_scipion.lifecycle.project import note
from cloudify_scipion.lifecycle.record import Record

DROPPED, MISSING = 3, 5
POLL_SECONDS, WORD_SECONDS = 2.0, 10.0
FINISHED = "finished"
ENDED = {FINISHED, "failed", "aborted", "interactive"}
BROKEN = {"failed", "aborted"}
PATIENT_LOOKS = 3
"""So many looks in a row must find that only a person is awaited: between two steps it may look so for a moment."""


@dataclass(frozen=True)
class ProtocolStatus:
    """One protocol of the project as it is; `error` is the message of a failed one, `since` when a running one began.

    One whose process does not live is failed, whatever Scipion has written.
    """

    id: str
    label: str
    status: str
    error: str = ""
    since: str = ""
    step: bool = True
    """Whether it is a step of the project file; all others are the user's own."""
    awaited: bool = False
    """Whether the workflow waits until a person has finished it."""


def create_scipion_project(services: Services, record: Record) -> Record:
    """Make the Scipion project from the workflow unless it is there.

    Raises WorkflowDropped naming the protocols that Scipion would silently leave out, and PluginsMissing where a
    project that is there has protocols whose plugin is not, unless it is asked for to be opened for reading then.
    """
    shell = services.connect(record)
    path = f"{RUN_FOLDER}/{record.project}.workflow.json"
    workflow = json.dumps(record.settings["workflow"]["protocols"]).encode()
    shell.run(["install", "-d", "-m", "0755", RUN_FOLDER])
    shell.run(["install", "-m", "0644", "/dev/stdin", path], stdin=workflow)
    words = ["--read-only"] if record.settings["workflow"].get("missing_plugins") == "read_only" else []
    with services.progress.during("making the Scipion project from its workflow"):
        argv = as_user(WORKFLOW_TOOL, "create", record.project, path, *words)
        done = shell.run(argv, timeout=300, expect=(0, DROPPED, MISSING))
    answer = json.loads(done.stdout.strip().splitlines()[-1])
    if done.code == DROPPED:
        raise _dropped(answer["dropped"])
    if missing := answer.get("missing"):
        told = missing_plugins(missing)
        if done.code == MISSING:
            raise PluginsMissing(f"project '{record.project}' in the data space has {told}", _MISSING_NEXT)
        services.progress.say(f"Scipion project {record.project}: open for reading only, since it has {told}")
    word = "made" if answer["created"] else "there already"
    services.progress.say(f"Scipion project {record.project}: {word}, {answer['protocols']} protocols")
    if answer.get("renamed"):
        was = f"it was renamed to {answer['renamed']}, where its results are"
        services.progress.say(f"Scipion project {record.project}: {was}; no step of the new one starts by itself")
    return record


def missing_plugins(protocols: Sequence[Mapping[str, str]]) -> str:
    """The protocols whose plugin is missing, each with the plugins that would bring it, for people."""
    catalogue = load_catalogue()
    lines = []
    for p in protocols:
        plugins = " or ".join(sorted(providers(p["class"], catalogue))) or "no plugin of the catalogue"
        lines.append(f"  protocol {p['id']}: {p['class']} ({p['label']}), of {plugins}")
    return "protocols whose plugin is not installed:\n" + "\n".join(lines)


_MISSING_NEXT = """nothing was changed in it. To work with it: uninstall (its data stay), add the plugins to
  software.plugins, render and install. To look at it without: workflow.missing_plugins read_only, render and install"""


def _dropped(protocols: Sequence[dict[str, str]]) -> WorkflowDropped:
    listed = "\n".join(f"  protocol {p['id']}: {p['class']} ({p['label']})" for p in protocols)
    return WorkflowDropped(
        f"Scipion does not know these protocols and would leave them out of the project:\n{listed}",
        "uninstall, add the plugins that provide them to software.plugins, or take the protocols out of the workflow;"
        " then render and install",
    )


def run_workflow(services: Services, record: Record, wait_minutes: float | None = None) -> Record:
    """Start the workflow's unit, or re-attach to it, and follow it for `wait_minutes`, by default those asked for.

    Nothing is started when every protocol has finished already. From then on it goes on when the machine boots, until
    it is not asked for any more. A protocol that fails is reported and is no error of the install.
    """
    asked = record.settings["workflow"]
    shell = services.connect(record)
    if not asked["run"]:
        shell.run(["systemctl", "disable", "--quiet", "--no-reload", unit(record)], expect=range(128))
        return record
    protocols = protocol_statuses(shell, record)
    if protocols and all(protocol.status == FINISHED for protocol in protocols if protocol.step):
        services.progress.say(f"workflow: {summary(protocols)}: nothing to do")
        return record
    shell.run(["systemctl", "enable", "--quiet", unit(record)], expect=range(128))
    shell.run(["systemctl", "start", unit(record)])
    minutes = asked["wait_minutes"] if wait_minutes is None else wait_minutes
    return follow_workflow(services, record, shell, minutes * 60.0)


def follow_workflow(services: Services, record: Record, shell: Shell, seconds: float) -> Record:
    """Report what the protocols do until all have ended or `seconds` have passed."""
    clock, said, patient = services.clock, "", 0
    began = spoken = clock.monotonic()
    while True:
        going = _is_active(shell, record)
        protocols = protocol_statuses(shell, record)
        line = summary(protocols)
        if line != said or clock.monotonic() - spoken >= WORD_SECONDS:
            services.progress.say(f"workflow: {line} ({clock.monotonic() - began:.0f} s)")
            said, spoken = line, clock.monotonic()
        if not going:
            return _report_end(services, record, shell, protocols)
        persons = awaited(protocols)
        patient = patient + 1 if persons else 0
        if patient >= PATIENT_LOOKS:
            return note(services, record, f"workflow: {persons}")
        if clock.monotonic() - began >= seconds:
            services.progress.say(f"workflow: it goes on; see cloudify-scipion status {record.project}")
            return record
        clock.sleep(POLL_SECONDS)


def _is_active(shell: Shell, record: Record) -> bool:
    state = shell.run(["systemctl", "is-active", unit(record)], expect=range(128)).stdout.strip()
    return state in ("active", "activating", "reloading")


def protocol_statuses(shell: Shell, record: Record) -> list[ProtocolStatus]:
    """The protocols of the project, in the order of their ids."""
    done = shell.run(as_user(WORKFLOW_TOOL, "status", record.project), timeout=120)
    return [_protocol(row) for row in json.loads(done.stdout.strip().splitlines()[-1])["protocols"]]


def _protocol(row: Mapping[str, Any]) -> ProtocolStatus:
    """A row of the machine's answer; an older machine says less."""
    error, since = row.get("error") or "", row.get("since") or ""
    step, awaited = row.get("step", True), row.get("awaited", False)
    return ProtocolStatus(str(row["id"]), row["label"], row["status"], error, since, step, awaited)


def awaited(protocols: Sequence[ProtocolStatus]) -> str:
    """Who is waited for, where the workflow waits for what only a person can finish; empty otherwise."""
    labels = ", ".join(f"{p.id} ({p.label})" for p in protocols if p.awaited)
    told = f"a person must finish step {labels} in Scipion's window; it goes on by itself when its output is there"
    return told if labels else ""


def summary(protocols: Sequence[ProtocolStatus]) -> str:
    """Such as `1 of 2 protocols ended; running: relion - 2D classification`."""
    ended = sum(p.status in ENDED for p in protocols)
    counts = Counter(p.status for p in protocols)
    running = [p.label for p in protocols if p.status == "running"]
    told = ", ".join(f"{count} {status}" for status, count in sorted(counts.items()))
    return (
        f"{ended} of {len(protocols)} protocols ended ({told})"
        + (f"; running: {', '.join(running)}" if running else "")
        + (f"; {awaited(protocols)}" if awaited(protocols) else "")
    )


def _report_end(services: Services, record: Record, shell: Shell, protocols: Sequence[ProtocolStatus]) -> Record:
    """Say which protocols failed, and why the run ended before others had."""
    for protocol in protocols:
        if protocol.status in BROKEN:
            record = note(
                services, record, f"protocol {protocol.id} ({protocol.label}) {protocol.status}: {protocol.error}"
            )
    waiting = [p.label for p in protocols if p.step and p.status not in ENDED]
    if not waiting:
        return record
    words = ["journalctl", "-u", unit(record), "-n", "5", "-o", "cat", "--no-pager"]
    log = shell.run(words, expect=range(128)).stdout.strip()
    text = f"the workflow's run ended before: {', '.join(waiting)}. Its last lines:\n{log}"
    return note(services, record, text)


def stop_workflow(services: Services, record: Record) -> Record:
    """End the workflow's unit; nothing to do when the machine is off."""
    if services.of(record).machines.look(record.machine).running:
        try:
            services.connect(record).run(["systemctl", "stop", unit(record)], timeout=60)
        except ScipionError as error:
            services.progress.say(f"could not end the workflow cleanly, the machine stops anyway: {error.what}")
    return record


def workflow_problem(services: Services, record: Record) -> str:
    """What is wrong with the Scipion project, empty if nothing is. A failed protocol is the scientist's matter."""
    try:
        protocol_statuses(services.connect(record), record)
    except PermanentError as error:
        return error.what
    return ""


def unit(record: Record) -> str:
    """The systemd unit that runs the workflow."""
    return f"scipion-workflow@{record.project}.service"


def as_user(*argv: str) -> list[str]:
    """A command as the machine's user."""
    return ["runuser", "-u", "scipion", "--", *argv]
