"""`cloudify-scipion check`: look a project file and a site file through, and say everything that is wrong."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import click

from cloudify_scipion.catalogue.load import load_catalogue
from cloudify_scipion.catalogue.model import SoftwareSet
from cloudify_scipion.catalogue.puppet_data import software_contents, software_proofs
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
    software = resolve(loaded.project.software, load_catalogue())
    if as_json:
        contents = {"software": software_contents(software), "proof": software_proofs(software)}
        notes = [*_notes(loaded, software_proofs(software))]
        say_json({"ok": True, "project": loaded.project.id, "site": loaded.site.name, **contents, "notes": notes})
    else:
        _say_result(project, site, loaded, software)


def _say_result(project: Path, site: Path, loaded: Loaded, software: SoftwareSet) -> None:
    say(f"ok  {project}: {loaded.project.id}, {loaded.project.title}")
    workflow = loaded.project.workflow
    count = len(workflow.protocols)
    what_next = "run by the install" if workflow.run else "loaded, not run"
    say(f"ok  workflow: {count} protocol{'s' if count != 1 else ''}, {what_next}")
    proofs = software_proofs(software)
    named = [f"{name} {version} ({proofs[name]})" for name, version in software_contents(software).items()]
    say(f"ok  software: {', '.join(named)}")
    say(f"ok  {site}: {loaded.site.name} ({loaded.site.provider})")
    for note in _notes(loaded, proofs):
        say(f"note: {note}")


def _notes(loaded: Loaded, proofs: Mapping[str, str]) -> Iterator[str]:
    """What is right, and may still surprise."""
    data = loaded.project.data
    if loaded.project.volume.at_end == "discard":
        yield "nothing of this project is kept: uninstalling it deletes its volume"
    if unproven := [name for name, proof in proofs.items() if proof == "listed"]:
        yield f"nobody has installed {', '.join(unproven)} this way yet; what is known comes from its makers"
    if data.project or data.datasets:
        yield "this version neither copies nor mounts data: the part data is checked and kept, no more"
    if problem := provider_problem(loaded.site_document):
        yield problem
