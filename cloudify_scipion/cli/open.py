"""`cloudify-scipion open`: a fresh link to the desktop, its end, and who is there."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime

import click

from cloudify_scipion.cli.browsing import browse
from cloudify_scipion.cli.wiring import known_record, services
from cloudify_scipion.errors import PermanentError
from cloudify_scipion.lifecycle.desktop import Link, Visitor, open_link, revoke_links, who_is_connected
from cloudify_scipion.lifecycle.looks import give_back
from cloudify_scipion.lifecycle.machine import machine_problem
from cloudify_scipion.lifecycle.ports import Services
from cloudify_scipion.lifecycle.record import Record

VALID_SECONDS = 60
"""How long a link may wait for its browser. The gateway takes what it is told (at most an hour, `link.py`)."""
ABOUT = f"Print a link to PROJECT's desktop, valid for {VALID_SECONDS} seconds and for one browser."


@click.command("open", help=ABOUT)
@click.argument("project")
@click.option("--view-only", is_flag=True, help="A link that only looks; with --revoke, end only such links.")
@click.option("--revoke", is_flag=True, help="End all links and sessions instead of making a link.")
@click.option("--id", "link_id", default="", help="With --revoke: end only the link with this id, and its session.")
@click.option("--who", is_flag=True, help="Say who is connected instead of making a link.")
@click.option("--browser", is_flag=True, help="Open the link in this machine's browser.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def open_command(
    project: str, view_only: bool, revoke: bool, link_id: str, who: bool, browser: bool, as_json: bool
) -> None:
    """The command: a link, who is there, or the end of links and sessions."""
    _refuse_contradictions(view_only, revoke, link_id, who, browser)
    ports = services()
    record = known_record(ports, project)
    _refuse_without_machine(ports, record)
    if revoke:
        ended = revoke_links(ports, record, view_only=view_only, id=link_id)
        if link_id and not ended:
            next_step = f"see who is there: cloudify-scipion open --who {project}"
            raise PermanentError(f"no link or session of id {link_id!r} is there to end", next_step)
        click.echo(json.dumps({"revoked": ended}) if as_json else f"ended {ended} links and sessions")
    elif who:
        _say_who(who_is_connected(ports, record), as_json)
    else:
        link = open_link(ports, give_back(ports, record), VALID_SECONDS, view_only=view_only)
        elsewhere = ports.of(record).endpoint(record, "desktop").elsewhere
        _say_link(link, elsewhere, project, view_only, as_json)
        if browser and not browse(link.url):
            raise PermanentError("there is no browser on this machine", "open the link in yours, before it expires")


def _refuse_contradictions(view_only: bool, revoke: bool, link_id: str, who: bool, browser: bool) -> None:
    """An option that would be passed over in silence is a mistake of whoever typed it."""
    if link_id and not revoke:
        raise click.UsageError("--id goes with --revoke")
    if revoke + who + browser > 1:
        raise click.UsageError("--revoke, --who and --browser exclude each other")
    if who and view_only:
        raise click.UsageError("--view-only makes no difference to --who, which names all and says who looks on")


def _refuse_without_machine(ports: Services, record: Record) -> None:
    """SSH's words would say neither whose move it is nor what next."""
    down = machine_problem(ports, record) if record.installed else f"project '{record.project}' is not installed"
    if down:
        raise PermanentError(down, f"cloudify-scipion repair {record.project}, or install the project again")


def _say_link(link: Link, elsewhere: str, project: str, view_only: bool, as_json: bool) -> None:
    """`elsewhere` is what somebody on another computer types first."""
    click.echo(json.dumps(asdict(link)) if as_json else link.url)
    if as_json:
        return
    click.echo(f"open it within {VALID_SECONDS} s, in one browser; the next: cloudify-scipion open {project}", err=True)
    if elsewhere:
        click.echo(f"from another computer, first there: {elsewhere}", err=True)
    if view_only:
        click.echo(f"it only looks; to end it: cloudify-scipion open {project} --revoke --id {link.id}", err=True)


def _say_who(visitors: list[Visitor], as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps([asdict(visitor) for visitor in visitors]))
        return
    for visitor in visitors:
        since = datetime.fromtimestamp(visitor.since, UTC).strftime("%Y-%m-%d %H:%M UTC")
        click.echo(f"{visitor.id} {'looks on' if visitor.view_only else 'works'} from {visitor.address} since {since}")
    if not visitors:
        click.echo("nobody is connected")
