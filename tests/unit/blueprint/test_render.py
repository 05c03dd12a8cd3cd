"""What a blueprint folder holds."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
import yaml
from dsl_parser.tasks import prepare_deployment_plan
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cloudify_scipion import __version__
from cloudify_scipion.blueprint.folder import write_folder
from cloudify_scipion.blueprint.parse import parse_blueprint
from cloudify_scipion.blueprint.render import MANIFEST, PLUGIN_FILE, render
from cloudify_scipion.project.inputs import INPUT_PATHS, coerce_inputs, decode
from cloudify_scipion.project.load import check_documents
from cloudify_scipion.project.model import Project, project_from_document
from cloudify_scipion.resources import plugin_description
from tests.unit.project.samples import full_project, site, small_project


def rendered(document: dict[str, Any], site_document: dict[str, Any] | None = None) -> dict[str, bytes]:
    return render(project_from_document(document), site_document or site(), plugin_description())


def planned(files: dict[str, bytes], folder: Any, inputs: dict[str, Any]) -> dict[str, Any]:
    """Node properties and inputs, as Cloudify evaluates them at deployment."""
    write_folder(files, folder)
    plan: dict[str, Any] = prepare_deployment_plan(parse_blueprint(folder / "blueprint.yaml"), inputs=inputs)
    return plan


def first_document(plan: dict[str, Any]) -> dict[str, Any]:
    volume = next(node for node in plan["nodes"] if node["id"] == "volume")
    operation = volume["operations"]["cloudify.interfaces.lifecycle.precreate"]
    assert operation["operation"] == "cloudify_scipion.operations.volume.precreate"
    document: dict[str, Any] = operation["inputs"]["document"]
    return document


def through_cloudify(document: dict[str, Any], folder: Any, with_inputs: bool) -> Project:
    files = rendered(document)
    inputs = yaml.safe_load(files["inputs.yaml"]) if with_inputs else {}
    back = coerce_inputs(first_document(planned(files, folder, inputs)))
    assert check_documents(back, site()) == []
    protocols = json.loads(files["workflow.json"]) if "workflow.json" in files else ()
    return project_from_document(back, protocols)


@pytest.mark.parametrize("document", [small_project(), full_project()])
@pytest.mark.parametrize("with_inputs", [True, False])
def test_a_project_comes_through_cloudify_unchanged(document: dict[str, Any], with_inputs: bool, tmp_path: Any) -> None:
    assert through_cloudify(document, tmp_path / "out", with_inputs) == project_from_document(document)


controls = [chr(n) for n in [*range(32), *range(127, 133), *range(134, 160)]]
titles = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters=controls),
    min_size=1,
    max_size=40,
)


@given(title=titles, name=titles)
@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_title_comes_through(title: str, name: str, tmp_path: Any) -> None:
    document = {**full_project(), "title": title, "owner": {"name": name}}
    folder = tmp_path / f"{hash((title, name)) % 10**9}"
    project = through_cloudify(document, folder, with_inputs=False)
    assert (project.title, project.owner.name) == (title, name)


def test_the_same_bytes() -> None:
    files = rendered(full_project())
    assert files == rendered(full_project())
    assert list(files) == [
        "README.md", "blueprint.yaml", "cloudify/types/types.yaml", PLUGIN_FILE, "inputs.yaml", "workflow.json",
        MANIFEST,
    ]  # fmt: skip
    assert "workflow.json" not in rendered(small_project())
    assert files[PLUGIN_FILE] == plugin_description()


def test_ascii_only_where_cloudify_wants_it() -> None:
    files = rendered(full_project())
    assert files["blueprint.yaml"].isascii()
    assert files["cloudify/types/types.yaml"].isascii()
    assert files[PLUGIN_FILE].isascii()


def test_the_plugins_version_is_ours() -> None:
    description = yaml.safe_load(plugin_description())
    assert description["plugins"]["scipion"]["package_name"] == "cloudify-scipion"
    assert description["plugins"]["scipion"]["package_version"] == __version__


def test_inputs_have_defaults_descriptions_and_no_types() -> None:
    files = rendered(full_project())
    declared = yaml.safe_load(files["blueprint.yaml"])["inputs"]
    given_inputs = yaml.safe_load(files["inputs.yaml"])
    assert set(declared) == set(given_inputs) == {*INPUT_PATHS, "site"}
    for name, rule in declared.items():
        assert set(rule) == {"description", "default"}
        assert decode(rule["default"]) == decode(given_inputs[name])


NODES = ("volume", "machine", "software", "working_copy", "scipion_project", "desktop", "seal")


def test_every_input_is_used_and_every_value_reaches_its_node(tmp_path: Any) -> None:
    files = rendered(full_project())
    text = files["blueprint.yaml"].decode()
    for name in (*INPUT_PATHS, "site"):
        assert re.search(rf"get_input: {name} ", text), name
    plan = planned(files, tmp_path / "out", {"volume_size_gb": "7", "site": {"name": "there", "provider": "local"}})
    properties = {node["id"]: node["properties"] for node in plan["nodes"]}
    assert set(properties) == {*NODES}
    for node in properties.values():
        assert node["site"] == {"name": "there", "provider": "local"}
        assert node["project"]["id"] == "relion-2d"
        assert decode(node["project"])["title"] == full_project()["title"]
    assert properties["volume"]["size_gb"] == "7"
    asked = {**full_project()["software"], "lock": ""}
    assert properties["machine"]["software"] == asked == properties["software"]["software"]
    assert properties["scipion_project"]["workflow"] == "workflow.json"
    assert properties["desktop"]["geometry"] == "1280x800"
    data = full_project()["data"]
    assert data == properties["machine"]["data"] == properties["working_copy"]["data"]
    assert properties["working_copy"]["secrets"] == full_project()["secrets"]
    assert properties["seal"]["at_end"] == properties["volume"]["at_end"] == full_project()["volume"]["at_end"]


def test_a_lock_file_is_in_the_folder_and_named_to_the_nodes(tmp_path: Any) -> None:
    project = project_from_document(full_project())
    files = render(project, site(), plugin_description(), b"{}")
    assert files["software.lock.json"] == b"{}"
    plan = planned(files, tmp_path / "out", {})
    nodes = {node["id"]: node for node in plan["nodes"]}
    assert {nodes[name]["properties"]["software"]["lock"] for name in ("machine", "software")} == {"software.lock.json"}
    precreate = nodes["volume"]["operations"]["cloudify.interfaces.lifecycle.precreate"]
    assert precreate["inputs"]["lock"] == "software.lock.json"


def test_order_of_nodes(tmp_path: Any) -> None:
    plan = planned(rendered(full_project()), tmp_path / "out", {})
    after = {node["id"]: {r["target_id"] for r in node.get("relationships", [])} for node in plan["nodes"]}
    assert after == {
        "volume": set(),
        "machine": {"volume"},
        "software": {"machine"},
        "working_copy": {"software"},
        "scipion_project": {"software", "working_copy"},
        "desktop": {"software", "scipion_project"},
        "seal": {*NODES} - {"seal"},
    }


def test_outputs_hold_nothing_secret(tmp_path: Any) -> None:
    plan = planned(rendered(full_project()), tmp_path / "out", {})
    addresses = {"desktop_url", "desktop_tls_fingerprint", "ssh", "volume", "volume_at_end"}
    assert set(plan["outputs"]) == {*addresses, "software_lock_sha256"}
    assert set(plan["capabilities"]) == {*plan["outputs"], "software_lock"}
    assert not re.search("token|password|get_secret", json.dumps([plan["outputs"], plan["capabilities"]]))


def test_workflows_exist_with_the_parameters_that_cloudify_takes(tmp_path: Any) -> None:
    """The built-in workflows' own signatures say what must be declared."""
    import importlib
    import inspect

    plan = planned(rendered(small_project()), tmp_path / "out", {})
    for name in ("install", "uninstall", "heal", "start", "stop", "restart", "execute_operation", "check_status"):
        workflow = plan["workflows"][name]
        module, _, function = workflow["operation"].rpartition(".")
        code = getattr(importlib.import_module(module), function)
        wanted = [p.name for p in inspect.signature(inspect.unwrap(code)).parameters.values()
                  if p.default is p.empty and p.kind is p.POSITIONAL_OR_KEYWORD and p.name != "ctx"]  # fmt: skip
        assert set(wanted) <= set(workflow["parameters"]), name


def test_the_readme_is_safe() -> None:
    document = {**small_project(), "title": "<script>alert(1)</script> [x](http://y) `z`"}
    readme = rendered(document)["README.md"].decode()
    assert "<script>" not in readme.replace("\\<", "")
    assert "cfy install blueprint.yaml -b p -i inputs.yaml" in readme
