"""The import-layer table of ARCHITECTURE.md, enforced by reading the imports."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "cloudify_scipion"

# A layer may import the layers of greater depth, and itself.
DEPTH = {
    "cli": 0,
    "operations": 0,
    "workflows": 0,
    "adapters": 1,
    "lifecycle": 2,
    "blueprint": 3,
    "catalogue": 4,
    "project": 5,
    "resources": 6,
    "errors": 7,
    "agent": 8,
}
# Client libraries: the modules of ours that may import each.
CLIENTS = {
    "cloudify": r"cloudify_scipion\.(operations|workflows)(\.|$)",
    "cloudify_cli": r"$never",
    "cloudify_rest_client": r"cloudify_scipion\.adapters\.manager(\.|$)",
    "openstack": r"cloudify_scipion\.adapters\.openstack(\.|$)",
    "jinja2": r"cloudify_scipion\.blueprint(\.|$)",
    "dsl_parser": r"cloudify_scipion\.blueprint(\.|$)",
    "click": r"cloudify_scipion\.cli(\.|$)",
}


def modules(package: Path = PACKAGE) -> Iterator[tuple[str, ast.Module]]:
    """Names and syntax trees of the package's modules; catalogue data may be Python, too, but is none of them."""
    for path in sorted(package.rglob("*.py")):
        parts = path.relative_to(package.parent).with_suffix("").parts
        if "data" not in parts:
            name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
            yield name, ast.parse(path.read_text(encoding="utf-8"))


def imports(tree: ast.Module) -> Iterator[str]:
    """Dotted names of all that a module imports, also inside functions and type checking blocks."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def layer(name: str) -> str:
    parts = name.split(".")
    return parts[1] if len(parts) > 1 and parts[0] == "cloudify_scipion" else ""


def wrong_imports(name: str, tree: ast.Module) -> Iterator[str]:
    for imported in imports(tree):
        client = imported.partition(".")[0]
        if client in CLIENTS and not re.match(CLIENTS[client], name):
            yield f"{name} imports {imported}"
        below = layer(imported)
        if below == "agent" != layer(name):  # a program of its own, on another machine
            yield f"{name} imports {imported}"
        if below not in DEPTH or not layer(name) or layer(name) == below:
            continue
        if layer(name) == "agent" or DEPTH.get(layer(name), -1) >= DEPTH[below]:
            yield f"{name} imports {imported}"


def test_layers() -> None:
    assert [line for name, tree in modules() for line in wrong_imports(name, tree)] == []


def test_every_layer_is_known() -> None:
    unknown = {layer(name) for name, _ in modules()} - set(DEPTH) - {""}
    assert unknown == set()


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("cloudify_scipion.project.model", "from cloudify_scipion.catalogue.entries.load import load_catalogue"),
        ("cloudify_scipion.lifecycle.machine", "from cloudify_scipion.adapters import ssh"),
        ("cloudify_scipion.cli.open", "from cloudify_scipion.operations import desktop"),
        ("cloudify_scipion.lifecycle.machine", "def f():\n    from cloudify import ctx"),
        ("cloudify_scipion.adapters.web", "import cloudify_rest_client.client"),
        ("cloudify_scipion.cli.render", "import jinja2"),
        ("cloudify_scipion.workflows.data", "from cloudify_scipion.operations import boundary"),
        ("cloudify_scipion.lifecycle.agent", "from cloudify_scipion.agent import status"),
        ("cloudify_scipion.agent.main", "from cloudify_scipion.errors import ScipionError"),
    ],
)
def test_a_wrong_import_is_found(name: str, source: str) -> None:
    assert len(list(wrong_imports(name, ast.parse(source)))) == 1


def test_resources_and_errors_may_be_used_everywhere() -> None:
    tree = ast.parse("from cloudify_scipion.resources import puppet_folder\nimport cloudify_scipion.errors")
    assert list(wrong_imports("cloudify_scipion.project.load", tree)) == []
