"""Reading what people give: exports, templates and Scipion project folders. Nothing is written, no fault raises."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from cloudify_scipion.errors import Problem
from cloudify_scipion.project.documents import Document, is_folder, parse_json, read_bytes
from cloudify_scipion.project.importing.database import read_database
from cloudify_scipion.project.importing.evidence import export_evidence, folder_evidence
from cloudify_scipion.project.importing.model import Reading
from cloudify_scipion.project.importing.template import fill, is_template
from cloudify_scipion.project.workflow import MAX_WORKFLOW_BYTES, workflow_problems

_DATABASE = b"SQLite format 3\0"
_NO_LOGS = "no log (Runs/*/logs/run.stdout) that names versions"
_SHOWN = 5


def read_source(path: Path, answers: Mapping[str, str], only_versions: bool = False) -> Reading:
    """An export, a template (its placeholders filled with `answers`), or a Scipion project folder.

    With `only_versions`, a folder's logs are read and its workflow is not.
    """
    return _read_folder(path, answers, only_versions) if is_folder(path) else _read_file(path, answers)


def _read_file(path: Path, answers: Mapping[str, str]) -> Reading:
    source = str(path)
    content = read_bytes(path, source, MAX_WORKFLOW_BYTES)
    if isinstance(content, Document):
        return Reading(source, problems=content.problems)
    if content.startswith(_DATABASE):
        message = "this is a database: give the folder of the Scipion project that it belongs to"
        return Reading(source, problems=(Problem(source, "$", message),))
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return _reading(parse_json(content, source))
    if not is_template(path.name, text):
        return _reading(parse_json(content, source))
    filled = fill(text, source, answers)
    # What was not answered leaves `null` behind, so that everything else can be said, too.
    reading = _reading(parse_json(filled.text.encode(errors="replace"), source))
    problems = (*filled.problems, *reading.problems)
    return replace(
        reading,
        origin=f"the template {path.name}",
        description=filled.description,
        questions=tuple(filled.questions),
        problems=problems,
    )


def _reading(document: Document) -> Reading:
    problems = [*document.problems]
    if document.value is not None:
        problems += workflow_problems(document.value, document.source)
    if problems:
        return Reading(document.source, problems=tuple(problems))
    protocols = tuple(document.value)
    origin = f"the export {Path(document.source).name}"
    return Reading(document.source, protocols, origin, evidence=tuple(export_evidence(protocols)))


def _read_folder(path: Path, answers: Mapping[str, str], only_versions: bool) -> Reading:
    logs = tuple(folder_evidence(path))
    if only_versions:
        return Reading(str(path), origin="its logs" if logs else _NO_LOGS, evidence=logs)
    reading = _folder_workflow(path, answers)
    origin = reading.origin if logs else f"{reading.origin}; {_NO_LOGS}"
    return replace(reading, origin=origin, evidence=(*logs, *reading.evidence))


def _folder_workflow(path: Path, answers: Mapping[str, str]) -> Reading:
    """The workflow of a project's database; where that cannot be read, of the one export that lies beside it."""
    database = read_database(path / "project.sqlite")
    if not isinstance(database, str):
        problems = workflow_problems(database, str(path))
        kept = () if problems else tuple(database)
        return Reading(str(path), kept, f"{path.name}/project.sqlite", problems=tuple(problems))
    exports = sorted(item for item in path.glob("*.json") if item.is_file())
    if len(exports) == 1:
        return _read_file(exports[0], answers)
    if exports:
        more = ", ..." if len(exports) > _SHOWN else ""
        names = ", ".join(item.name for item in exports[:_SHOWN]) + more
        what = f"which of {names} is its export is not clear: give that file, too"
    else:
        what = "no export (*.json) lies beside it: export the workflow in Scipion, and give that file, too"
    message = f"no workflow was found: {database}, and {what}"
    return Reading(str(path), problems=(Problem(str(path), "$", message),))
