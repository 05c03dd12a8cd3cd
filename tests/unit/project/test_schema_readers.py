"""Every key of the project file and of the site file has a reader: none is taken and then without effect."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from cloudify_scipion.project.inputs import INPUT_PATHS
from cloudify_scipion.project.schema import schema

ROOT = Path(__file__).resolve().parents[3]
PACKAGE = ROOT / "cloudify_scipion"
HANDED_ON = {"owner", "facility", "acquisition"}
"""Parts of a project file that blueprint authors get whole, as inputs; whatever is in them is theirs to read."""
TO_PUPPET = {"repository": "onedata/types/repository.pp"}
"""Parts of a site file that a Puppet class gets whole, and the type that says what is in them."""


def keys(rules: Any) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Keys that a schema allows, each with its rules, but for those within what is handed on whole."""
    if isinstance(rules, list):
        for item in rules:
            yield from keys(item)
    if isinstance(rules, Mapping):
        for name, inner in rules.items():
            named = inner.items() if name == "properties" else ()
            yield from named
            for key, facts in named:
                yield from keys(facts) if key not in HANDED_ON | TO_PUPPET.keys() else ()
            yield from keys(inner) if name != "properties" else ()


def read_names(folder: Path) -> set[str]:
    """Names that code reads: attributes, subscripts, texts that a call is given, such as `get`, and a class's names."""
    found: set[str] = set()
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
                found.add(node.attr)
            elif isinstance(node, ast.Subscript | ast.Call):
                given = node.args if isinstance(node, ast.Call) else [node.slice]
                found |= {str(each.value) for each in given if isinstance(each, ast.Constant)}
            elif isinstance(node, ast.ClassDef):
                said = [each.value for each in node.body if isinstance(each, ast.Assign)]
                found |= {str(each.value) for one in said for each in ast.walk(one) if isinstance(each, ast.Constant)}
    return found


@pytest.mark.parametrize("kind", ["project", "site"])
def test_every_key_has_a_reader(kind: str) -> None:
    read = read_names(PACKAGE)
    told = {name: rules.get("description", "") for name, rules in keys(schema(kind))}
    assert len(told) > 30
    assert [name for name, text in told.items() if name not in read and not text.endswith(", for people.")] == []


@pytest.mark.parametrize("key", TO_PUPPET)
def test_what_puppet_gets_whole_is_what_its_type_has(key: str) -> None:
    told = {name: rules for name, rules in keys(schema("site")) if name == key}[key]["properties"]
    type_ = (ROOT / "puppet/modules" / TO_PUPPET[key]).read_text()
    assert set(told) - {"version"} == set(re.findall(r"^    '(\w+)' ", type_, re.MULTILINE))


def test_what_is_handed_on_whole_are_inputs_that_the_authors_page_has() -> None:
    page = (ROOT / "docs/author.md").read_text()
    assert {name: INPUT_PATHS[name] for name in HANDED_ON} == {name: (name,) for name in HANDED_ON}
    assert all(f"| `{name}` | `{name}` |" in page for name in HANDED_ON)
