"""`cloudify-scipion render`: a project file and a site file become a blueprint folder."""

from __future__ import annotations

from pathlib import Path

import click

from cloudify_scipion.adapters.providers import provider_problem
from cloudify_scipion.blueprint.folder import write_folder
from cloudify_scipion.blueprint.parse import parsing_ahead
from cloudify_scipion.blueprint.render import render as render_files
from cloudify_scipion.cli.console import errors_as_json, json_option, say, say_json
from cloudify_scipion.cli.inputs import load_checked, project_argument, read_lock, site_option
from cloudify_scipion.errors import PermanentError
from cloudify_scipion.resources import plugin_description


@click.command()
@project_argument
@site_option
@click.option("--lock", type=click.Path(path_type=Path), help="Lock file: install this software again, from the store.")
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="Folder to write.")
@json_option
def render(project: Path, site: Path, lock: Path | None, output: Path, as_json: bool) -> None:
    """Write the blueprint of the project file PROJECT on a site to a folder."""
    with errors_as_json(as_json), parsing_ahead() as parse:
        content = read_lock(lock) if lock else b""
        loaded = load_checked(project, site, content)
        if problem := provider_problem(loaded.site_document):
            raise PermanentError(problem, "cloudify-scipion choose works on this site; take a local one to install")
        files = render_files(loaded.project, loaded.site_document, plugin_description(), content)
        written = write_folder(files, output, parse)
    if as_json:
        say_json(
            {
                "ok": True,
                "project": loaded.project.id,
                "folder": str(output),
                "files": sorted(files),
                "written": written,
            }
        )
        return
    say(f"{output}: {len(files)} files {'written' if written else 'are there already, unchanged'}")
    say(f"next: cfy install {output}/blueprint.yaml -b {loaded.project.id} -i {output}/inputs.yaml")
