"""docs/project-file.md: its examples pass `check`, its list of software is true, `check --json` says what it names."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from cloudify_scipion.catalogue.entries.load import load_catalogue
from cloudify_scipion.catalogue.software.resolve import software_problems
from cloudify_scipion.cli.inputs import load_checked
from cloudify_scipion.cli.main import main
from cloudify_scipion.project.model import Software
from cloudify_scipion.project.schema import schema
from tests.docs import catalogue
from tests.docs.pages import ROOT, blocks, text

PAGE = "docs/project-file.md"
EXAMPLES = [json.loads("\n".join(block.lines)) for block in blocks(PAGE) if block.language == "json"]
LOCAL, CLOUD = (ROOT / f"inputs/sites/{name}.yaml" for name in ("this-machine", "ifca"))
PLUGINS = [(name, version) for name, versions in load_catalogue().plugins.items() for version in versions]


@pytest.mark.parametrize("example", EXAMPLES, ids=[" ".join(example) for example in EXAMPLES])
def test_an_example_passes_check(example: dict[str, Any], tmp_path: Path) -> None:
    """A part is laid over the shortest project; what names data is for the site that has their space."""
    path = tmp_path / "project.json"
    path.write_text(json.dumps({**EXAMPLES[0], **example}), encoding="utf-8")
    loaded = load_checked(path, CLOUD if "data" in example else LOCAL)
    assert len(loaded.project.workflow.protocols) == len(example.get("workflow", {}).get("protocols", ()))


def test_one_example_has_every_part() -> None:
    assert [set(example) for example in EXAMPLES].count(set(schema("project")["properties"])) == 1


@pytest.mark.parametrize(("name", "version"), PLUGINS, ids=["-".join(plugin) for plugin in PLUGINS])
def test_the_list_of_software_is_true(name: str, version: str) -> None:
    usable = {(row[0], row[1]): row[2:] for row in catalogue.usable()}
    row = usable.get((f"`{name}`", f"`{version}`"), ("", ""))
    packages, licences = dict(re.findall(r'"([^"]+)": "([^"]+)"', row[0])), tuple(re.findall("`(.*?)`", row[1]))
    software = Software("3.8.3", {name: version}, packages, accepted_licences=licences)
    problems = [*software_problems(software, load_catalogue())]
    assert bool(problems) == (not row[0]), problems
    assert row[0] or any(waiting[:2] == (f"`{name}`", f"`{version}`") for waiting in catalogue.waiting())


def test_example_data_are_where_the_page_says() -> None:
    home = load_catalogue().example_data["demo-particles"]["1"].method.home
    assert any(f"`{home}`" in row for row in catalogue.others())
    steps = [step for example in EXAMPLES for step in example.get("workflow", {}).get("protocols", ())]
    assert f"{home}/particles.mrcs" in [step.get("filesPath") for step in steps]


@pytest.mark.parametrize("document", [EXAMPLES[0], {}], ids=["well", "wrong"])
def test_every_key_of_the_answer_for_programs_is_named(document: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "project.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    said = json.loads(CliRunner().invoke(main, ["check", str(path), "--site", str(LOCAL), "--json"]).stdout)
    told = text(PAGE).split("\n## Mistakes\n")[1]
    assert len(said) >= 4 and [key for key in said if f"`{key}`" not in told] == []
