"""Bring a project back, layer by layer, from its record alone: after a crash, or a reboot of the host."""

from __future__ import annotations

from cloudify_scipion.errors import CommandFailed, PermanentError
from cloudify_scipion.lifecycle.configure import configure_project, has_data
from cloudify_scipion.lifecycle.data import heal_data
from cloudify_scipion.lifecycle.desktop import start_desktop
from cloudify_scipion.lifecycle.machine import ensure_machine
from cloudify_scipion.lifecycle.ports import Services
from cloudify_scipion.lifecycle.project import note
from cloudify_scipion.lifecycle.record import Record
from cloudify_scipion.lifecycle.scipion_project import create_scipion_project, run_workflow
from cloudify_scipion.lifecycle.software import ensure_software
from cloudify_scipion.lifecycle.volume import heal_volume

PARTS = ("project", "site", "volume", "software")


def repair_project(services: Services, record: Record) -> Record:
    """Converge volume, machine, software, Scipion project and desktop, each only as far as it was ever installed.

    A Scipion project that cannot be read is an error, but the desktop is started before: there the user gets it back.
    """
    if not record.installed or any(part not in record.settings for part in PARTS):
        raise PermanentError(f"project '{record.project}' has no machine to repair", "run its install again")
    heal_volume(services, record)
    record = ensure_software(services, ensure_machine(services, record))
    if "data" in record.settings:
        record = heal_data(services, record)
    unreadable: CommandFailed | None = None
    if "workflow" in record.settings:
        try:
            create_scipion_project(services, record)
            record = run_workflow(services, record, wait_minutes=0)
        except CommandFailed as error:
            unreadable = error
    if "desktop" in record.settings:
        done = "data" in record.settings and has_data(record)
        record = start_desktop(services, configure_project(services, record, unless_known=done))
    if unreadable:
        raise unreadable
    return note(services, record, f"project '{record.project}' was repaired")
