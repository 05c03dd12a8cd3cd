"""Values as YAML: every reader gets back what was put in."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from dsl_parser.parser import parse
from hypothesis import given, settings
from hypothesis import strategies as st

from cloudify_scipion.blueprint.text import comment, markdown, yaml_value
from cloudify_scipion.project.inputs import decode

TRAPS = [
    "on", "off", "yes", "No", "y", "~", "null", "true", "022", "0x1f", "1e3", "1_000", "12:30:45", "2026-01-01", ".5",
    ".nan", "-", "- a", "? a", "a: b", "a #b", "#", "&a", "*a", "!a", "|", ">", "%a", "@a", "`a", "{", "[", "]", ",",
    "", " ", " a ", "a\nb", "\n", "\t", "'", '"', "\\", "it's \"quoted\"", "☃", "😀", "a\u0085b", "\u2028", "\ufeff",
    "\x7f", "json:x", "{{ x }}", "{% if %}", "=", "<<", "1.0", "3.8.3", "a/b.c", "{get_input: x}", "\x00", "\x1b[0m",
]  # fmt: skip
texts = st.text() | st.sampled_from(TRAPS)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(texts | st.sampled_from(["concat", "type", "get_secret"]), inner, max_size=3)
    ),
    max_leaves=8,
)


def through_yaml(value: Any, ascii_only: bool) -> Any:
    text = f"outer:\n  key:{yaml_value(value, 4, ascii_only)}\n  next: 1\n"
    assert text.isascii()
    document = yaml.safe_load(text)
    assert document["outer"]["next"] == 1
    return decode(document["outer"]["key"])


@given(values, st.booleans())
def test_through_yaml(value: Any, ascii_only: bool) -> None:
    assert through_yaml(value, ascii_only) == value


@pytest.mark.parametrize("text", TRAPS)
def test_traps(text: str) -> None:
    assert through_yaml(text, True) == text
    assert through_yaml({text: [text, {text: text}]}, True) == {text: [text, {text: text}]}


def through_cloudify(value: Any) -> Any:
    """What Cloudify's own parser makes of an input's default, once the input is read."""
    from dsl_parser.tasks import prepare_deployment_plan

    document = f"""
tosca_definitions_version: cloudify_dsl_1_5
inputs:
  value:
    default:{yaml_value(value, 6)}
node_types:
  t:
    properties:
      p: {{}}
node_templates:
  n:
    type: t
    properties:
      p: {{ get_input: value }}
"""
    plan = prepare_deployment_plan(parse(document), inputs={})
    return decode(plan["nodes"][0]["properties"]["p"])


@given(values.filter(lambda value: value is not None))
@settings(max_examples=60, deadline=None)
def test_through_cloudify(value: Any) -> None:
    assert through_cloudify(value) == value


def test_traps_through_cloudify() -> None:
    assert through_cloudify(TRAPS) == TRAPS
    functions = {"a": {"get_input": "x"}, "b": {"concat": ["a", "b"]}, "c": {"get_secret": "s"}}
    assert through_cloudify(functions) == functions


def test_readable() -> None:
    value = {"name": "here", "ports": {"first": 1}, "keys": ["a", "b c"], "last": {}}
    assert yaml_value(value, 2) == '\n  name: here\n  ports:\n    first: 1\n  keys:\n    - a\n    - "b c"\n  last: {}'
    with pytest.raises(TypeError):
        yaml_value(object())


@given(st.text())
def test_comments_and_documents_are_one_line_of_harmless_text(text: str) -> None:
    assert comment(text).isascii()
    assert len(comment(text).splitlines()) <= 1
    assert len(markdown(text).splitlines()) <= 1
    assert "<" not in markdown(text).replace("\\<", "")
    assert json.dumps(comment(text))


@pytest.mark.parametrize("number", [1e20, 1e-7, 1.5e300, -1e22, 0.1, 3.0])
def test_numbers_stay_numbers(number: float) -> None:
    assert yaml.safe_load(f"a:{yaml_value(number)}") == {"a": number}
