"""The arguments that commands on project files share, and loading what they name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import click

from cloudify_scipion.catalogue.load import load_catalogue
from cloudify_scipion.catalogue.lock import MAX_BYTES, Lock, check_lock, from_text, request_problems
from cloudify_scipion.catalogue.resolve import software_problems
from cloudify_scipion.errors import InputError, Problem
from cloudify_scipion.project.documents import part
from cloudify_scipion.project.load import Loaded, load_inputs
from cloudify_scipion.project.model import Software

project_argument = click.argument("project", type=click.Path(path_type=Path))
site_option = click.option("--site", required=True, type=click.Path(path_type=Path), help="Site file (YAML).")


def load_checked(project: Path, site: Path, lock: bytes = b"") -> Loaded:
    """A project and a site that fit together and to the catalogue. Raises InputError with all problems.

    With the content of a checked lock file, that says what software there is, and the catalogue is not asked.
    """
    return load_inputs(project, site, partial(_against_lock, from_text(lock.decode())) if lock else _against_catalogue)


def read_lock(path: Path) -> bytes:
    """The content of a lock file. Raises InputError with all that is wrong with it."""
    try:
        with path.open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)
        problems = check_lock(content, str(path))
    except OSError as error:
        problems = [Problem(str(path), "$", f"it cannot be read: {error.strerror}")]
    if problems:
        raise InputError(problems)
    return content


def _against_lock(lock: Lock, document: Mapping[str, Any], protocols: Sequence[Any]) -> Iterator[tuple[str, str]]:
    yield from request_problems(part(document, dict, "software"), lock)


def _against_catalogue(document: Mapping[str, Any], protocols: Sequence[Any]) -> Iterator[tuple[str, str]]:
    if isinstance(part(document, dict, "software").get("scipion"), str):
        for problem in software_problems(_readable(document["software"]), load_catalogue()):
            yield problem.path, problem.message


def _readable(software: Mapping[str, Any]) -> Software:
    """The request as far as it can be read; the rest is the schema's affair."""
    plugins, packages, data = (_texts(software, kind) for kind in ("plugins", "em_packages", "example_data"))
    return Software(software["scipion"], plugins, packages, data)


def _texts(software: Mapping[str, Any], kind: str) -> dict[str, str]:
    return {name: version for name, version in part(software, dict, kind).items() if isinstance(version, str)}
