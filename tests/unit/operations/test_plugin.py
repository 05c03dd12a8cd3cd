"""plugin.yaml and the code say the same: nothing is declared that nothing reads, nothing is undescribed."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml

import cloudify_scipion
from cloudify_scipion.adapters.services import make_services
from cloudify_scipion.blueprint.render import render
from cloudify_scipion.operations import boundary
from cloudify_scipion.project.load import load_inputs
from cloudify_scipion.resources import plugin_description
from cloudify_scipion.workflows import boundary as workflows_boundary
from tests.fakes.deployment import DEMO, SITE

PACKAGE = Path(cloudify_scipion.__file__).parent
PLUGIN: dict[str, Any] = yaml.safe_load(plugin_description())
TYPES: dict[str, dict[str, Any]] = PLUGIN["node_types"]
DATA_TYPES: dict[str, dict[str, Any]] = PLUGIN["data_types"]


def operations() -> Iterator[tuple[str, str, Any]]:
    """Type, operation and declaration of every operation."""
    for name, node_type in TYPES.items():
        for interface, declared in node_type["interfaces"].items():
            for operation, value in declared.items():
                yield name, f"{interface}.{operation}", value


def implementation(declared: Any) -> str:
    text: str = declared["implementation"] if isinstance(declared, dict) else declared
    return text


def function(declared: Any) -> Any:
    plugin, _, dotted = implementation(declared).partition(".")
    assert plugin in PLUGIN["plugins"]
    module, _, name = dotted.rpartition(".")
    return getattr(import_module(module), name)


@pytest.mark.parametrize(("name", "operation", "declared"), [*operations()])
def test_every_implementation_is_a_documented_function_of_its_node_type(
    name: str, operation: str, declared: Any
) -> None:
    found = function(declared)
    assert inspect.isfunction(found), operation
    assert inspect.getdoc(found)
    inputs = declared.get("inputs", {}) if isinstance(declared, dict) else {}
    parameters = inspect.signature(found).parameters.values()
    named = {p.name for p in parameters if p.kind is not inspect.Parameter.VAR_KEYWORD}
    assert named == set(inputs)
    assert all(value.get("description") for value in inputs.values())


def test_every_function_of_an_operation_is_declared() -> None:
    declared = {implementation(value).partition(".")[2] for *_, value in operations()}
    public = set()
    for path in (PACKAGE / "operations").glob("[a-z]*.py"):
        if path.stem not in ("boundary", "beside"):
            module = import_module(f"cloudify_scipion.operations.{path.stem}")
            own = [name for name, value in vars(module).items() if inspect.isfunction(value) and name[0] != "_"]
            public |= {f"{module.__name__}.{n}" for n in own if vars(module)[n].__module__ == module.__name__}
    assert public <= declared


@pytest.mark.parametrize("name", [*TYPES])
def test_every_node_of_a_machine_is_checked_and_healed(name: str) -> None:
    interfaces = TYPES[name]["interfaces"]
    if name == "cloudify.nodes.scipion.Blueprint":  # a document, which cannot break
        assert set(interfaces["cloudify.interfaces.lifecycle"]) == {"create"}
        return
    assert "heal" in interfaces["cloudify.interfaces.lifecycle"]
    assert "check_status" in interfaces["cloudify.interfaces.validation"]


def properties() -> Iterator[tuple[str, str, Any]]:
    for name, declared in {**TYPES, **DATA_TYPES}.items():
        for prop, value in declared.get("properties", {}).items():
            yield name, prop, value


@pytest.mark.parametrize(("name", "prop", "declared"), [*properties()])
def test_every_property_is_described_and_typed_or_has_a_default(name: str, prop: str, declared: Any) -> None:
    assert declared["description"].endswith("."), f"{name}.{prop}"
    assert "type" in declared or "default" in declared
    if declared.get("type", "").startswith("cloudify.types.scipion."):
        assert declared["type"] in DATA_TYPES


def words(*folders: str) -> set[str]:
    """Every text that code of ours uses as a key or an argument, docstrings left out."""
    found = set()
    for folder in folders:
        for path in (PACKAGE / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Subscript | ast.Call | ast.Tuple | ast.List | ast.Dict):
                    found |= {leaf.value for leaf in ast.walk(node) if isinstance(leaf, ast.Constant)}
    return {word for word in found if isinstance(word, str)}


def subscripts(module: str) -> set[str]:
    """Keys that a module reads with [...]."""
    source = (PACKAGE / "operations" / f"{module}.py").read_text()
    keys = [node.slice for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Subscript)]
    return {key.value for key in keys if isinstance(key, ast.Constant) and isinstance(key.value, str)}


def module_of(name: str) -> str:
    (module,) = {implementation(value).split(".")[-2] for type_name, _, value in operations() if type_name == name}
    return module


@pytest.mark.parametrize("name", [*TYPES])
def test_no_property_is_declared_that_nothing_reads(name: str) -> None:
    read = subscripts(module_of(name)) | subscripts("boundary")
    assert set(TYPES[name]["properties"]) <= read


@pytest.mark.parametrize("name", [*DATA_TYPES])
def test_no_property_of_a_data_type_is_declared_that_nothing_reads(name: str) -> None:
    assert set(DATA_TYPES[name]["properties"]) <= words("lifecycle", "project", "operations")


def test_the_demo_gives_every_property_of_its_nodes() -> None:
    """A property that the rendered blueprint leaves at its default is one that no project file can set."""
    loaded = load_inputs(DEMO, SITE)
    files = render(loaded.project, loaded.site_document, plugin_description())
    blueprint = yaml.safe_load(files["blueprint.yaml"])
    used = {node["type"]: set(node["properties"]) for node in blueprint["node_templates"].values()}
    for name, given in used.items():
        assert given == set(TYPES[name]["properties"]), name
    assert set(TYPES) - set(used) == {"cloudify.nodes.scipion.Puppet", "cloudify.nodes.scipion.Blueprint"}


def test_no_relationship_is_declared() -> None:
    assert set(PLUGIN) == {"plugins", "data_types", "node_types", "workflows"}


def test_every_workflow_is_a_documented_function_and_the_reverse() -> None:
    module = import_module("cloudify_scipion.workflows.data")
    own = {name for name, value in vars(module).items() if inspect.isfunction(value) and name[0] != "_"}
    assert set(PLUGIN["workflows"]) == {n for n in own if vars(module)[n].__module__ == module.__name__}
    for name, declared in PLUGIN["workflows"].items():
        found = function({"implementation": declared["mapping"]})
        assert (found.__name__, bool(inspect.getdoc(found))) == (name, True)
        kinds = inspect.signature(found).parameters.values()
        named = {p.name for p in kinds if p.kind is not inspect.Parameter.VAR_KEYWORD}
        assert named == set(declared.get("parameters", {}))
        assert all(value["description"].endswith(".") for value in declared.get("parameters", {}).values())


def test_the_package_is_named_with_its_version() -> None:
    (plugin,) = PLUGIN["plugins"].values()
    assert plugin["package_version"] == cloudify_scipion.__version__
    assert plugin["package_name"] == "cloudify-scipion"


def test_services_come_from_one_place() -> None:
    assert boundary.make_services is make_services is workflows_boundary.make_services
    for path in [*(PACKAGE / "operations").glob("[a-z]*.py"), *(PACKAGE / "workflows").glob("[a-z]*.py")]:
        assert path.stem == "boundary" or "adapters" not in path.read_text()
