"""docs/scientist.md: the menu, the line about saving and the questions are the desktop's own."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from cloudify_saving.folder import Folder
from cloudify_saving.standing import NO_SPACE

from tests.docs.pages import text
from tests.docs.test_data_safety import answers
from tests.unit.desktop.test_menu import items, lines, of_saving
from tests.unit.desktop.test_standing import SAVED, failed, going, told

PAGE = " ".join(text("docs/scientist.md").split())
MENU = r"at the bottom left holds (.*?), the symbols beside it as well\. Projects with a data space also have (.*?)\. "
FETCHING = going("pull", "pulling")
SAYS = {
    "Your data are being fetched": ({"pulled": False}, FETCHING),
    "Your data could NOT BE FETCHED: REASON": ({"pulled": False, "last": {"pull": failed("REASON")}}, None),
    "All saved, 14:05": ({}, None),
    "Saving: 12 files to go": ({}, going("push", "saving", 3, 15)),
    "12 files not saved yet": ({"unsaved": 12}, None),
    "A question about your files waits for your answer": (
        {"questions": [{"id": "deletions", "text": "?", "answers": ["delete", "restore"], "number": 1}]}, None,
    ),
    "NOT SAVED: REASON": ({"last": {"push": failed("REASON")}}, None),
    "NOT SAVED since 13:00: nothing saves any more": ({"saved": "2030-01-02T13:00:00"}, None),
    "It is not certain that all is saved: REASON": ({"last": {"verify": failed("REASON")}}, None),
}  # fmt: skip


def names(listed: str) -> list[str]:
    return re.findall(r"\*([^*]+)\*", listed)


def test_the_menu(tmp_path: Path) -> None:
    found = re.search(MENU, PAGE)
    assert found
    always, with_space = names(found[1]), names(found[2])
    assert always == [title for title, *_ in items(lines("toolbar"))]
    shown = {title for title, *_ in items([*lines("menu"), *of_saving(tmp_path)])}
    assert shown == {*always, *with_space}
    assert set(always) == {title for title, *_ in items([*lines("menu"), *of_saving(tmp_path / "none")])}


def rows(heading: str) -> list[str]:
    part = text("docs/scientist.md").split(f"{heading}\n", 1)[1].split("\n#", 1)[0]
    return re.findall(r"^\| ([^|]+) \| [^|]+ \|$", part, re.MULTILINE)[2:]


def test_every_line_about_saving_is_explained() -> None:
    assert rows("### Is it saved?") == [*SAYS, "No data space: copy what you need"]


@pytest.mark.parametrize("line", SAYS)
def test_the_line_says_so(tmp_path: Path, line: str) -> None:
    summary, progress = SAYS[line]
    assert told(Folder(tmp_path), {**SAVED, **summary}, progress).partition(": ")[2] == line


def test_without_a_data_space(tmp_path: Path) -> None:
    assert rows("### Is it saved?")[-1] == NO_SPACE


def test_every_answer_is_explained() -> None:
    part = text("docs/scientist.md").split("### When you are asked\n", 1)[1].split("\n#", 1)[0]
    table = re.findall(r"^\| [^|]+ \| (\*[^|]+) \|$", part, re.MULTILINE)
    asked = sorted({name for name, _ in answers()})
    assert asked == ["deletions", "destroyed", "replaced", "trash"]
    for row, question in zip(table, asked, strict=True):
        assert {word.lower() for word in names(row)} == {word for name, word in answers() if name == question}
