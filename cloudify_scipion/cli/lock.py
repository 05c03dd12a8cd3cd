"""`cloudify-scipion lock`: what exactly is installed for a project."""

from __future__ import annotations

from pathlib import Path

import click

from cloudify_scipion.catalogue.pins.file import FILE
from cloudify_scipion.cli.wiring import known_record, services
from cloudify_scipion.errors import PermanentError


@click.command("lock")
@click.argument("project")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Write it to this file instead.")
def lock_command(project: str, output: Path | None) -> None:
    """Print PROJECT's lock file: every package of its software, with version, checksum and origin (JSON)."""
    ports = services()
    record = known_record(ports, project)
    text = ports.projects.kept(record.project, FILE)
    if not text:
        raise PermanentError(f"project '{project}' has no lock file: its software was never complete", "install it")
    if output is None:
        click.echo(text, nl=False)
        return
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise PermanentError(f"{output} cannot be written: {error.strerror}", "choose another file (-o)") from error
