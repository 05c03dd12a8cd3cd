"""Numbers in running text are the code's."""

from __future__ import annotations

import ast
import re
from datetime import timedelta
from typing import Any

import pytest
import yaml
from cloudify_desktop import connections, door, link, relay
from cloudify_saving import standing

from cloudify_scipion.lifecycle import disks, overview, unsaved
from tests.docs.pages import ROOT, text

MODULES = ROOT / "puppet/modules"
DESKTOP: dict[str, Any] = yaml.safe_load((MODULES / "desktop/data/common.yaml").read_text(encoding="utf-8"))
WORDS = {8: "eight", 3600: "an hour"}
HOUR = timedelta(hours=1)


def constant(path: str, name: str) -> float:
    """A number that a program for machines states, which cannot be imported here."""
    tree = ast.parse((MODULES / path).read_text(encoding="utf-8"))
    found = [node.value for node in tree.body if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == name]
    return float(ast.literal_eval(found[0]))


WATCH = "system/files/cloudify_fetching/watch.py"
CLAIMS = [
    ("operator", "waits {} seconds for one that hangs", overview.ASKED_SECONDS),
    ("commands", "raised an alarm within the last {} hours", unsaved.ALARM / HOUR),
    ("commands", "nothing was saved for {}, and nothing goes on", unsaved.LATE.total_seconds()),
    ("operator", "are named from {} % on", disks.NEARLY_FULL),
    ("operator", "One that is good for longer, {} at most", link.LONGEST),
    ("operator", "A session ends after {} hours without use", DESKTOP["desktop::session_hours"]),
    ("reasons", "A session ends after {} hours without use", DESKTOP["desktop::session_hours"]),
    ("scientist", "A session ends after {} hours without use", DESKTOP["desktop::session_hours"]),
    ("reasons", "A session has at most {} connections", connections.PER_SESSION),
    ("reasons", "connections, and a desktop {};", connections.IN_ALL),
    ("reasons", "{} more may be connected without having shown a link", door.LIMIT),
    ("reasons", "sends something at least every {} s", relay.Patience.ping),
    ("reasons", "a browser that has not answered for {} s", relay.Patience.silence),
    ("reasons", "gives less than 1 kB/s for {} seconds", constant(WATCH, "PATIENCE_SECONDS")),
    ("reasons", "gives less than {} kB/s for", constant(WATCH, "LEAST") / 1000),
]


@pytest.mark.parametrize(("page", "sentence", "value"), CLAIMS)
def test_a_number_is_the_codes(page: str, sentence: str, value: float) -> None:
    shown = WORDS.get(int(value), f"{value:g}")
    assert sentence.format(shown) in " ".join(text(f"docs/{page}.md").split())


def test_the_desktop_and_we_call_the_same_late() -> None:
    assert unsaved.LATE.total_seconds() == standing.LATE


def test_no_number_is_written_as_a_word_that_no_claim_uses() -> None:
    assert {int(value) for *_, value in CLAIMS} >= set(WORDS)
    assert all(re.search(r"\{\}", sentence) for _, sentence, _ in CLAIMS)
