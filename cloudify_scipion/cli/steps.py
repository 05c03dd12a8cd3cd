"""`cloudify-scipion stop-steps`: the word that an uninstall wants when steps run."""

from __future__ import annotations

import click

from cloudify_scipion.cli.wiring import locked_record, services
from cloudify_scipion.lifecycle.steps import running_steps, stop_steps


@click.command("stop-steps")
@click.argument("project")
def stop_steps_command(project: str) -> None:
    """End all steps that run on PROJECT's machine, whoever started them, so that it may be uninstalled."""
    ports = services()
    record = locked_record(ports, project, "stop-steps")
    for step in running_steps(ports, record):
        click.echo(f"ending {step}")
    asked = stop_steps(ports, record).settings.get("workflow", {})
    later = "with its machine" if asked.get("run") else "only when it is installed again"  # that was off: nothing ended
    click.echo(f"no step of project '{project}' runs; its workflow goes on {later}")
