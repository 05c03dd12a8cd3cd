"""Everything that people can use is documented, and tables made from the code are up to date."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from cloudify_scipion import errors
from cloudify_scipion.errors import EXIT_CODES, InputError, ProjectBusy, ProjectTaken, ScipionError
from cloudify_scipion.project.inputs import INPUT_PATHS
from cloudify_scipion.resources import plugin_description
from tests.docs.pages import ROOT, text
from tests.docs.reference import PARTS, all_commands, filled
from tests.unit.test_layers import DEPTH

PLUGIN = yaml.safe_load(plugin_description())


@pytest.mark.parametrize("page", PARTS)
def test_generated_parts_are_up_to_date(page: str) -> None:
    assert filled(page, text(page)) == text(page), "run: python -m tests.docs.reference"


@pytest.mark.parametrize("name", [*PLUGIN["node_types"], *PLUGIN["data_types"], *PLUGIN.get("relationships", {})])
def test_every_type_is_documented(name: str) -> None:
    kinds = (PLUGIN["node_types"], PLUGIN["data_types"], PLUGIN.get("relationships", {}))
    body = next(kind[name] for kind in kinds if name in kind)
    page = text("docs/author.md")
    part = page.split(f"# {name}\n", 1)[1].split("\n#", 1)[0]
    for key, told in body.get("properties", {}).items():
        assert f"| `{key}` |" in part and told["description"] in part, f"{name}.{key}"


@pytest.mark.parametrize(("path", "command"), list(all_commands()))
def test_every_command_and_option_is_documented(path: str, command: object) -> None:
    assert f"cloudify-scipion {path}" in text("docs/operator.md"), "what is it for?"
    part = text("docs/commands.md").split(f"# cloudify-scipion {path}\n", 1)[1].split("\n#", 1)[0]
    for parameter in command.params:  # type: ignore[attr-defined]
        assert all(option in part for option in parameter.opts if option.startswith("-"))


@pytest.mark.parametrize("name", [*INPUT_PATHS, "site"])
def test_every_input_of_the_blueprint_is_documented(name: str) -> None:
    assert f"| `{name}` |" in text("docs/author.md")


@pytest.mark.parametrize("path", sorted((ROOT / "inputs").glob("*/*")), ids=lambda path: path.name)
def test_every_example_input_is_mentioned(path: Path) -> None:
    assert str(path.relative_to(ROOT)) in text("docs/author.md")


def test_runtime_properties_and_outputs_are_documented() -> None:
    operations = "".join(path.read_text(encoding="utf-8") for path in ROOT.glob("cloudify_scipion/operations/*.py"))
    published = {key for call in re.findall(r"c\.publish\((.*)\)", operations) for key in re.findall(r"(\w+)=", call)}
    template = (ROOT / "cloudify_scipion/blueprint/templates/blueprint.yaml.j2").read_text(encoding="utf-8")
    outputs = re.findall(r"^  (\w+):\n", template.split("\noutputs:\n")[1].split("\ncapabilities:")[0], re.MULTILINE)
    assert published and len(outputs) > 3
    assert [name for name in [*published, *outputs] if f"`{name}`" not in text("docs/author.md")] == []


def test_exit_codes() -> None:
    assert (ScipionError.exit_code, InputError.exit_code, ProjectBusy.exit_code, ProjectTaken.exit_code) == (1, 2, 3, 3)
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, ScipionError)]
    raised = {kind.exit_code for kind in kinds}
    assert raised < set(EXIT_CODES) == set(range(5))


def test_layers_stand_in_their_order() -> None:
    table = text("ARCHITECTURE.md").split("\n## Layers")[1].split("\n## ")[0]
    named = re.findall(r"`(\w+)(?:/|\.py)`", "\n".join(re.findall(r"^\| (`[^|]*) \|", table, re.MULTILINE)))
    assert sorted(named) == sorted(DEPTH)
    assert [DEPTH[name] for name in named] == sorted(DEPTH.values())


def test_every_folder_of_tests_is_in_the_layout() -> None:
    layout = text("docs/developer.md").split("\n## Layout")[1].split("\n## ")[0]
    for folder in (ROOT / "tests").glob("[a-z]*/"):
        assert f"`tests/{folder.name}/`" in layout
    mirrored = {path.name for path in (ROOT / "cloudify_scipion").iterdir()}
    for folder in (ROOT / "tests/unit").glob("*/__init__.py"):
        assert folder.parent.name in mirrored or f"`{folder.parent.name}`" in layout


def test_dependencies_are_the_pinned_ones() -> None:
    listed = set(re.findall(r"`([a-z-]+==[0-9.]+)`", text("ARCHITECTURE.md")))
    wanted = (ROOT / "setup.py").read_text(encoding="utf-8") + text("pyproject.toml")
    pinned = {re.sub(r"\[.*?\]", "", found) for found in re.findall(r'"([a-z-]+(?:\[\w+\])?==[0-9.]+)"', wanted)}
    assert listed == pinned
    locked = set(text("requirements.txt").split())
    assert listed <= locked


ROOMS = ("", "operations", "agent", "agent/work")
"""Folders of the package below which the architecture names modules."""


def test_functions_named_in_the_architecture_exist() -> None:
    page = text("ARCHITECTURE.md")
    named = re.findall(r"`((?:\w+/)*\w+\.py)(?:: (\w+))?`((?:, `\w+`)*)", page)
    assert len(named) > 10
    for path, first, more in named:
        found = [ROOT / path, *(ROOT / "cloudify_scipion" / room / path for room in ROOMS)]
        file = next((candidate for candidate in found if candidate.is_file()), None)
        file = file or ROOT / "cloudify_scipion/lifecycle" / path
        assert file.is_file(), path
        code = file.read_text(encoding="utf-8")
        for name in [first, *re.findall(r"`(\w+)`", more)]:
            assert not name or re.search(rf"^def {name}\(|^    def {name}\(", code, re.MULTILINE), f"{path}: {name}"


def test_where_the_readme_says_that_something_is_decided() -> None:
    table = text("README.md").split("## Where do I find\n")[1].split("\n## ")[0]
    named = re.findall(r"`([\w./-]+/[\w./-]*)(?:: (\w+))?`((?:, `\w+`)*)", table)
    assert len(named) > 15
    for path, first, more in named:
        assert (ROOT / path).exists(), path
        for name in filter(None, [first, *re.findall(r"`(\w+)`", more)]):
            code = (ROOT / path).read_text(encoding="utf-8")
            assert re.search(rf"^(def|class) {name}\b|^{name}\b.* = ", code, re.MULTILINE), f"{path}: {name}"


def test_the_changelog_has_this_version() -> None:
    version = re.search(r'version="([^"]+)"', (ROOT / "setup.py").read_text(encoding="utf-8"))
    assert version and f"## {version[1]}" in text("CHANGELOG.md")


def test_licence() -> None:
    assert "Apache License\n                           Version 2.0" in text("LICENSE")
