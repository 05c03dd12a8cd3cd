"""`cloudify-scipion held` and `discard`: volumes that outlived their machines."""

from __future__ import annotations

import json

import click

from cloudify_scipion.cli.wiring import locked_record, services
from cloudify_scipion.lifecycle import volume


@click.command("held")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def held_command(as_json: bool) -> None:
    """List the volumes that are kept because nothing proves that their data are saved."""
    records = [record for record in services().projects.all() if volume.why_held(record)]
    if as_json:
        rows = [
            {"project": r.project, "volume": r.volume, "bytes": r.volume_bytes, "why": volume.why_held(r)}
            for r in records
        ]
        click.echo(json.dumps(rows, indent=1))
        return
    for record in records:
        click.echo(f"{record.project:<24} {record.volume_bytes / 1e9:g} GB  {volume.why_held(record)}")
    click.echo(
        f"{len(records)} held; delete one: cloudify-scipion discard PROJECT" if records else "no volume is held",
        err=True,
    )


@click.command("discard")
@click.argument("project")
def discard_command(project: str) -> None:
    """Delete the volume of PROJECT and all data in it, for ever. The id is the confirmation: nothing more is asked."""
    ports = services()
    volume.discard(ports, locked_record(ports, project, "discard"))
