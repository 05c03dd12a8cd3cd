"""The arguments that commands on project files share, and loading what they name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import click

from cloudify_scipion.catalogue.entries.load import load_catalogue
from cloudify_scipion.catalogue.pins.file import MAX_BYTES, Pins, check_pins, from_text, request_problems
from cloudify_scipion.catalogue.software.check_document import document_problems, unknown_in_document
from cloudify_scipion.errors import InputError
from cloudify_scipion.project.documents import Document, Findings, part, read_bytes
from cloudify_scipion.project.load import Loaded, load_inputs
from cloudify_scipion.project.site import Site

project_argument = click.argument("project", type=click.Path(path_type=Path))
site_option = click.option("--site", required=True, type=click.Path(path_type=Path), help="Site file (YAML).")


def load_checked(project: Path, site: Path, lock: bytes = b"") -> Loaded:
    """A project and a site that fit together and to the catalogue. Raises InputError with all problems.

    With the content of a checked lock file, that says what software there is, and the catalogue is not asked.
    """
    return load_inputs(project, site, partial(_against_lock, from_text(lock.decode())) if lock else _against_catalogue)


def load_known(project: Path, site: Path) -> Loaded:
    """As `load_checked`, but the software need only be known to the catalogue: it may be impossible to install."""
    return load_inputs(project, site, _unknown)


def read_lock(path: Path) -> bytes:
    """The content of a lock file. Raises InputError with all that is wrong with it."""
    content = read_bytes(path, str(path), MAX_BYTES)
    if isinstance(content, Document):
        raise InputError(content.problems)
    if problems := check_pins(content, str(path)):
        raise InputError(problems)
    return content


def _against_catalogue(document: Mapping[str, Any], protocols: Sequence[Any], site: Site | None) -> Findings:
    return document_problems(document, protocols, site, load_catalogue())


def _unknown(document: Mapping[str, Any], protocols: Sequence[Any], _: Site | None) -> Findings:
    return unknown_in_document(document, protocols, load_catalogue())


def _against_lock(lock: Pins, document: Mapping[str, Any], _: Sequence[Any], __: Site | None) -> Findings:
    yield from request_problems(part(document, dict, "software"), lock)
