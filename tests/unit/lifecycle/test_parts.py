"""The table of a project's parts, and the blueprint's nodes that it must agree with."""

from __future__ import annotations

from cloudify_scipion.lifecycle.parts import CONFIGURATION, DESKTOP, PARTS, WORKING_COPY
from tests.fakes.deployment import Deployment, planned
from tests.fakes.world import World

NAMES = [part.name for part in PARTS]


def test_the_order_is_that_of_the_blueprints_nodes() -> None:
    """What a node stands on comes before it, in an install and in a repair."""
    nodes, _ = planned("{}")
    assert {*nodes} <= {*NAMES} and len(nodes) == 7
    for name, node in nodes.items():
        for related in node["relationships"]:
            assert NAMES.index(related["target_id"]) < NAMES.index(name), (name, related["target_id"])


def test_what_comes_after_another_part_stands_behind_it() -> None:
    assert DESKTOP.after == WORKING_COPY.after == (CONFIGURATION,)
    assert all(PARTS.index(first) < PARTS.index(part) for part in PARTS for first in part.after)


def test_the_desktops_heal_configures_it_first(world: World) -> None:
    demo = Deployment(world)
    demo.install()
    world.host.machines[world.record().machine].units.clear()
    runs = len(world.puppet.runs)
    demo.operation("desktop", "heal")
    (run,) = world.puppet.runs[runs:]
    assert run.run == "project" and "desktop" in run.classes
    assert DESKTOP.problem(world.services(), world.record()) == ""
