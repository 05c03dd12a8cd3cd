"""The arguments that commands on project files share, and loading what they name."""

from __future__ import annotations

from pathlib import Path

import click

from cloudify_scipion.catalogue.entries.load import load_catalogue
from cloudify_scipion.catalogue.pins.file import MAX_BYTES, check_pins, from_text
from cloudify_scipion.catalogue.software.check_document import software_check, unknown_in_document
from cloudify_scipion.errors import InputError
from cloudify_scipion.project.documents import Document, read_bytes
from cloudify_scipion.project.load import Loaded, load_inputs

project_argument = click.argument("project", type=click.Path(path_type=Path))
site_option = click.option("--site", required=True, type=click.Path(path_type=Path), help="Site file (YAML).")


def load_checked(project: Path, site: Path, lock: bytes = b"") -> Loaded:
    """A project and a site that fit together and to the catalogue. Raises InputError with all problems.

    With the content of a checked lock file, that says what software there is, and the catalogue is not asked.
    """
    return load_inputs(project, site, software_check(from_text(lock.decode()) if lock else None))


def load_known(project: Path, site: Path) -> Loaded:
    """As `load_checked`, but the software need only be known to the catalogue: it may be impossible to install."""
    return load_inputs(project, site, lambda document, steps, _: unknown_in_document(document, steps, load_catalogue()))


def read_lock(path: Path) -> bytes:
    """The content of a lock file. Raises InputError with all that is wrong with it."""
    content = read_bytes(path, str(path), MAX_BYTES)
    if isinstance(content, Document):
        raise InputError(content.problems)
    if problems := check_pins(content, str(path)):
        raise InputError(problems)
    return content
