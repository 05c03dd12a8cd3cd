"""From a project and a site to the files of a blueprint folder. Pure: the same input gives the same bytes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from cloudify_scipion import __version__
from cloudify_scipion.blueprint.text import comment, markdown, yaml_value
from cloudify_scipion.catalogue.pins.file import FILE as LOCK_FILE
from cloudify_scipion.project.inputs import project_inputs
from cloudify_scipion.project.model import Project
from cloudify_scipion.project.site import site_from_document
from cloudify_scipion.project.workflow import workflow_bytes

PLUGIN_FILE = f"cloudify-scipion-{__version__}.plugin.yaml"
"""Name of the plugin's description in the folder; no other file has it."""
PRIVATE_FOLDER = f"cloudify-scipion-{__version__}"
"""A folder whose name exists nowhere else (see the template's imports)."""
MANIFEST = f"{PRIVATE_FOLDER}/rendering.json"
"""Names and SHA-256 digests of the other files."""
WORKFLOW_FILE = "workflow.json"
_TEMPLATES = Path(__file__).parent / "templates"


def render(
    project: Project, site_document: Mapping[str, Any], plugin_description: bytes, lock: bytes = b""
) -> dict[str, bytes]:
    """File names to contents of a blueprint folder for a checked project on a checked site.

    `lock` is the content of a checked lock file that the software is to be installed from.
    """
    workflow = WORKFLOW_FILE if project.workflow.protocols else ""
    values = {
        "project": project,
        "site": site_from_document(site_document),
        "site_document": site_document,
        "inputs": project_inputs(project, workflow),
        "version": __version__,
        "plugin_file": PLUGIN_FILE,
        "private_folder": PRIVATE_FOLDER,
        "lock_file": LOCK_FILE if lock else "",
    }
    files = {
        "README.md": _filled("README.md.j2", values),
        "blueprint.yaml": _filled("blueprint.yaml.j2", values),
        "cloudify/types/types.yaml": (_TEMPLATES / "types.yaml").read_bytes(),
        PLUGIN_FILE: plugin_description,
        "inputs.yaml": _filled("inputs.yaml.j2", values),
    }
    if workflow:
        files[WORKFLOW_FILE] = workflow_bytes(project.workflow.protocols)
    if lock:
        files[LOCK_FILE] = lock
    return {**files, MANIFEST: manifest(files)}


def manifest(files: Mapping[str, bytes]) -> bytes:
    """The record by which a later rendering knows the folder for one of ours, unchanged."""
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in sorted(files.items())}
    record = {"rendered_by": f"cloudify-scipion {__version__}", "files": digests}
    return (json.dumps(record, indent=2) + "\n").encode()


def _filled(template: str, values: Mapping[str, Any]) -> bytes:
    text: str = _environment().get_template(template).render(values)
    return text.encode()


@cache
def _environment() -> Any:
    import jinja2  # slow to import

    environment = jinja2.Environment(  # noqa: S701  YAML and Markdown, with filters of their own
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(yaml=yaml_value, comment=comment, markdown=markdown)
    return environment
