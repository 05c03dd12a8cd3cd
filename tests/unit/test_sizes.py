"""The sizes of modules and functions, of the package and of the machine's programs below puppet/."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PUPPET = ROOT / "puppet"
MODULE_LINES, FUNCTION_LINES = 300, 50
"""Ceilings, with comments and without a function's docstring; a third of that is good."""


def programs() -> Iterator[Path]:
    """Python of the package, but its catalogue's data, and below puppet/."""
    for path in [*(ROOT / "cloudify_scipion").rglob("*.py"), *PUPPET.rglob("*.py")]:
        if not path.is_relative_to(ROOT / "cloudify_scipion/catalogue/data"):
            yield path


def functions(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """Name and lines of each function."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0]
            said = (first.end_lineno or 0) - first.lineno + 1 if ast.get_docstring(node) else 0
            yield node.name, (node.end_lineno or 0) - node.lineno + 1 - said


def too_large(text: str) -> list[str]:
    """What a module has that is larger than it may be."""
    lines = len(text.splitlines())
    found = [f"{lines} lines"] if lines > MODULE_LINES else []
    return found + [name for name, length in functions(ast.parse(text)) if length > FUNCTION_LINES]


def test_modules_and_functions_are_small() -> None:
    large = {str(path.relative_to(ROOT)): too_large(path.read_text("utf-8")) for path in programs()}
    assert {path: found for path, found in large.items() if found} == {}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("x = 1\n" * MODULE_LINES, []),
        ("x = 1\n" * (MODULE_LINES + 1), [f"{MODULE_LINES + 1} lines"]),
        ('def f():\n    """Says."""\n' + "    x = 1\n" * (FUNCTION_LINES - 1), []),
        ("async def f():\n" + "    x = 1\n" * FUNCTION_LINES, ["f"]),
    ],
)
def test_what_is_too_large_is_found(text: str, found: list[str]) -> None:
    assert too_large(text) == found


def test_every_program_below_puppet_is_known_as_python() -> None:
    """Types and style are checked in files with that suffix; a program without it would be left out in silence."""
    files = [path for path in PUPPET.rglob("*") if path.is_file() and path.suffix != ".py"]
    assert [path for path in files if re.match(rb"#!.*python", path.read_bytes()[:80])] == []


def test_what_the_type_checker_is_told_to_ignore_says_why() -> None:
    lines = [line for path in PUPPET.rglob("*.py") for line in path.read_text("utf-8").splitlines()]
    ignored = [line for line in lines if "type: ignore" in line]
    assert [line for line in ignored if not re.search(r"type: ignore\[[a-z-]+\]  # \w", line)] == []
