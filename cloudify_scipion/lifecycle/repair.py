"""Bring a project back, part by part, from its record alone: after a crash, or a reboot of the host."""

from __future__ import annotations

from cloudify_scipion.errors import PermanentError
from cloudify_scipion.lifecycle.parts import MACHINE, PARTS, VOLUME, heal_parts
from cloudify_scipion.lifecycle.ports import Services
from cloudify_scipion.lifecycle.project import note
from cloudify_scipion.lifecycle.record import Record

_NEEDED = ("project", "site", VOLUME.key, MACHINE.key)


def repair_project(services: Services, record: Record) -> Record:
    """Bring back every part, each only as far as it was ever installed.

    A Scipion project that cannot be read is an error, but the desktop is started before: there the user gets it back.
    """
    if not record.installed or any(key not in record.settings for key in _NEEDED):
        raise PermanentError(f"project '{record.project}' has no machine to repair", "run its install again")
    return note(services, heal_parts(services, record, *PARTS), f"project '{record.project}' was repaired")
