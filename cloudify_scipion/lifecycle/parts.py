"""The parts of a project: one table, in the order in which they are made, over which all that works on them folds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from cloudify_scipion.errors import PermanentError, StepsRun
from cloudify_scipion.lifecycle import (
    authors,
    configure,
    desktop,
    machine,
    scipion_project,
    software,
    volume,
    working_copy,
)
from cloudify_scipion.lifecycle.gate import pass_gate
from cloudify_scipion.lifecycle.ports import Services
from cloudify_scipion.lifecycle.record import Record

Step = Callable[[Services, Record, bool], Record]
"""A step of an install; with True, of a heal: then nothing is passed over because it is known to have been done."""


@dataclass(frozen=True)
class Part:
    """One part: `key` is where the record's settings hold what was asked of it, and `is_asked` whether anything was.

    `make` and `start` are what its node does in an install, and together bring it back; `problem` says what is wrong
    with it, empty if nothing is; `end` is what its node's end does. `rescue` makes as much of it as a machine needs
    that only saves. Alone it is brought back after those that it comes `after`. The failure of a part that `waits` is
    told when the others are brought back.
    """

    name: str
    key: str
    make: Step = lambda services, record, heals: record
    start: Step = lambda services, record, heals: record
    problem: Callable[[Services, Record], str] = lambda services, record: ""
    end: Callable[..., Record | None] = lambda services, record: record
    rescue: Callable[[Services, Record], Record] | None = None
    after: tuple[Part, ...] = ()
    is_asked: Callable[[Record], bool] = lambda record: True
    waits: bool = False

    def heal(self, services: Services, record: Record) -> Record:
        """Bring it back, whatever is there of it."""
        return self.start(services, self.make(services, record, True), True)


VOLUME = Part(
    "volume",
    key="volume",
    make=volume.ensure_volume,
    problem=volume.volume_problem,
    end=volume.end_volume,
    rescue=volume.require_volume,
)
MACHINE = Part(
    "machine",
    key="software",
    make=lambda services, record, heals: machine.create_machine(services, machine.end_rescue(services, record)),
    start=lambda services, record, heals: machine.start_machine(services, record),
    problem=machine.machine_problem,
    end=machine.delete_machine,
    rescue=machine.ensure_rescuer,
)
SOFTWARE = Part(
    "software",
    key="software",
    make=lambda services, record, heals: software.ensure_software(services, record, unless_known=not heals),
    problem=software.software_problem,
    rescue=software.ensure_agent,
)
CONFIGURATION = Part(  # the project run, which serves working copy and desktop
    "configuration",
    key="project",
    make=lambda services, record, heals: configure.configure_project(services, record, unless_known=not heals),
    rescue=lambda services, record: configure.configure_project(services, record, desktop=False),
    is_asked=configure.is_configured,
)
WORKING_COPY = Part(
    "working_copy",
    key="data",
    make=lambda services, record, heals: working_copy.remount(services, record) if heals else record,
    start=lambda services, record, heals: working_copy.pull_data(services, record),
    problem=working_copy.data_problem,
    after=(CONFIGURATION,),
    rescue=working_copy.pull_data,
)
SCIPION_PROJECT = Part(
    "scipion_project",
    key="workflow",
    make=lambda services, record, heals: scipion_project.create_scipion_project(services, record),
    start=lambda services, record, heals: scipion_project.run_workflow(services, record, 0 if heals else None),
    problem=scipion_project.workflow_problem,
    end=scipion_project.stop_workflow,
    waits=True,  # one that cannot be read is got back by its user, on the desktop
)
AUTHORS = Part(
    "authors",
    key=authors.KEY,
    make=lambda services, record, heals: authors.apply_nodes(services, record, unless_known=not heals),
    problem=authors.nodes_problem,
    waits=True,  # its user works on meanwhile
)
DESKTOP = Part(
    "desktop",
    key="desktop",
    start=lambda services, record, heals: desktop.start_desktop(services, record),
    problem=desktop.desktop_problem,
    after=(CONFIGURATION,),
    end=desktop.stop_desktop,
)
SEAL = Part("seal", key="project", end=pass_gate)

PARTS = (VOLUME, MACHINE, SOFTWARE, CONFIGURATION, WORKING_COPY, SCIPION_PROJECT, AUTHORS, DESKTOP, SEAL)


def asked_parts(record: Record) -> Iterator[Part]:
    """The parts that were asked for so far, in order."""
    return (part for part in PARTS if part.key in record.settings and part.is_asked(record))


def heal_parts(services: Services, record: Record, *parts: Part) -> Record:
    """Bring these parts back, in order, as far as they were asked for. Raises what one that `waits` has failed with."""
    failed: PermanentError | None = None
    asked = [*asked_parts(record)]
    for part in (one for one in parts if one in asked):
        try:
            record = part.heal(services, record)
        except PermanentError as error:
            if not part.waits or isinstance(error, StepsRun):
                raise
            failed = failed or error
    if failed:
        raise failed
    return record


def heal_part(services: Services, record: Record, part: Part) -> Record:
    """Bring one part back, and first what it comes after: what its node's `heal` does."""
    return heal_parts(services, record, *part.after, part)
