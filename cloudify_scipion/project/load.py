"""Loading project and site files: all problems of both at once, then frozen values."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import Any

from cloudify_scipion.errors import InputError, Problem
from cloudify_scipion.project.documents import NO_FILE, REPEATED, Document, part, read_json, read_yaml
from cloudify_scipion.project.model import Project, project_from_document
from cloudify_scipion.project.rules import project_rules
from cloudify_scipion.project.schema import schema, schema_problems
from cloudify_scipion.project.site import Site, site_from_document
from cloudify_scipion.project.site_rules import site_allows, site_rules
from cloudify_scipion.project.workflow import MAX_WORKFLOW_BYTES, workflow_problems

MAX_TOLD = 200
"""Problems that are told of a file, of each kind: of what its own rules, its site and its software say."""
Further = Callable[[Mapping[str, Any], Sequence[Any], Site | None], Iterable[tuple[str, str]]]
"""What the layers above have against a project's document, whatever else is wrong with it.

Gets the document, its workflow's protocols, and the site, None if it is wrong itself; gives paths and messages.
"""

_PROTOCOLS = "$.workflow.protocols"


@dataclass(frozen=True)
class Loaded:
    """A project file and a site file that fit together, and the site as it was written."""

    project: Project
    site: Site
    site_document: Mapping[str, Any]


def load_inputs(project_path: Path, site_path: Path, further: Further = lambda *_: ()) -> Loaded:
    """The project and the site in these files. Raises InputError as `checked` does."""
    document, workflow = _read_project(project_path)
    return checked(document, read_yaml(site_path, str(site_path)), workflow, further)


def checked(document: Document, site: Document, workflow: Document | None, further: Further) -> Loaded:
    """A project and its site, from files or from a blueprint's inputs; `workflow` is that of a file of its own.

    Raises InputError with all problems of all documents, also of the two together.
    """
    problems = [*document.problems, *site.problems, *(workflow.problems if workflow else ())]
    found = check_documents(document.value, site.value, document.source, site.source)
    problems += _not_told(problems, found)
    of_site = any(problem.source == site.source for problem in problems)
    readable = None if of_site else site_from_document(site.value)
    problems += _not_told(problems, _further(document, workflow, readable, further))
    if problems:
        raise InputError(problems)
    project = project_from_document(document.value, workflow.value if workflow else ())
    return Loaded(project, site_from_document(site.value), site.value)


def _not_told(told: Iterable[Problem], found: Iterable[Problem]) -> list[Problem]:
    """What was found where nothing is wrong yet: the same fault again, seen from another side, helps nobody.

    A key that is written twice may have a wrong value, too.
    """
    places = {(problem.source, problem.path) for problem in told if problem.message != REPEATED}
    return [problem for problem in found if (problem.source, problem.path) not in places]


def _further(document: Document, workflow: Document | None, site: Site | None, further: Further) -> list[Problem]:
    """What is wrong with protocols is said of the file that holds them."""
    if not isinstance(document.value, Mapping):
        return []
    own = workflow if workflow and not workflow.problems else None
    protocols = own.value if own else part(document.value, list, "workflow", "protocols")
    found = _told(further(document.value, protocols, site), document.source)
    return [_in_workflow(problem, own.source) for problem in found] if own else found


def _in_workflow(problem: Problem, source: str) -> Problem:
    """A problem of a protocol where it can be put right: in the workflow's own file."""
    if not problem.path.startswith(f"{_PROTOCOLS}["):
        return problem
    return Problem(source, f"${problem.path.removeprefix(_PROTOCOLS)}", problem.message)


def check_documents(
    project: object, site: object, project_source: str = "project", site_source: str = "site"
) -> list[Problem]:
    """Everything wrong with a project document and a site document, alone and together.

    Plain data from anywhere (files; a blueprint's inputs after `coerce_inputs`). A document that is None was not
    readable and is not looked at. The workflow's file is not opened here.
    """
    problems: list[Problem] = []
    if project is not None:
        problems += _document_problems(project, "project", project_source)
    if site is not None:
        problems += _document_problems(site, "site", site_source)
    return problems + _not_told(problems, _together(project, site, project_source))


def _document_problems(document: object, kind: str, source: str) -> list[Problem]:
    if other := _other_kind(document, kind):
        return [Problem(source, "$", f"this is a {other} file, not a {kind} file")]
    problems = schema_problems(document, schema(kind), source)
    if isinstance(document, Mapping):
        rules = project_rules if kind == "project" else site_rules
        problems += _not_told(problems, _told(rules(document), source))
    return problems


def _other_kind(document: object, kind: str) -> str:
    """`site` for a site file that was given as the project file, and the reverse; else empty."""
    other = {"project": "site", "site": "project"}[kind]
    keys = set(document) if isinstance(document, Mapping) else set()
    return "" if keys & {*schema(kind)["required"]} or not keys >= {*schema(other)["required"]} else other


def _told(found: Iterable[tuple[str, str]], source: str) -> list[Problem]:
    """Paths and messages as problems. A file with thousands of faults would take minutes to look through."""
    listed = [Problem(source, path, message) for path, message in islice(found, MAX_TOLD + 1)]
    if len(listed) <= MAX_TOLD:
        return listed
    return [
        *listed[:MAX_TOLD],
        Problem(source, "$", f"more than these {MAX_TOLD} are like them; put these right first"),
    ]


def _together(project: object, site: object, source: str) -> list[Problem]:
    if not isinstance(project, Mapping) or not isinstance(site, Mapping):
        return []
    if _other_kind(project, "project") or _other_kind(site, "site"):
        return []
    return _told(site_allows(project, site), source)


def _read_project(path: Path) -> tuple[Document, Document | None]:
    """The project's document, and the workflow's where the project names a file."""
    document = read_json(path, str(path))
    name = part(document.value, dict, "workflow").get("file")
    if not isinstance(name, str) or not name:
        return document, None
    return document, _read_workflow(path, name)


def _read_workflow(project_path: Path, name: str) -> Document:
    folder = project_path.parent.resolve()
    if PurePosixPath(name).is_absolute() or not _is_inside(folder / name, folder):
        message = f"{name!r} is outside the project file's folder"
        return Document(name, None, (Problem(str(project_path), "$.workflow.file", message),))
    source = str(project_path.parent / name)
    document = read_json(folder / name, source, MAX_WORKFLOW_BYTES)
    if document.value is None:
        named = f"{NO_FILE}; {project_path} names it ($.workflow.file)"
        lost = [Problem(source, "$", named) if found.message == NO_FILE else found for found in document.problems]
        return Document(source, None, tuple(lost))
    return Document(source, document.value, (*document.problems, *workflow_problems(document.value, source)))


def _is_inside(path: Path, folder: Path) -> bool:
    """Whether a path leads into a folder; one that no file can have, or links in a circle, lead nowhere."""
    try:
        return path.resolve().is_relative_to(folder)
    except (OSError, ValueError, RuntimeError):
        return False
