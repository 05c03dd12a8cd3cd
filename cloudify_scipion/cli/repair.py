"""`cloudify-scipion repair`: bring a project back after a crash or a reboot."""

from __future__ import annotations

import click

from cloudify_scipion.adapters.cloudify_local import remove_half_made
from cloudify_scipion.cli.wiring import locked_record, services
from cloudify_scipion.lifecycle.repair import repair_project


@click.command("repair")
@click.argument("project")
def repair_command(project: str) -> None:
    """Bring PROJECT's volume, machine, software and desktop back, and clear what an interrupted `cfy install` left."""
    ports = services()
    known = ports.projects.load(project)
    if known:
        ports.projects.hold_lock(project, "repair")
    _clear_half_made(known.binding.deployment if known else project, known.work_folder if known else "")
    record = locked_record(ports, project, "repair")
    if record.installed:
        repair_project(ports, record)
    else:
        click.echo(f"project '{project}' has no machine; installing it again adopts its volume")


def _clear_half_made(deployment: str, work_folder: str) -> None:
    for removed in remove_half_made(deployment, work_folder):
        click.echo(f"removed {removed}: Cloudify had not finished it and would have refused the name")
        click.echo(f"run again: cfy install BLUEPRINT -b {deployment} -i INPUTS")
