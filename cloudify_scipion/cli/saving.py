"""`cloudify-scipion save` and `rescue`: saving a project's data, from its state alone."""

from __future__ import annotations

import click

from cloudify_scipion.cli.wiring import locked_record, services
from cloudify_scipion.lifecycle.looks import give_back
from cloudify_scipion.lifecycle.rescue import rescue
from cloudify_scipion.lifecycle.working_copy import save


@click.command("save")
@click.argument("project")
def save_command(project: str) -> None:
    """Save what has changed in PROJECT's working copy now, and verify it. Nothing is stopped."""
    ports = services()
    save(ports, give_back(ports, locked_record(ports, project, "save")))
    click.echo(f"all that project '{project}' had when this began is in the data space, and was read back")


@click.command("rescue")
@click.argument("project")
def rescue_command(project: str) -> None:
    """Save and seal the volume of PROJECT whose machine is dead or gone; the volume stays until it is uninstalled."""
    ports = services()
    record = rescue(ports, locked_record(ports, project, "rescue"))
    click.echo(f"volume {record.volume} is sealed: all its data are in the data space")
    click.echo(f"to go on: install project '{project}' again; to end it: cloudify-scipion discard {project}", err=True)
