"""`cloudify-scipion list`: all projects of this state root, and what of them needs a person."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import asdict

import click

from cloudify_scipion.cli.console import errors_as_json, json_option, say, say_json
from cloudify_scipion.cli.status import moment
from cloudify_scipion.cli.wiring import services
from cloudify_scipion.errors import DONE, FAILED, NOT_SAVED
from cloudify_scipion.lifecycle.overview import Project, all_projects
from cloudify_scipion.lifecycle.unsaved import KINDS

WIDTH = 80
_LONG_ID = 36
"""A project id that leaves no room for the rest of its line has a line of its own."""


@click.command("list")
@json_option
def list_command(as_json: bool) -> None:
    """List all projects: state, time left, last save (UTC), and below what needs a person. Machines are asked all at
    once, for 10 seconds each. Exit code 0: nothing needs a person. 1: something does. 4: data are not being saved."""
    with errors_as_json(as_json):
        projects = all_projects(services())
    if as_json:
        say_json({"ok": True, "projects": [asdict(project) for project in projects]})
    else:
        for line in lines(projects):
            say(line)
    raise SystemExit(exit_code(projects))


def exit_code(projects: Sequence[Project]) -> int:
    """What the list ends with."""
    kinds = {need.kind for project in projects for need in project.needs}
    return NOT_SAVED if kinds.intersection(KINDS) else FAILED if kinds else DONE


def lines(projects: Sequence[Project]) -> list[str]:
    """The list for people, at most WIDTH characters wide; a line that goes on begins with blanks."""
    if not projects:
        return ["no project is known in this state folder"]
    width = max(len("PROJECT"), *(len(one.project) for one in projects if len(one.project) <= _LONG_ID), 0)
    rows = [("PROJECT", "STATE", "TIME LEFT", "LAST SAVED (UTC)"), *map(_row, projects)]
    table = [line for row in rows for line in _cells(width, *row)]
    needs = [line for project in projects for line in _needs(project)]
    return [*table, *(["", "needs a person:", *needs] if needs else [])]


def _row(project: Project) -> tuple[str, str, str, str]:
    left = "?" if project.seconds_left is None else _short(project.seconds_left)
    return project.project, project.state, left, moment(project.saved)[:16] if project.saved else "-"


def _cells(width: int, project: str, *rest: str) -> Iterator[str]:
    state, left, saved = rest
    if len(project) > width:
        yield project
        project = ""
    yield f"{project:<{width}}  {state:<8}  {left:<11}  {saved}".rstrip()


def _needs(project: Project) -> Iterator[str]:
    for need in project.needs:
        yield from textwrap.wrap(f"{project.project}: {need.text}", WIDTH, subsequent_indent="  ")


def _short(seconds: float) -> str:
    """Such as `13 d 4 h`, or `over`."""
    hours = int(seconds // 3600)
    return f"{hours // 24} d {hours % 24} h" if seconds >= 0 else "over"
