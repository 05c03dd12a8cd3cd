"""The volume: the disk of the working copy, which outlives the machine."""

from __future__ import annotations

from dataclasses import replace

from cloudify_scipion.errors import PermanentError, VolumeBusy
from cloudify_scipion.lifecycle.ports import Services
from cloudify_scipion.lifecycle.project import note, update
from cloudify_scipion.lifecycle.proof import is_sealed
from cloudify_scipion.lifecycle.record import Record, VolumeState

UNSAVED = "it was writable in a machine, and there is no proof that its data are saved elsewhere"


def ensure_volume(services: Services, record: Record, heals: bool = False) -> Record:
    """Make the volume, or adopt the one that is there, a held one too. PermanentError if one with data was lost.

    With `heals` none is made: a lost volume is never replaced by an empty one without a word.
    """
    if heals:
        services.of(record).volumes.attach(require_volume(services, record).volume)
        return record
    size, asked = record.settings["volume"]["size_bytes"], record.settings["volume"]["at_end"]
    volumes = services.of(record).volumes
    exists = volumes.look(record.volume).exists
    if record.volume_written and not record.discarding and not exists:
        raise _gone(record)
    state = VolumeState.WRITTEN if record.volume_written and exists else VolumeState.NEW
    if volumes.create(record.volume, size, replace(record, volume_state=state).volume_tags()):
        services.progress.say(f"made volume {record.volume} ({size / 1e9:g} GB)")
    else:
        services.progress.say(f"volume {record.volume} is there already: adopted")
    at_end = "discard" if asked == "discard" and _site_allows(record) else "hold"
    return update(services, record, volume_bytes=size, at_end=at_end, held="", volume_state=state)


def volume_problem(services: Services, record: Record) -> str:
    """What is wrong with the volume, empty if nothing is."""
    facts = services.of(record).volumes.look(record.volume)
    if not facts.exists:
        return f"volume {record.volume} does not exist"
    return "" if facts.attached else f"volume {record.volume} is not mounted"


def require_volume(services: Services, record: Record) -> Record:
    """Raise PermanentError if the volume is gone."""
    if not services.of(record).volumes.look(record.volume).exists:
        raise _gone(record)
    return record


def end_volume(services: Services, record: Record, ends: bool = True, discards: bool = True) -> Record | None:
    """Delete a volume that may go, hold any other. Returns the record that remains, or None.

    `ends` is false when Cloudify makes a node again: then nothing that was ever written may go. `discards` says that
    the deployment, too, asks for a deletion without proof.
    """
    if not services.of(record).volumes.look(record.volume).exists:
        lost = record.volume_written and not record.discarding
        services.progress.say(f"volume {record.volume} is gone already{': IT WAS NOT DELETED BY US' if lost else ''}")
        services.of(record).volumes.delete(
            record.volume
        )  # what a process that was killed while it made or deleted it has left
        return _forget(services, record)
    try:
        services.of(record).volumes.detach(
            record.volume
        )  # from now on nobody writes, and what lies on it can be believed
    except VolumeBusy:
        update(services, record, held=UNSAVED)  # Cloudify may skip the failure, and forget the deployment
        raise
    if record.volume_written and not (ends and may_go(services, record, discards)):
        return note(
            services,
            update(services, record, held=UNSAVED),
            f"volume {record.volume} is HELD: {UNSAVED}. Install project '{record.project}' again to work on with it, "
            f"save what is in it: cloudify-scipion rescue {record.project}, "
            f"or delete it: cloudify-scipion discard {record.project}",
        )
    return _delete(services, record)


def may_go(services: Services, record: Record, discards: bool) -> bool:
    """Whether a volume that was written may be deleted: it is sealed, or somebody has said that it need not be."""
    return record.discarding or (discards and may_discard(record)) or is_sealed(services, record)


def why_held(record: Record) -> str:
    """Why the volume is kept, empty if it is not; also where an uninstall was killed before it could say so."""
    return record.held or (UNSAVED if record.volume_written and not record.installed else "")


def may_discard(record: Record) -> bool:
    """Whether the project file asks for it (volume.at_end) and the site file allows it (allow_discard)."""
    return record.at_end == "discard" and _site_allows(record)


def discard(services: Services, record: Record) -> None:
    """Delete the volume of a project that has no machine, on a person's word. Raises PermanentError otherwise."""
    facts = services.of(record).machines.look(record.machine)
    if (facts.exists or facts.running) and not record.rescuing:
        raise PermanentError(
            f"project '{record.project}' is installed: its volume is in use",
            f"cfy uninstall -b {record.binding.deployment}, then discard again",
        )
    if record.rescuing:  # a machine that only saved, and was left by a rescue that was broken off
        services.of(record).machines.delete(record.machine)
    record = note(services, record, f"discard of volume {record.volume} was asked for by its project id")
    if record.volume_written and not is_sealed(services, record):
        services.progress.say(f"NOT PROVEN SAVED: {what_is_known(record)}")
    _delete(services, record)


def what_is_known(record: Record) -> str:
    """What the record knows of how much of the data is saved."""
    if not record.saved:
        return "nothing of it was saved in a data space, as far as is known"
    return f"the last {record.saved['work']} that is known was {record.saved['at']}; what came later may be lost"


def _delete(services: Services, record: Record) -> Record | None:
    services.of(record).volumes.detach(record.volume)  # while a machine runs on, what it writes is not given up
    record = update(services, record, volume_state=VolumeState.DISCARDING)
    if services.of(record).volumes.look(record.volume).exists:
        services.of(record).volumes.tag(record.volume, record.volume_tags())
    services.of(record).volumes.delete(record.volume)
    services.progress.say(f"deleted volume {record.volume} and all that was in it")
    return _forget(services, record)


def _forget(services: Services, record: Record) -> Record | None:
    """End the project's record, unless the project has a machine yet: without a record nobody could end that."""
    machine = services.of(record).machines.look(record.machine)
    if machine.exists or machine.running:
        what = f"project '{record.project}' is not forgotten: its machine {record.machine} is there still"
        return note(services, record, f"{what}, run its uninstall again")
    services.projects.forget(record.project)
    return None


def _site_allows(record: Record) -> bool:
    return record.site().allow_discard


def _gone(record: Record) -> PermanentError:
    return PermanentError(
        f"volume {record.volume} of project '{record.project}' is gone",
        "restore it, or discard the project and install again",
    )
