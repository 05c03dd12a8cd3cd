"""The table of what outlives an upgrade names what tests/formats keeps, and all of that."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docs.pages import text
from tests.formats.kept import EMPTY, FORMATS, KEPT, files

TABLE = text("docs/developer.md").split("\n## What outlives an upgrade\n", 1)[1].split("\n## ", 1)[0]
ROWS = {
    cells[0].strip(): [cell.strip() for cell in cells[1:]]
    for line in re.findall(r"^\| (.*) \|$", TABLE, re.MULTILINE)[1:]
    if (cells := re.split(r"(?<!\\)\|", line))
}


def test_each_format_has_a_row_and_each_row_its_files() -> None:
    assert [name for name in ROWS if not name.startswith("---")] == [*FORMATS]


@pytest.mark.parametrize("name", FORMATS)
def test_a_row_says_where_which_version_and_what_happens(name: str) -> None:
    where, version, _, older, newer = ROWS[name]
    assert where.startswith("`") and version and older and newer


@pytest.mark.parametrize("kept", KEPT, ids=lambda path: path.name)
def test_every_kept_file_belongs_to_a_format_and_every_format_has_one(kept: Path) -> None:
    known = {path for name in FORMATS for path in files(kept, name)}
    assert {name for name in FORMATS if not files(kept, name)} == set()
    users = {path for top in ("volume/user", "space") for path in (kept / top).rglob("*")}
    theirs = {path for path in users if ".cloudify-scipion" not in path.parts}
    assert {path for path in kept.rglob("*") if path.is_file() and path not in known | theirs} == set()
    assert all(not (kept / name).exists() for name in EMPTY)
