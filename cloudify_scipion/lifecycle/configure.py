"""The project run: one Puppet run for all that is a project's own, its data and its desktop. Needs no network."""

from __future__ import annotations

from cloudify_scipion.errors import PermanentError, PuppetFailed
from cloudify_scipion.lifecycle.desktop import desktop_data, identity, send_certificate, wanted_desktop
from cloudify_scipion.lifecycle.ports import Services
from cloudify_scipion.lifecycle.project import make_personal
from cloudify_scipion.lifecycle.puppet import apply_classes
from cloudify_scipion.lifecycle.record import Record
from cloudify_scipion.lifecycle.space import mount_error, saved_part, space_mounts, space_secrets, working_copy_data


def configure_project(services: Services, record: Record, unless_known: bool = False, desktop: bool = True) -> Record:
    """Mounts of data spaces, the agent and, where it is asked for, the desktop's configuration; starts no desktop.

    Everything that is known of the project goes into the same run, so that the node that comes later finds its part
    done. `unless_known`: the run is not made where it is known to have nothing to do. `desktop`: without it the machine
    may lack the desktop's software.
    """
    secrets = space_secrets(services, record)
    record = make_personal(services, record)  # before anything secret is on the machine
    for mounts in space_mounts(record):
        mounts.prepare(services.connect(record), secrets)
    if desktop and wanted_desktop(record):
        send_certificate(services, record)
    classes, data = project_run(services, record, desktop)
    try:
        return apply_classes(services, record, "project", classes, data, unless_known=unless_known)
    except PuppetFailed as error:
        raise mount_error(services, record) or error from error


def project_run(services: Services, record: Record, desktop: bool = True) -> tuple[list[str], dict[str, object]]:
    """Classes of the run, and its Hiera data, in which nothing is secret."""
    classes, data = ["system"], identity(record)
    for mounts in space_mounts(record):
        if told := mounts.project_data():
            classes, data = [*classes, mounts.CLASS], {**data, **told}
    if saved := saved_part(record):
        told = working_copy_data(record, saved, services.of(record).fenced)
        classes, data = [*classes, "working_copy"], {**data, **told}
    if desktop and wanted_desktop(record):
        classes, data = [*classes, "desktop"], {**data, **desktop_data(services, record)}
    return classes, data


def is_configured(record: Record) -> bool:
    """Whether any part that was asked for so far needs the run: a desktop, or data, also of a space that is gone."""
    if "desktop" in record.settings:
        return True
    try:
        return bool(saved_part(record) or any(mounts.project_data() for mounts in space_mounts(record)))
    except PermanentError:  # whoever makes the run is told
        return True
