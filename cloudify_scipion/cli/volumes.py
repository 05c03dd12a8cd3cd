"""`cloudify-scipion held` and `discard`: volumes that outlived their machines."""

from __future__ import annotations

import json
from dataclasses import asdict

import click

from cloudify_scipion.cli.wiring import locked_record, services
from cloudify_scipion.lifecycle import volume
from cloudify_scipion.lifecycle.held import held_volumes, lost_record


@click.command("held")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def held_command(as_json: bool) -> None:
    """List the volumes that are kept because nothing proves that their data are saved, and how much is known to be."""
    held = held_volumes(services())
    if as_json:
        click.echo(json.dumps([asdict(one) for one in held], indent=1))
        return
    for one in held:
        click.echo(f"{one.project:<24} {one.bytes / 1e9:g} GB  {one.why}")
        if one.saved:
            click.echo(f"{'':<24} {one.saved}")
    click.echo(
        f"{len(held)} held; save one: cloudify-scipion rescue PROJECT, delete one: cloudify-scipion discard PROJECT"
        if held
        else "no volume is held",
        err=True,
    )


@click.command("discard")
@click.argument("project")
def discard_command(project: str) -> None:
    """Delete the volume of PROJECT and all data in it, for ever. The id is the confirmation: nothing more is asked."""
    ports = services()
    if ports.projects.load(project) is None and any(ports.provider(site).volumes.all() for site in ports.sites()):
        ports.projects.hold_lock(project, "discard")
        volume.discard(ports, lost_record(ports, project))
        return
    volume.discard(ports, locked_record(ports, project, "discard"))
