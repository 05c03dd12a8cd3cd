"""The arguments that commands on project files share, and loading what they name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from cloudify_scipion.catalogue.load import load_catalogue
from cloudify_scipion.catalogue.resolve import software_problems
from cloudify_scipion.project.documents import part
from cloudify_scipion.project.load import Loaded, load_inputs
from cloudify_scipion.project.model import Software

project_argument = click.argument("project", type=click.Path(path_type=Path))
site_option = click.option("--site", required=True, type=click.Path(path_type=Path), help="Site file (YAML).")


def load_checked(project: Path, site: Path) -> Loaded:
    """A project and a site that fit together and to the catalogue. Raises InputError with all problems."""
    return load_inputs(project, site, _against_catalogue)


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
