"""The arguments that commands on project files share, and loading what they name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from cloudify_scipion.catalogue.load import load_catalogue
from cloudify_scipion.catalogue.request import document_problems, unknown_in_document
from cloudify_scipion.errors import InputError
from cloudify_scipion.project.load import Loaded, load_inputs, load_site
from cloudify_scipion.project.site import Site

project_argument = click.argument("project", type=click.Path(path_type=Path))
site_option = click.option("--site", required=True, type=click.Path(path_type=Path), help="Site file (YAML).")


def load_checked(project: Path, site: Path) -> Loaded:
    """A project and a site that fit together and to the catalogue. Raises InputError with all problems."""

    def against_catalogue(document: Mapping[str, Any], protocols: Sequence[Any]) -> Iterator[tuple[str, str]]:
        return document_problems(document, protocols, _readable_site(site), load_catalogue())

    return load_inputs(project, site, against_catalogue)


def load_known(project: Path, site: Path) -> Loaded:
    """As `load_checked`, but the software need only be known to the catalogue: it may be impossible to install."""

    def against_catalogue(document: Mapping[str, Any], protocols: Sequence[Any]) -> Iterator[tuple[str, str]]:
        return unknown_in_document(document, protocols, load_catalogue())

    return load_inputs(project, site, against_catalogue)


def _readable_site(path: Path) -> Site | None:
    try:
        return load_site(path)
    except InputError:
        return None  # `load_inputs` tells what is wrong with it
