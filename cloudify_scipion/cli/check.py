"""`cloudify-scipion check`: look a project file and a site file through, and say everything that is wrong."""

from __future__ import annotations

from pathlib import Path

import click

from cloudify_scipion.catalogue.entries.load import load_catalogue
from cloudify_scipion.catalogue.entries.model import SoftwareSet
from cloudify_scipion.catalogue.software.puppet_data import software_contents, software_proofs
from cloudify_scipion.catalogue.software.resolve import resolve
from cloudify_scipion.cli.check_data import room_notes, secret_notes
from cloudify_scipion.cli.check_text import notes_of, understood
from cloudify_scipion.cli.console import errors_as_json, json_option, say, say_json
from cloudify_scipion.cli.inputs import load_checked, project_argument, site_option
from cloudify_scipion.project.load import Loaded


@click.command()
@project_argument
@site_option
@json_option
def check(project: Path, site: Path, as_json: bool) -> None:
    """Check the project file PROJECT for a site; exit code 2 if anything is wrong."""
    with errors_as_json(as_json):
        loaded = load_checked(project, site)
        secrets = secret_notes(loaded, project, site)
    software = resolve(loaded.project.software, load_catalogue())
    notes = [*notes_of(loaded, software_proofs(software)), *secrets, *room_notes(loaded)]
    if as_json:
        contents = {"software": software_contents(software), "proof": software_proofs(software), "notes": notes}
        say_json({"ok": True, "project": loaded.project.id, "site": loaded.site.name, **contents})
    else:
        _say_result(project, site, loaded, software)
        for note in notes:
            say(f"note: {note}")


def _say_result(project: Path, site: Path, loaded: Loaded, software: SoftwareSet) -> None:
    say(f"ok  {project}: {loaded.project.id}, {loaded.project.title}")
    workflow = loaded.project.workflow
    count = len(workflow.protocols)
    what_next = "run by the install" if workflow.run else "loaded, not run"
    say(f"ok  workflow: {count} protocol{'s' if count != 1 else ''}, {what_next}")
    proofs = software_proofs(software)
    named = [f"{name} {version} ({proofs[name]})" for name, version in software_contents(software).items()]
    say(f"ok  software, with its proof: {', '.join(named)}")
    for line in understood(loaded.project):
        say(f"ok  {line}")
    say(f"ok  {site}: {loaded.site.name} ({loaded.site.provider})")
