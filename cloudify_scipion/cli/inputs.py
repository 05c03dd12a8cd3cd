"""The arguments that `check` and `render` share, and loading what they name."""

from __future__ import annotations

from pathlib import Path

import click

from cloudify_scipion.catalogue.load import load_catalogue
from cloudify_scipion.catalogue.resolve import software_problems
from cloudify_scipion.errors import InputError
from cloudify_scipion.project.load import Loaded, load_inputs

project_argument = click.argument("project", type=click.Path(path_type=Path))
site_option = click.option("--site", required=True, type=click.Path(path_type=Path), help="Site file (YAML).")


def load_checked(project: Path, site: Path) -> Loaded:
    """A project and a site that fit together and to the catalogue. Raises InputError with all problems."""
    loaded = load_inputs(project, site)
    problems = software_problems(loaded.project.software, load_catalogue(), str(project))
    if problems:
        raise InputError(problems)
    return loaded
