"""Saving a volume whose machine is dead or gone, from the project's record alone: a new machine does that and goes."""

from __future__ import annotations

from cloudify_scipion.errors import PermanentError
from cloudify_scipion.lifecycle.about import write_about
from cloudify_scipion.lifecycle.machine import delete_machine, hangs
from cloudify_scipion.lifecycle.parts import PARTS
from cloudify_scipion.lifecycle.ports import Services
from cloudify_scipion.lifecycle.project import note
from cloudify_scipion.lifecycle.proof import is_sealed
from cloudify_scipion.lifecycle.record import Record
from cloudify_scipion.lifecycle.seal import seal_quiet
from cloudify_scipion.lifecycle.space import saved_part
from cloudify_scipion.lifecycle.volume import require_volume
from cloudify_scipion.lifecycle.working_copy import save
from cloudify_scipion.lifecycle.writers import end_writers

_NEEDED = {"site", *(part.key for part in PARTS if part.rescue)}


def rescue(services: Services, record: Record) -> Record:
    """Save and seal what is on the volume, and remove the machine that did it; the volume stays.

    Raises PermanentError where there is nothing to rescue, or a machine that can save by itself.
    """
    _refuse(services, record)
    if is_sealed(services, record):
        services.progress.say(f"volume {record.volume} is sealed already: all its data are saved")
    else:
        for part in PARTS:
            record = part.rescue(services, record) if part.rescue else record
        record = _saved(services, record)
        record = note(services, record, f"volume {record.volume} was rescued: it may go, or be worked on again")
    return delete_machine(services, record)


def _refuse(services: Services, record: Record) -> None:
    if _NEEDED - record.settings.keys() or saved_part(record) is None:
        raise PermanentError(f"project '{record.project}' names no data space to save in", "copy its volume by hand")
    require_volume(services, record)
    running = services.of(record).machines.look(record.machine).running
    if running and not record.rescuing and not hangs(services, record):
        raise PermanentError(
            f"the machine of project '{record.project}' runs, and can save by itself",
            f"cloudify-scipion save {record.project}, or stop it first",
        )


def _saved(services: Services, record: Record) -> Record:
    record = save(services, record)
    write_about(services, record)
    end_writers(services, record)
    return seal_quiet(services, record)
