"""docs/commands.md: the keys and words that programs rely on are those of the code."""

from __future__ import annotations

import re
from dataclasses import fields
from typing import Any

import pytest

from cloudify_scipion.lifecycle.agent import AgentStatus
from cloudify_scipion.lifecycle.desktop import Link, Visitor
from cloudify_scipion.lifecycle.facts import LayerFacts
from cloudify_scipion.lifecycle.held import Held
from cloudify_scipion.lifecycle.overview import EXPIRED, STATES, Project
from cloudify_scipion.lifecycle.scipion_project import ProtocolStatus
from cloudify_scipion.lifecycle.status import Status
from cloudify_scipion.lifecycle.unsaved import KINDS, Need
from tests.docs.pages import text

PAGE = text("docs/commands.md")
LIST = PAGE.split("### What `list` says of a project\n")[1]
OF_STATUS = PAGE.split("Of `status`: ")[1].split("\n\n")[0]


def words(told: str) -> list[str]:
    """The words in code marks."""
    return re.findall(r"`(\w+)`", told)


def rows(told: str, columns: int) -> list[list[str]]:
    """The rows of the tables with so many columns, without their heads."""
    found = [
        [cell.strip() for cell in row.strip("|").split(" | ")] for row in re.findall(r"^\|.*\|$", told, re.MULTILINE)
    ]
    return [row for row in found if len(row) == columns and "`" in row[0]]


def names(kind: type[Any]) -> set[str]:
    return {field.name for field in fields(kind)}


PRINTED = dict(rows(PAGE.split("These print JSON as well")[1].split("Of `status`")[0], 2))


@pytest.mark.parametrize(
    ("told", "kinds"),
    [
        (PRINTED["`status`"], [Status]),
        (PRINTED["`open`"].split("; with `--revoke`")[0], [Link]),
        (PRINTED["`open`"].split("; with `--who`")[1], [Visitor]),
        (PRINTED["`held`"], [Held]),
        (PRINTED["`cache list`"], [LayerFacts]),
        (OF_STATUS.split("else")[1].split(";")[0], [AgentStatus]),
        (OF_STATUS.split("each of `not_saved` has")[1].split(",")[0], [Need]),
        (OF_STATUS.split("each of `protocols` has")[1], [ProtocolStatus]),
        ("".join(row[0] for row in rows(LIST, 2)[:5]), [Project]),
    ],
)
def test_keys(told: str, kinds: list[type[Any]]) -> None:
    assert sorted(words(told)) == sorted(set().union(*map(names, kinds)))


def test_states_of_a_project() -> None:
    assert [words(row[0])[0] for row in rows(LIST, 2)[5:]] == list(STATES)


def test_what_needs_a_person() -> None:
    told = {word: row[2] for row in rows(LIST, 3) for word in words(row[0])}
    assert {word for word, saved in told.items() if saved == "yes"} == set(KINDS)
    assert {word for word, saved in told.items() if saved == "no"} == {
        EXPIRED,
        "down",
        "gone",
        "rescue",
        "held",
        "damaged",
    }
    assert set(told) - set(KINDS) - {EXPIRED} <= set(STATES)
