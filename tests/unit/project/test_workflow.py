"""Scipion workflows, before Scipion sees them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cloudify_scipion.project.workflow import MAX_PROTOCOLS, in_order, workflow_bytes, workflow_problems

from .samples import small_workflow


def messages(value: object) -> dict[str, str]:
    return {problem.path: problem.message for problem in workflow_problems(value, "w.json")}


def test_good_workflows() -> None:
    assert messages(small_workflow()) == {}
    assert messages([]) == {}
    assert messages([{"object.className": "A", "object.id": 7, "files": "12.mrc", "limit": "3.5", "other": None}]) == {}


def step(**values: Any) -> list[dict[str, Any]]:
    return [{"object.className": "A", "object.id": "2", **values}]


@pytest.mark.parametrize(
    ("value", "where", "message"),
    [
        ({}, "$", "a workflow is a list"),
        ([1], "$[0]", "a protocol is a mapping"),
        ([{}], "$[0]['object.className']", "missing"),
        (step(**{"object.className": "os.system('x')"}), "$[0]['object.className']", "not a valid object.className"),
        (step(**{"object.id": "x"}), "$[0]['object.id']", "'x' is not a valid object.id"),
        (step(**{"object.id": True}), "$[0]['object.id']", "true is not a valid"),
        (step() * 2, "$[1]['object.id']", "'2' is the id of $[0] already"),
        (step(inputMovies="9.outputMovies"), "$[0].inputMovies", "points to protocol 9"),
        (step(inputMovies="9.__attribute__outputMovies"), "$[0].inputMovies", "points to protocol 9"),
        (step(inputSets=["2.outputA", "9.outputB.1"]), "$[0].inputSets", "'9.outputB.1' points to protocol 9"),
        (step(_prerequisites="2, 8"), "$[0]._prerequisites", "points to protocol 8"),
    ],
)
def test_wrong_workflows(value: object, where: str, message: str) -> None:
    assert message in messages(value)[where]


def test_what_a_protocol_made_is_no_link() -> None:
    assert messages(step(output=[{"outputName": "9.outputMovies"}])) == {}


def test_written_as_scipion_does() -> None:
    workflow = [*small_workflow(), *step(**{"object.id": "80", "object.comment": "Größe ☃"})]
    text = workflow_bytes(workflow).decode()
    assert json.loads(text) == workflow
    assert "Größe ☃" in text
    assert text.startswith('[\n    {\n        "object.className"')


def test_each_protocol_after_those_that_it_waits_for() -> None:
    links = {"5": ["3", "2"], "2": ["3"], "9": [], "3": ["4"], "4": []}
    workflow = [
        {"object.className": "A", "object.id": number, "inputs": [f"{target}.outputX" for target in targets]}
        for number, targets in links.items()
    ]
    assert messages(workflow) == {}
    assert [protocol["object.id"] for protocol in in_order(workflow)] == ["4", "3", "2", "5", "9"]
    chain = [{"object.className": "A", "object.id": n, "_prerequisites": f"{n + 1}"} for n in range(1, MAX_PROTOCOLS)]
    assert [protocol["object.id"] for protocol in in_order(chain)] == [*range(MAX_PROTOCOLS - 1, 0, -1)]
