"""What a project is doing, gathered for people and for portals."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from cloudify_scipion.errors import PermanentError, ScipionError
from cloudify_scipion.lifecycle.desktop import desktop_url
from cloudify_scipion.lifecycle.disks import FULL, FullDisk, full_disks
from cloudify_scipion.lifecycle.looks import give_back
from cloudify_scipion.lifecycle.machine import machine_problem
from cloudify_scipion.lifecycle.parts import DESKTOP, MACHINE, SCIPION_PROJECT, Part, asked_parts
from cloudify_scipion.lifecycle.ports import Services
from cloudify_scipion.lifecycle.record import Record
from cloudify_scipion.lifecycle.scipion_project import ProtocolStatus, protocol_statuses
from cloudify_scipion.lifecycle.unsaved import Need, saving_needs
from cloudify_scipion.lifecycle.working_copy import saving_status


@dataclass(frozen=True)
class Status:
    """A project seen from outside. A `problem` is empty where all is well; `seconds_left` may be negative.

    `disks` names those that are nearly full; `disk_full` is true where steps that write fail by now.
    `not_saved` says why the data are not being saved, or who must look whether they are.
    `workflow_problem` is why `protocols` is empty where the Scipion project cannot be read. `problems` holds what is
    wrong with each part, by its name, where anything is.
    """

    project: str
    deployment: str
    machine: str
    machine_problem: str
    software: dict[str, str]
    desktop: str
    desktop_problem: str
    ssh: str
    volume: str
    held: str
    saving: dict[str, Any]
    expires: str
    seconds_left: float
    protocols: list[ProtocolStatus] = field(default_factory=list)
    disks: list[str] = field(default_factory=list)
    disk_full: bool = False
    title: str = ""
    workflow_problem: str = ""
    not_saved: Sequence[Need] = ()
    problems: dict[str, str] = field(default_factory=dict)


def project_status(services: Services, record: Record) -> Status:
    """Observe the project; a machine that is down is part of the answer, not an error."""
    down = machine_problem(services, record) if record.installed else "not installed"
    record = record if down else give_back(services, record)
    disks = [] if down else _disks(services, record)
    protocols, unread = ([], "") if down else _protocols(services, record)
    problems = {MACHINE.name: down} if down else _problems(services, record, {SCIPION_PROJECT.name: unread})
    agent = None if down else saving_status(services, record)
    left = datetime.fromisoformat(record.expires) - services.clock.now()
    return Status(
        project=record.project,
        deployment=record.binding.deployment,
        machine=record.machine,
        machine_problem=down,
        software=_software(record),
        desktop=_address(lambda: desktop_url(services, record)),
        desktop_problem=down or problems.get(DESKTOP.name, ""),
        ssh=_address(lambda: _ssh(services, record)),
        volume=record.volume,
        held=record.held,
        saving=asdict(agent) if agent else {},
        expires=record.expires,
        seconds_left=left.total_seconds(),
        protocols=protocols,
        disks=[str(disk) for disk in disks],
        disk_full=any(disk.percent >= FULL for disk in disks),
        title=record.settings.get("project", {}).get("title") or record.project,
        workflow_problem=problems.get(SCIPION_PROJECT.name, ""),
        not_saved=[] if down else saving_needs(record, agent, services.clock.now()),
        problems=problems,
    )


def _problems(services: Services, record: Record, known: Mapping[str, str]) -> dict[str, str]:
    """What is wrong with the parts that were asked for, by what is known already; a desktop is always looked for."""
    wanted = {part.name: part for part in (*asked_parts(record), DESKTOP) if part is not MACHINE}
    told = {name: known[name] if name in known else _ask(part, services, record) for name, part in wanted.items()}
    return {name: problem for name, problem in told.items() if problem}


def _ask(part: Part, services: Services, record: Record) -> str:
    try:
        return part.problem(services, record)
    except ScipionError as error:
        return error.what


def _address(question: Callable[[], str]) -> str:
    """Empty for a project without a machine."""
    try:
        return question()
    except PermanentError:
        return ""


def _ssh(services: Services, record: Record) -> str:
    endpoint = services.of(record).endpoint(record, "ssh")
    return f"scipion@{endpoint.host}, port {endpoint.port}"


def _software(record: Record) -> dict[str, str]:
    asked = record.settings.get("software", {})
    parts = {"scipion": asked.get("scipion", "")}
    return parts | {
        name: v for kind in ("plugins", "em_packages", "example_data") for name, v in asked.get(kind, {}).items()
    }


def _disks(services: Services, record: Record) -> list[FullDisk]:
    try:
        return full_disks(services, record)
    except ScipionError:
        return []


def _protocols(services: Services, record: Record) -> tuple[list[ProtocolStatus], str]:
    """The protocols, and why they are not to be had."""
    if SCIPION_PROJECT.key not in record.settings:
        return [], ""
    try:
        return protocol_statuses(services.connect(record), record), ""
    except ScipionError as error:
        return [], error.what
