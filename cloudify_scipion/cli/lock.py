"""`cloudify-scipion lock`: what exactly is installed for a project."""

from __future__ import annotations

import click

from cloudify_scipion.catalogue.lock import FILE
from cloudify_scipion.cli.wiring import known_record, services
from cloudify_scipion.errors import PermanentError


@click.command("lock")
@click.argument("project")
def lock_command(project: str) -> None:
    """Print PROJECT's lock file: every package of its software, with version, checksum and origin (JSON)."""
    ports = services()
    record = known_record(ports, project)
    text = ports.projects.kept(record.project, FILE)
    if not text:
        raise PermanentError(f"project '{project}' has no lock file: its software was never complete", "install it")
    click.echo(text, nl=False)
