"""`cloudify-scipion check`: look a project file and a site file through, and say everything that is wrong."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click

from cloudify_scipion.catalogue.load import load_catalogue
from cloudify_scipion.catalogue.puppet_data import software_contents
from cloudify_scipion.catalogue.resolve import resolve
from cloudify_scipion.cli.console import fail_json, json_option, say, say_json
from cloudify_scipion.cli.inputs import load_checked, project_argument, site_option
from cloudify_scipion.errors import ScipionError
from cloudify_scipion.project.load import Loaded
from cloudify_scipion.project.site_rules import provider_problem


@click.command()
@project_argument
@site_option
@json_option
def check(project: Path, site: Path, as_json: bool) -> None:
    """Check the project file PROJECT for a site; exit code 2 if anything is wrong."""
    try:
        loaded = load_checked(project, site)
    except ScipionError as error:
        if not as_json:
            raise
        fail_json(error)
        raise SystemExit(error.exit_code) from error
    contents = software_contents(resolve(loaded.project.software, load_catalogue()))
    if as_json:
        say_json({"ok": True, "project": loaded.project.id, "site": loaded.site.name, "software": contents})
    else:
        _say_result(project, site, loaded, contents)


def _say_result(project: Path, site: Path, loaded: Loaded, contents: dict[str, str]) -> None:
    say(f"ok  {project}: {loaded.project.id}, {loaded.project.title}")
    workflow = loaded.project.workflow
    count = len(workflow.protocols)
    what_next = "run by the install" if workflow.run else "loaded, not run"
    say(f"ok  workflow: {count} protocol{'s' if count != 1 else ''}, {what_next}")
    say(f"ok  software: {', '.join(f'{name} {version}' for name, version in contents.items())}")
    say(f"ok  {site}: {loaded.site.name} ({loaded.site.provider})")
    for note in _notes(loaded):
        say(f"note: {note}")


def _notes(loaded: Loaded) -> Iterator[str]:
    """What is right, and may still surprise."""
    data = loaded.project.data
    if loaded.project.volume.at_end == "discard":
        yield "nothing of this project is kept: uninstalling it deletes its volume"
    if data.project or data.datasets:
        yield "this version neither copies nor mounts data: the part data is checked and kept, no more"
    if problem := provider_problem(loaded.site_document):
        yield problem
