"""Messages send people to commands and pages that exist, and every word for a next step can be typed."""

from __future__ import annotations

import re

import pytest

from cloudify_scipion.agent import cli
from cloudify_scipion.cli.main import COMMANDS
from tests.docs.pages import ROOT, anchors
from tests.docs.test_data_safety import messages


def named(pattern: str) -> list[str]:
    """What the code's texts name in this way, each once."""
    return sorted({found for said in messages() for found in re.findall(pattern, said)})


@pytest.mark.parametrize("command", named(r"cloudify-scipion ([a-z][a-z-]*)"))
def test_a_command_of_ours_exists(command: str) -> None:
    assert command in COMMANDS


@pytest.mark.parametrize("command", named(r"scipion-data ([a-z]+)"))
def test_a_command_of_the_agent_exists(command: str) -> None:
    assert command in cli._parser().format_help()


@pytest.mark.parametrize("page", named(r"docs/[\w-]+\.md(?:, \w+)?"))
def test_a_page_and_its_part_exist(page: str) -> None:
    path, _, part = page.partition(", ")
    assert (ROOT / path).is_file()
    assert not part or any(anchor.startswith(part.lower()) for anchor in anchors(path))


def test_messages_name_such() -> None:
    assert len(named(r"cloudify-scipion ([a-z][a-z-]*)")) > 8
    assert named(r"scipion-data ([a-z]+)") and named(r"docs/[\w-]+\.md(?:, \w+)?")
