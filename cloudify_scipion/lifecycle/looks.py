"""What every look at a project puts right by itself: a seal that was broken off gives the user the desktop back."""

from __future__ import annotations

from cloudify_scipion.errors import ScipionError
from cloudify_scipion.lifecycle.agent import is_running, unit
from cloudify_scipion.lifecycle.closing import end_watch, is_read_only, listed_units
from cloudify_scipion.lifecycle.ports import Services, Shell
from cloudify_scipion.lifecycle.project import note
from cloudify_scipion.lifecycle.proof import reopen
from cloudify_scipion.lifecycle.record import Record
from cloudify_scipion.lifecycle.space import saved_part
from cloudify_scipion.lifecycle.working_copy import start_saving
from cloudify_scipion.lifecycle.writers import start_writers


def give_back(services: Services, record: Record) -> Record:
    """Start again what a seal has ended, if nobody is sealing any more and no seal was made; never an error.

    Whoever seals holds the project's lock, so that a free lock and no work on the machine say that he is gone.
    """
    try:
        if saved_part(record) is None or not services.of(record).machines.look(record.machine).running:
            return record
        shell = services.connect(record)
        if not _is_broken_off(services, shell, record):
            return record
        services.projects.hold_lock(record.project, "giving the desktop back")
        if not _is_broken_off(services, shell, record):  # until the lock was ours, somebody went on
            return record
        record = services.projects.load(record.project) or record
        record = reopen(services, note(services, record, "a seal was broken off: everything is started again"))
        start_writers(services, record)
        end_watch(shell)
        shell.run(["systemctl", "start", "--no-block", unit("pull")])
        start_saving(services, record)
    except ScipionError as error:
        services.progress.say(f"whether a seal was broken off cannot be said: {error.what}")
    return record


def _is_broken_off(services: Services, shell: Shell, record: Record) -> bool:
    """Whether something was ended for a seal, which neither goes on nor was made. Raises where that is not known."""
    closed = is_read_only(shell) or bool(listed_units(shell))
    return closed and not is_running(shell, "seal") and not services.of(record).volumes.seal(record.volume)
