"""Nodes of a blueprint's author, of the type Puppet: kept in the record with their modules, so that they come back."""

from __future__ import annotations

import json
import tempfile
from base64 import b64decode, b64encode
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

from cloudify_scipion.errors import PermanentError
from cloudify_scipion.lifecycle.ports import Projects, Services
from cloudify_scipion.lifecycle.project import make_personal, update
from cloudify_scipion.lifecycle.puppet import apply_classes
from cloudify_scipion.lifecycle.record import Record

KEY = "puppet"
"""Of the record's settings: what each node asks for, and on which generation of the machine that was applied."""
_APPLIED = "applied"


def ask_for_node(
    services: Services, record: Record, node: str, asked: Mapping[str, Any], modules: Mapping[str, bytes]
) -> Record:
    """Remember what the node asks for (run, classes, data) and its Puppet modules: path to content."""
    text = json.dumps({path: b64encode(content).decode() for path, content in sorted(modules.items())})
    name = f"modules-{sha256(text.encode()).hexdigest()[:16]}.json" if modules else ""
    if modules:
        services.projects.keep(record.project, name, text)
    wanted, known = {**asked, "modules": name}, _nodes(record).get(node, {})
    is_same = wanted == {key: value for key, value in known.items() if key != _APPLIED}
    return _with_node(services, record, node, {**wanted, _APPLIED: known[_APPLIED] if is_same else 0})


def forget_node(services: Services, record: Record, node: str) -> Record:
    """It does not come back any more; what it has done to the machine stays."""
    kept = {name: told for name, told in _nodes(record).items() if name != node}
    return update(services, record, settings={**record.settings, KEY: kept})


def apply_nodes(services: Services, record: Record, unless_known: bool = False) -> Record:
    """Apply the classes of all nodes, in the order in which they were first asked for."""
    for node in _nodes(record):
        record = apply_node(services, record, node, unless_known)
    return record


def apply_node(services: Services, record: Record, node: str, unless_known: bool = False) -> Record:
    """Apply the classes of one; `unless_known`: not where the machine is known to have them."""
    asked = _nodes(record)[node]
    record = make_personal(services, record)  # what an author adds is the project's own
    with tempfile.TemporaryDirectory() as folder:
        modules = unpack_modules(services.projects, record.project, asked["modules"], Path(folder))
        run, classes, data = asked["run"], asked["classes"], asked["data"]
        record = apply_classes(services, record, run, classes, data, modules, unless_known)
    return _with_node(services, record, node, {**asked, _APPLIED: record.generation})


def nodes_problem(services: Services, record: Record) -> str:
    """Which nodes' classes this machine does not have; empty if it has all."""
    return "; ".join(problem for node in _nodes(record) if (problem := node_problem(record, node)))


def node_problem(record: Record, node: str) -> str:
    """Whether the machine of this generation has the node's classes; drift is what a heal puts right."""
    asked = _nodes(record).get(node)
    if asked is None:
        return f"what node {node} asks for is not known: an older version made it, so heal it or install again"
    is_applied = asked[_APPLIED] == record.generation
    return "" if is_applied else f"the classes of node {node} were not applied on this machine: {asked['classes']}"


def unpack_modules(projects: Projects, project: str, name: str, folder: Path) -> Path | None:
    """Put the modules that were kept under `name` into `folder`, which is returned; None for no name.

    Raises PermanentError if they cannot be read.
    """
    if not name:
        return None
    try:
        told = json.loads(projects.kept(project, name))
        files = {path: b64decode(content, validate=True) for path, content in told.items()}
    except (ValueError, TypeError, AttributeError) as error:
        what = f"the Puppet modules {name} of project '{project}' cannot be read: {error}"
        raise PermanentError(what, "heal their node, or install again") from error
    for path, content in files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    return folder


def _nodes(record: Record) -> Mapping[str, Any]:
    return record.settings.get(KEY, {})


def _with_node(services: Services, record: Record, node: str, told: Mapping[str, Any]) -> Record:
    return update(services, record, settings={**record.settings, KEY: {**_nodes(record), node: told}})
