"""The machine's program for folders that a Python program makes: complete, or as they were."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import generate_folder
import pytest

MAKES = "import pathlib, sys; pathlib.Path(sys.argv[1], 'made').write_text('{}')"


@pytest.fixture
def script(tmp_path: Path) -> Path:
    path = tmp_path / "demo.py"
    path.write_text(MAKES.format("first"))
    return path


def run(script: Path) -> int:
    return generate_folder.main([sys.executable, str(script), str(script.with_suffix(""))])


def test_a_folder_is_made_with_the_programs_digest(script: Path) -> None:
    assert run(script) == 0
    home = script.with_suffix("")
    assert sorted(path.name for path in home.iterdir()) == [".generated", "made"]
    assert (home / ".generated").read_text() == hashlib.sha256(script.read_bytes()).hexdigest()


def test_another_program_makes_it_anew_also_after_an_attempt_that_was_cut_off(script: Path) -> None:
    assert run(script) == 0
    part = script.with_name("demo.part")
    part.mkdir()
    (part / "half").touch()
    script.write_text(MAKES.format("second"))
    assert run(script) == 0
    home = script.with_suffix("")
    assert (home / "made").read_text() == "second" and not (home / "half").exists() and not part.exists()


def test_a_program_that_fails_leaves_the_folder_as_it_was(script: Path) -> None:
    assert run(script) == 0
    script.write_text(f"{MAKES.format('second')}; sys.exit(3)")
    assert run(script) == 3
    assert (script.with_suffix("") / "made").read_text() == "first"
