"""Words of the code and of its tests: each docstring can be read alone, each test is found by its subject."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CODE = [path for folder in ("cloudify_scipion", "puppet", "tools") for path in sorted((ROOT / folder).rglob("*.py"))]
TESTS = sorted((ROOT / "tests").rglob("*.py"))
OF_HISTORY = re.compile(r"(^|_)(attacks?|reviewed|reviews?|predecessors?)(_|$)")
"""How a test came about, which is no subject."""
OF_FILES = re.compile(rf"{OF_HISTORY.pattern}|(^|_)repairs(_|$)")


def docstrings(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield ast.get_docstring(node) or ""


def alone(text: str) -> bool:
    return not re.match(r"(The|the) same\b", text)


def test_docstrings_can_be_read_alone() -> None:
    assert len(CODE) > 300
    found = [(path.name, text) for path in CODE for text in docstrings(ast.parse(path.read_text())) if not alone(text)]
    assert found == []


@pytest.mark.parametrize("text", ["The same of many.", "The same, and more.", "the same"])
def test_one_that_cannot_is_found(text: str) -> None:
    assert not alone(text) and alone(f"All of {text}")


def test_tests_are_named_by_their_subject() -> None:
    files = [path for path in TESTS if OF_FILES.search(path.stem)]
    functions = [
        f"{path.name}: {node.name}"
        for path in TESTS
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_") and OF_HISTORY.search(node.name)
    ]
    assert (files, functions) == ([], [])


@pytest.mark.parametrize("name", ["test_attack_cli", "test_reviewed", "test_predecessor", "test_repairs"])
def test_a_name_of_history_is_found(name: str) -> None:
    assert OF_FILES.search(name)
    assert not OF_FILES.search("test_repair_and_status")
