"""What the commands share: the services, and the record of a project named on the command line."""

from __future__ import annotations

import click

from cloudify_scipion.adapters.services import make_services
from cloudify_scipion.errors import PermanentError
from cloudify_scipion.lifecycle.ports import Services
from cloudify_scipion.lifecycle.project import as_it_is
from cloudify_scipion.lifecycle.record import Record


def services() -> Services:
    """The ports; progress goes to standard error, so that standard output is the answer alone.

    Raises PermanentError for anybody to whom the state root is closed.
    """
    return make_services(lambda line: click.echo(line, err=True))


def known_record(ports: Services, project: str) -> Record:
    """The record of `project`; a PermanentError lists the known ones."""
    record = ports.projects.load(project)
    if record is None:
        known = ", ".join(ports.projects.ids()) or "none"
        raise PermanentError(
            f"project '{project}' is not known on this machine (known: {known})",
            "install it, or look for a typing error",
        )
    return record


def locked_record(ports: Services, project: str, purpose: str) -> Record:
    """A project's record, holding its lock; read again under that, because it may have changed meanwhile.

    What its volume and machine say otherwise is right.
    """
    known_record(ports, project)
    ports.projects.hold_lock(project, purpose)
    return as_it_is(ports, known_record(ports, project))
