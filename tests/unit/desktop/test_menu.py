"""The menu: every item has a name, an icon and a program that are there; what could do nothing is not in it."""

from __future__ import annotations

import os
import shlex
import subprocess
from pathlib import Path

import pytest

from tests.unit.desktop.conftest import FILES

ROOT = "/usr/local/share/cloudify-desktop"
OF_SAVING = "menu-of-saving"


def lines(name: str) -> list[str]:
    return (FILES / "session/icewm" / name).read_text().splitlines()


def of_saving(run: Path) -> list[str]:
    words = ["sh", str(FILES / "bin" / OF_SAVING)]
    environment = {**os.environ, "CLOUDIFY_SAVING_RUN": str(run)}
    return subprocess.run(words, capture_output=True, text=True, check=True, env=environment).stdout.splitlines()


def items(menu: list[str]) -> list[list[str]]:
    """Name, icon and command of each."""
    return [words[1:] for words in map(shlex.split, menu) if words[0] == "prog"]


@pytest.mark.parametrize("name", ["menu", "toolbar"])
def test_every_item_is_there(name: str, tmp_path: Path) -> None:
    found = items([*lines(name), *of_saving(tmp_path)])
    for title, icon, program, *_ in found:
        assert title[0].isupper() and (FILES / icon.removeprefix(f"{ROOT}/")).is_file()
        assert program == "xterm" or (FILES / program.removeprefix(f"{ROOT}/")).is_file()
    icons = [icon for _, icon, *_ in items([*lines("menu"), *of_saving(tmp_path)])]
    assert len(set(icons)) == len(icons), "one icon means one thing"


def test_without_a_data_space_no_item_pretends_to_save(tmp_path: Path) -> None:
    assert [title for title, *_ in items(of_saving(tmp_path / "none"))] == ["Is everything saved?"]
    with_space = [title for title, *_ in items(of_saving(tmp_path))]
    assert with_space == ["Is everything saved?", "Save now", "Earlier versions of files"]


def test_the_menu_has_that_part() -> None:
    (part,) = [line for line in lines("menu") if line.startswith("includeprog ")]
    assert part.split()[1] == f"{ROOT}/bin/{OF_SAVING}" and (FILES / "bin" / OF_SAVING).is_file()
