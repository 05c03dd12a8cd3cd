"""`cloudify-scipion open`: a fresh link to the desktop."""

from __future__ import annotations

import json
import webbrowser

import click

from cloudify_scipion.cli.wiring import known_record, services
from cloudify_scipion.errors import PermanentError
from cloudify_scipion.lifecycle.desktop import open_link, revoke_links
from cloudify_scipion.lifecycle.looks import give_back

VALID_SECONDS = 60


@click.command("open")
@click.argument("project")
@click.option("--revoke", is_flag=True, help="End all links and sessions instead of making a link.")
@click.option("--browser", is_flag=True, help="Open the link in this machine's browser.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def open_command(project: str, revoke: bool, browser: bool, as_json: bool) -> None:
    """Print a link to PROJECT's desktop, valid for 60 seconds and for one browser."""
    ports = services()
    record = known_record(ports, project)
    if revoke:
        ended = revoke_links(ports, record)
        click.echo(json.dumps({"revoked": ended}) if as_json else f"ended {ended} links and sessions")
        return
    link = open_link(ports, give_back(ports, record), VALID_SECONDS)
    click.echo(json.dumps({"url": link.url, "expires": link.expires}) if as_json else link.url)
    if not as_json:
        click.echo(f"valid for {VALID_SECONDS} s and one browser; the next: cloudify-scipion open {project}", err=True)
    if browser and not webbrowser.open(link.url):
        raise PermanentError("there is no browser on this machine", "open the link in yours, before it expires")
