"""`cloudify-scipion import`: from Scipion's exports, templates and project folders to a project file."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click

from cloudify_scipion.adapters.files import write_atomic
from cloudify_scipion.catalogue.entries.load import load_catalogue
from cloudify_scipion.catalogue.importing.project import Import, import_project, workflow_path
from cloudify_scipion.cli.console import aligned, error_document, json_option, say, say_json
from cloudify_scipion.errors import InputError, PermanentError, Problem, ScipionError
from cloudify_scipion.project.workflow import workflow_bytes


@click.command("import")
@click.argument("workflows", metavar="WORKFLOW...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="Project file to write (JSON).")
@click.option("--set", "settings", metavar="LABEL=VALUE", multiple=True, help="Answer a template's question.")
@click.option("--id", "project_id", help="The project's id; otherwise made of the output's name.")
@click.option("--title", help="The project's name for people.")
@click.option("--size-gb", type=int, help="Size of the volume in GB (10^9 bytes).")
@click.option("--force", is_flag=True, help="Replace files that are there.")
@json_option
def import_command(
    workflows: tuple[Path, ...],
    output: Path,
    settings: tuple[str, ...],
    project_id: str | None,
    title: str | None,
    size_gb: int | None,
    force: bool,
    as_json: bool,
) -> None:
    """Make a project file of WORKFLOW...: exports and templates of Scipion, or its project folders.

    The workflow is written beside it. What a person must still decide is listed; exit code 2 if a question of a
    template is not answered, or if anything is wrong.
    """
    answers, problems = _answers(settings)
    problems += _in_the_way(workflows, output, force)
    given = {"id": project_id, "title": title, "size_gb": size_gb}
    result = Import()
    try:
        result = import_project(workflows, answers, output, given, load_catalogue())
        if problems := [*problems, *result.problems]:
            raise InputError(problems)
        _write(output, result)
    except ScipionError as error:
        if not as_json:
            raise
        say_json({**error_document(error), **_found(result)})
        raise SystemExit(error.exit_code) from error
    if as_json:
        files = {"project": str(output), "workflow": str(workflow_path(output))}
        say_json({"ok": True, "files": files, "problems": [], **_found(result)})
    else:
        for line in _report(output, result):
            say(line)


def _answers(settings: Sequence[str]) -> tuple[dict[str, str], list[Problem]]:
    answers: dict[str, str] = {}
    problems = []
    for setting in settings:
        key, separator, value = setting.partition("=")
        if not separator or not key.strip():
            problems.append(Problem("--set", "$", f"{setting!r} is not LABEL=VALUE. Example: --set voltage=300"))
        elif answers.setdefault(key.strip(), value) != value:
            problems.append(Problem("--set", "$", f"{key.strip()!r} is given twice, with different values"))
    return answers, problems


def _in_the_way(workflows: Sequence[Path], output: Path, force: bool) -> list[Problem]:
    """Files that would be lost; what is imported never is."""
    problems = []
    for path in (output, workflow_path(output)):
        try:
            message = _hindrance(path, workflows, force)
        except (OSError, ValueError) as error:  # ValueError: a name that no file can have
            message = f"it cannot be written: {getattr(error, 'strerror', None) or error}"
        if message:
            problems.append(Problem(str(path), "$", message))
    return problems


def _hindrance(path: Path, workflows: Sequence[Path], force: bool) -> str:
    if path.is_dir():
        return "this is a folder, not a file"
    if not path.name.isprintable():  # it stands in the project file, in JSON
        return "this name cannot be used: give another with -o"
    if path.parent.exists() and not path.parent.is_dir():
        return f"{path.parent} is a file, not a folder"
    if any(os.path.realpath(path) == os.path.realpath(source) or _same(path, source) for source in workflows):
        return "this is what is imported: give another name with -o"
    taken = path.exists() or path.is_symlink()
    return "the file is there already: give another name, or --force" if taken and not force else ""


def _same(one: Path, other: Path) -> bool:
    """Whether both are the same file, under any name; what cannot be looked at is not."""
    try:
        return one.samefile(other)
    except (OSError, ValueError):
        return False


def _write(output: Path, result: Import) -> None:
    content = json.dumps(result.document, indent=2, ensure_ascii=False) + "\n"
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(workflow_path(output), workflow_bytes(result.protocols), 0o644)
        write_atomic(output, content.encode(), 0o644)
    except OSError as error:
        what = f"{output} cannot be written: {error.strerror or error}"
        raise PermanentError(what, "name a file in a folder of your own with -o") from error


def _found(result: Import) -> dict[str, Any]:
    """All that was found, for programs."""
    return {
        "document": result.document,
        "sources": [{"source": reading.source, "workflow": reading.origin} for reading in result.readings],
        "questions": [vars(question) | {"key": question.key} for question in result.questions],
        "facts": [vars(fact) for fact in result.facts],
        "decisions": [vars(decision) for decision in result.decisions],
    }


def _report(output: Path, result: Import) -> Iterator[str]:
    count = len(result.protocols)
    yield f"{output}: {result.document['id']}, {count} protocol{'s' if count != 1 else ''}"
    for reading in result.readings:
        yield f"  read {reading.source}: {reading.origin}"
    yield "found"
    yield from aligned([(fact.path, str(fact.value), fact.origin) for fact in result.facts])
    if result.questions:
        yield "filled in"
        answered = [
            (question.key, question.answer, f"{question.label}: {question.origin}") for question in result.questions
        ]
        yield from aligned(answered)
    yield "to decide, in the project file"
    yield from (f"  {decision.path}: {decision.message}" for decision in result.decisions)
    yield f"next: cloudify-scipion check {output} --site SITE"
