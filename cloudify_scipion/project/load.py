"""Loading project and site files: all problems of both at once, then frozen values."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from cloudify_scipion.errors import InputError, Problem
from cloudify_scipion.project.documents import Document, child_path, read_json, read_yaml
from cloudify_scipion.project.model import Project, project_from_document
from cloudify_scipion.project.schema import schema, schema_problems
from cloudify_scipion.project.site import Site, site_from_document
from cloudify_scipion.project.ssh_keys import ssh_key_problem
from cloudify_scipion.project.workflow import MAX_WORKFLOW_BYTES, workflow_problems


@dataclass(frozen=True)
class Loaded:
    """A project file and a site file that fit together, and the site as it was written."""

    project: Project
    site: Site
    site_document: Mapping[str, Any]


def load_project(path: Path) -> Project:
    """The project of a file, its workflow included. Raises InputError with all problems."""
    document, workflow = _read_project(path)
    problems = [*_all_problems(document, "project"), *(workflow.problems if workflow else ())]
    if problems:
        raise InputError(problems)
    return project_from_document(document.value, workflow.value if workflow else ())


def load_site(path: Path) -> Site:
    """The site of a file. Raises InputError with all problems."""
    document = read_yaml(path, str(path))
    problems = _all_problems(document, "site")
    if problems:
        raise InputError(problems)
    return site_from_document(document.value)


def load_inputs(project_path: Path, site_path: Path) -> Loaded:
    """A project and its site. Raises InputError with all problems of all files, also of the two together."""
    document, workflow = _read_project(project_path)
    site = read_yaml(site_path, str(site_path))
    problems = [
        *document.problems,
        *check_documents(document.value, site.value, document.source, site.source),
        *(workflow.problems if workflow else ()),
        *site.problems,
    ]
    if problems:
        raise InputError(problems)
    project = project_from_document(document.value, workflow.value if workflow else ())
    return Loaded(project, site_from_document(site.value), site.value)


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
    return problems + _together(project, site, project_source)


def _all_problems(document: Document, kind: str) -> list[Problem]:
    found = _document_problems(document.value, kind, document.source) if document.value is not None else []
    return [*document.problems, *found]


def _document_problems(document: object, kind: str, source: str) -> list[Problem]:
    problems = schema_problems(document, schema(kind), source)
    if isinstance(document, Mapping):
        rules = _project_rules if kind == "project" else _site_rules
        problems += [Problem(source, path, message) for path, message in rules(document)]
    return problems


def _project_rules(document: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What a schema cannot say. Parts of the wrong type are the schema's affair."""
    found = []
    for index, key in enumerate(_get(document, list, "owner", "ssh_keys")):
        if isinstance(key, str) and (message := ssh_key_problem(key)):
            found.append((child_path("$.owner.ssh_keys", index), message))
    workflow = _get(document, dict, "workflow")
    if "file" in workflow and "protocols" in workflow:
        found.append(("$.workflow", "give either file or protocols, not both"))
    if workflow.get("run") is True and not workflow.get("file") and not workflow.get("protocols"):
        found.append(("$.workflow.run", "there is nothing to run: give file or protocols"))
    if isinstance(workflow.get("protocols"), list):
        inline = workflow_problems(workflow["protocols"], "", "$.workflow.protocols")
        found += [(problem.path, problem.message) for problem in inline]
    size = re.fullmatch(r"([0-9]{3,4})x([0-9]{3,4})", _get(document, str, "desktop", "geometry"))
    if size and not (640 <= int(size[1]) <= 7680 and 480 <= int(size[2]) <= 4320):
        found.append(("$.desktop.geometry", "a desktop has 640x480 to 7680x4320 pixels"))
    return found


def _site_rules(document: Mapping[str, Any]) -> list[tuple[str, str]]:
    found = []
    ports = _get(document, dict, "ports")
    first, last = ports.get("first"), ports.get("last")
    if isinstance(first, int) and isinstance(last, int) and last < first + 1:
        found.append(("$.ports.last", f"a project takes two ports: the last must be above the first, {first}"))
    desktop = _get(document, dict, "desktop")
    for key in ("tls_certificate", "tls_key"):
        if desktop.get("tls") == "given" and key not in desktop:
            found.append((f"$.desktop.{key}", "this is missing: tls is given"))
        elif desktop.get("tls", "none") != "given" and key in desktop:
            found.append((f"$.desktop.{key}", "this has no effect unless tls is given"))
    return found


def _together(project: object, site: object, source: str) -> list[Problem]:
    if not isinstance(project, Mapping) or not isinstance(site, Mapping):
        return []
    if _get(project, dict, "volume").get("at_end") == "discard" and site.get("allow_discard", False) is False:
        name = site.get("name", "this one")
        message = f"the site {name} does not allow discard (allow_discard); use hold"
        return [Problem(source, "$.volume.at_end", message)]
    return []


def _get(document: object, kind: type[Any], *keys: str) -> Any:
    """The part of a document at `keys`, or an empty one where it is absent or of another type."""
    for key in keys:
        document = document.get(key) if isinstance(document, Mapping) else None
    return document if isinstance(document, kind) else kind()


def _read_project(path: Path) -> tuple[Document, Document | None]:
    """The project's document, and the workflow's where the project names a file."""
    document = read_json(path, str(path))
    name = _get(document.value, dict, "workflow").get("file")
    if not isinstance(name, str) or not name:
        return document, None
    return document, _read_workflow(path, name)


def _read_workflow(project_path: Path, name: str) -> Document:
    folder = project_path.parent.resolve()
    if "\0" in name or PurePosixPath(name).is_absolute() or not (folder / name).resolve().is_relative_to(folder):
        message = f"{name!r} is outside the project file's folder"
        return Document(name, None, (Problem(str(project_path), "$.workflow.file", message),))
    source = str(project_path.parent / name)
    document = read_json(folder / name, source, MAX_WORKFLOW_BYTES)
    if document.value is None:
        return document
    return Document(source, document.value, (*document.problems, *workflow_problems(document.value, source)))
