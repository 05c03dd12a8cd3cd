"""`cloudify-scipion status`: what a project is doing."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

import click

from cloudify_scipion.cli.wiring import known_record, services
from cloudify_scipion.errors import DONE, FAILED, NOT_SAVED
from cloudify_scipion.lifecycle.parts import DESKTOP, MACHINE, SCIPION_PROJECT
from cloudify_scipion.lifecycle.scipion_project import ProtocolStatus, summary
from cloudify_scipion.lifecycle.status import Status, project_status
from cloudify_scipion.lifecycle.unsaved import LATE_SAVE, SILENT


@click.command("status")
@click.argument("project")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def status_command(project: str, as_json: bool) -> None:
    """Show PROJECT's machine, software, desktop, saving, time left and what runs.

    Exit code 0: all is well. 1: a part of it has a problem, or a disk is full. 4: data are not being saved.
    """
    ports = services()
    status = project_status(ports, known_record(ports, project))
    if as_json:
        click.echo(json.dumps(asdict(status), indent=1))
    else:
        for name, value in status_lines(status):
            click.echo(f"{name:<10} {value}")
    raise SystemExit(exit_code(status))


_SHOWN = (MACHINE.name, DESKTOP.name, SCIPION_PROJECT.name)
"""Parts with lines of their own."""


def exit_code(status: Status) -> int:
    """What `status` ends with."""
    if status.not_saved:
        return NOT_SAVED
    return FAILED if status.problems or status.disk_full else DONE


def status_lines(status: Status) -> list[tuple[str, str]]:
    """The status as (name, value) lines for a person."""
    lines = [
        ("project", f"{status.title} ({status.project}, deployment {status.deployment})"),
        ("machine", status.machine_problem or f"{status.machine} is running"),
        ("software", ", ".join(f"{name} {version}" for name, version in status.software.items())),
        (
            "desktop",
            status.desktop_problem or f"answers at {status.desktop} (link: cloudify-scipion open {status.project})",
        ),
        ("ssh", status.ssh),
        ("volume", f"{status.volume}, HELD: {status.held}" if status.held else status.volume),
        *(("DISK", disk) for disk in status.disks),
        ("saving", saving_line(status.saving)),
        *(("NOT SAVED", need.text) for need in status.not_saved if need.kind in (SILENT, LATE_SAVE)),
        ("time left", f"{time_left(status.seconds_left)}, until {moment(status.expires)}"),
    ]
    lines = [line for line in lines if line[1]]
    if status.protocols:
        lines.append(("workflow", summary(status.protocols)))
    if status.workflow_problem:
        lines.append(("workflow", f"what its steps do cannot be said: {status.workflow_problem}"))
    lines += [("PROBLEM", f"{part}: {told}") for part, told in status.problems.items() if part not in _SHOWN]
    if status.problems:
        lines.append(("next", f"cloudify-scipion repair {status.project}, or install the project again"))
    return lines + [("", protocol_line(protocol)) for protocol in status.protocols]


def protocol_line(protocol: ProtocolStatus) -> str:
    """One protocol: its state, and since when it runs or why it failed."""
    told = protocol.error or (f"since {protocol.since}" if protocol.since else "")
    return f"{protocol.id:>6}  {protocol.status:<10} {protocol.label}  {told}".rstrip()


def saving_line(saving: Mapping[str, Any]) -> str:
    """What is saved and what is in the way; empty where nothing is saved."""
    if not saving:
        return ""
    parts = [_saved(saving)]
    if saving["work"]:
        parts.append(f"now: {saving['work']}, {saving['phase']}")
    parts += [f"QUESTION {q['id']}: {q['text']}" for q in saving["questions"]]
    return "; ".join(parts + [f"ALARM {alarm}" for alarm in saving["alarms"]])


def _saved(saving: Mapping[str, Any]) -> str:
    if not saving["pulled"]:
        return "the first copy from the data space is not complete"
    at = moment(saving["saved"]) if saving["saved"] else ""
    last = f", last saved {at}" if at else ", nothing was saved so far"
    count = saving["unsaved"]
    files = f"{count} file{'s' if count != 1 else ''} not saved yet"
    if saving["doubt"]:
        return f"NOT CERTAIN that all is saved: {saving['doubt']}{f', at least {files}' if count else ''}{last}"
    return f"{files}{last}" if count else f"all saved{f', {at}' if at else ''}"


def time_left(seconds: float) -> str:
    """Such as `13 days 4 h`, or since when the project has expired."""
    left = timedelta(seconds=abs(seconds))
    text = f"{left.days} day{'s' if left.days != 1 else ''} {left.seconds // 3600} h"
    return text if seconds >= 0 else f"none: expired {text} ago"


def moment(iso: str) -> str:
    """A time for people, such as `2030-01-31 14:05 UTC`; what is no time stays as the machine has said it."""
    try:
        found = datetime.fromisoformat(iso)
    except ValueError:
        return iso
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")
