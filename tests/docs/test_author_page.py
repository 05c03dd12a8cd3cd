"""docs/author.md: our Puppet classes in the two runs are those that runs have; no relationships are ours."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
import yaml

from cloudify_scipion.resources import plugin_description
from tests.docs.pages import ROOT, text
from tests.fakes.deployment import INSTALL, UNSAVED, Deployment
from tests.fakes.fixtures import new_world, world
from tests.fakes.world import World
from tests.unit.lifecycle.test_working_copy import REMOTE, token_until

__all__ = ["new_world", "world"]
ROW = re.findall(r"^\| our own classes in it \| ([^|]+) \| ([^|]+) \|$", text("docs/author.md"), re.MULTILINE)
MODULES = {path.name for path in (ROOT / "puppet/modules").iterdir()}
NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


@pytest.mark.parametrize(("run", "column"), [("software", 0), ("project", 1)])
def test_our_classes_in_a_run(world: World, run: str, column: int) -> None:
    world.secrets.values["t"] = f"{token_until(4102444800)}\n"
    Deployment(world).install()
    Deployment(world, {"project_id": "unsaved", **UNSAVED}, "unsaved").install()
    Deployment(world, {**REMOTE, "project_id": "remote"}, "remote").run(
        INSTALL[: INSTALL.index(("working_copy", "start"))]
    )
    applied = {name for one in world.puppet.runs if one.run == run for name in one.classes}
    assert set(re.findall(r"`(\w+)`", ROW[0][column])) == applied <= MODULES


def test_who_makes_the_project_run(new_world: Callable[[], World]) -> None:
    """As the page says: the WorkingCopy node, or the Desktop node where a project has no data."""
    for inputs, last in (({}, "working_copy"), (UNSAVED, "desktop")):
        world = new_world()
        demo = Deployment(world, dict(inputs))
        runs: dict[str, str] = {}
        for node, operation in INSTALL:
            before = len(world.puppet.runs)
            demo.operation(node, operation)
            runs.update({run.run: node for run in world.puppet.runs[before:]})
        assert runs == {"software": "software", "project": last}


def test_the_readme_names_the_nodes_in_their_order() -> None:
    nodes = re.findall(r"^\| `(\w+)` \| `cloudify\.nodes\.scipion\.", text("docs/author.md"), re.MULTILINE)
    page = text("README.md")
    assert f"a Cloudify blueprint with {NUMBERS[len(nodes)]} nodes" in page
    told = re.search(r"runs the nodes' operations in order: ([^.]+)\.", page)
    assert told and [name.lower().replace(" ", "_") for name in told[1].split(", ")] == nodes


def test_relationships_are_cloudifys() -> None:
    assert not yaml.safe_load(plugin_description()).get("relationships")
    assert "The relationships are Cloudify's own; we have none." in text("docs/author.md")


@pytest.mark.parametrize("page", ["ARCHITECTURE.md", "CHANGELOG.md"])
def test_the_number_of_puppet_modules(page: str) -> None:
    counted = re.findall(r"(\w+) (?:Puppet )?modules(?: \(([^)]+)\))?", text(page))
    told = [(number, names) for number, names in counted if number in NUMBERS]
    assert told
    for number, names in told:
        assert NUMBERS.index(number) == len(MODULES)
        assert not names or set(re.findall(r"`(\w+)`", names)) == MODULES
