"""`cloudify-scipion schema`: the JSON Schema of project and site files, for editors and portals."""

from __future__ import annotations

import click

from cloudify_scipion.cli.console import say_json
from cloudify_scipion.project.schema import schema


@click.command("schema")
@click.argument("kind", type=click.Choice(["project", "site"]), default="project")
def schema_command(kind: str) -> None:
    """Print the JSON Schema of project files, or of site files; KIND is project or site."""
    say_json(schema(kind))
