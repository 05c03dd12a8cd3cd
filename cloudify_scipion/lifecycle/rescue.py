"""Saving a volume whose machine is dead or gone, from the project's record alone: a new machine does that and goes."""

from __future__ import annotations

from cloudify_scipion.errors import PermanentError, ScipionError
from cloudify_scipion.lifecycle.about import write_about
from cloudify_scipion.lifecycle.configure import configure_project
from cloudify_scipion.lifecycle.data import pull_data, save
from cloudify_scipion.lifecycle.machine import create_machine, delete_machine, start_machine
from cloudify_scipion.lifecycle.onedata import CLASS, client_data
from cloudify_scipion.lifecycle.ports import Services
from cloudify_scipion.lifecycle.project import note, update
from cloudify_scipion.lifecycle.proof import is_sealed
from cloudify_scipion.lifecycle.puppet import apply_classes
from cloudify_scipion.lifecycle.record import Record
from cloudify_scipion.lifecycle.seal import seal_quiet
from cloudify_scipion.lifecycle.space import saved_part
from cloudify_scipion.lifecycle.writers import end_writers

AGENT_CLASSES = ("system", "working_copy")
"""What a machine without the project's software needs to save its data."""
PARTS = ("project", "site", "volume", "data", "software")
ANSWER_SECONDS = 10.0


def rescue(services: Services, record: Record) -> Record:
    """Save and seal what is on the volume, and remove the machine that did it; the volume stays.

    Raises PermanentError where there is nothing to rescue, or a machine that can save by itself.
    """
    _refuse(services, record)
    if is_sealed(services, record):
        services.progress.say(f"volume {record.volume} is sealed already: all its data are saved")
    else:
        record = _saved(services, _with_machine(services, record))
        record = note(services, record, f"volume {record.volume} was rescued: it may go, or be worked on again")
    return delete_machine(services, record)


def _refuse(services: Services, record: Record) -> None:
    lacking = [part for part in PARTS if part not in record.settings]
    if lacking or saved_part(record) is None:
        raise PermanentError(f"project '{record.project}' names no data space to save in", "copy its volume by hand")
    if not services.of(record).volumes.look(record.volume).exists:
        raise PermanentError(f"volume {record.volume} of project '{record.project}' is gone", "look for a copy of it")
    running = services.of(record).machines.look(record.machine).running
    if running and not record.rescuing and not _hangs(services, record):
        raise PermanentError(
            f"the machine of project '{record.project}' runs, and can save by itself",
            f"cloudify-scipion save {record.project}, or stop it first",
        )


def _hangs(services: Services, record: Record) -> bool:
    """Whether its machine runs and nobody can get in."""
    if not services.of(record).machines.look(record.machine).running:
        return False
    try:
        services.connect(record).wait_until_ready(ANSWER_SECONDS)
    except ScipionError:
        return True
    return False


def _with_machine(services: Services, record: Record) -> Record:
    """A machine for the rescue alone; the project's own is ended for good first, so that only one can write."""
    if not record.rescuing or _hangs(services, record):
        record = update(services, delete_machine(services, record), rescuing=True)
    record = update(services, create_machine(services, record), personal=True)  # it makes no layer for others
    record = start_machine(services, record)
    if not record.layer:
        client = client_data(record)
        apply_classes(services, record, "software", (*AGENT_CLASSES, *([CLASS] if client else [])), client)
    return configure_project(services, record, desktop=False)


def _saved(services: Services, record: Record) -> Record:
    record = save(services, pull_data(services, record))
    write_about(services, record)
    end_writers(services, record)
    return seal_quiet(services, record)
