"""Values on their way through Cloudify and back."""

from __future__ import annotations

from typing import Any

import pytest
from dsl_parser.utils import get_function
from hypothesis import given
from hypothesis import strategies as st

from cloudify_scipion.project.inputs import INPUT_PATHS, coerce_inputs, decode, encode, project_inputs
from cloudify_scipion.project.load import check_documents
from cloudify_scipion.project.model import project_from_document

from .samples import full_project, site, small_project, small_workflow


def document_of(inputs: dict[str, Any]) -> dict[str, Any]:
    """The document that the blueprint's first operation gets."""
    document: dict[str, Any] = {}
    for name, path in INPUT_PATHS.items():
        inner = document
        for key in path[:-1]:
            inner = inner.setdefault(key, {})
        inner[path[-1]] = inputs[name]
    return document


@pytest.mark.parametrize("document", [small_project(), full_project()])
@pytest.mark.parametrize("as_text", [False, True])
def test_there_and_back(document: dict[str, Any], as_text: bool) -> None:
    project = project_from_document(document)
    workflow = "workflow.json" if project.workflow.protocols else ""
    inputs = encode(project_inputs(project, workflow))
    if as_text:
        inputs = {name: _as_cfy_does(value) for name, value in inputs.items()}
    back = coerce_inputs(document_of(inputs))
    assert check_documents(back, site()) == []
    assert project_from_document(back, small_workflow() if workflow else ()) == project


def _as_cfy_does(value: object) -> object:
    return str(value) if isinstance(value, int) else value


@pytest.mark.parametrize(
    ("path", "given_value", "wanted"),
    [
        (("volume", "size_gb"), "2", 2),
        (("volume", "size_gb"), " +2 ", 2),
        (("volume", "size_gb"), "2.5", "2.5"),
        (("volume", "size_gb"), "2 GB", "2 GB"),
        (("workflow", "run"), "True", True),
        (("workflow", "run"), "yes", "yes"),
        (("software", "scipion"), "3", "3"),
    ],
)
def test_text_becomes_what_the_schema_wants(path: tuple[str, str], given_value: str, wanted: object) -> None:
    assert coerce_inputs({path[0]: {path[1]: given_value}})[path[0]][path[1]] == wanted
    assert coerce_inputs({path[1]: given_value}, "project", path[0])[path[1]] == wanted


def test_what_is_empty_and_optional_is_left_out() -> None:
    document = {**small_project(), "owner": {}, "workflow": {"file": "", "run": False}, "time_limit": None}
    assert coerce_inputs(document) == {**small_project(), "workflow": {"run": False}}
    assert coerce_inputs({"title": "", "unknown": ""}) == {"title": "", "unknown": ""}


def test_a_site() -> None:
    given_site = {**site(), "allow_discard": "true", "ports": {"first": "20000", "last": 20001}}
    wanted = {**site(), "allow_discard": True, "ports": {"first": 20000, "last": 20001}}
    assert coerce_inputs(given_site, "site") == wanted


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text() | st.sampled_from(["concat", "type", "get_secret"]), inner, max_size=2)
    ),
    max_leaves=10,
)


@given(values, st.booleans())
def test_encoding_is_undone(value: Any, ascii_only: bool) -> None:
    assert decode(encode(value, ascii_only)) == value


@given(values)
def test_what_cloudify_would_refuse_or_evaluate_is_encoded(value: Any) -> None:
    for part in _parts(encode(value)):
        assert not isinstance(part, str) or part.isascii()
        assert not get_function(part)


def _parts(value: Any) -> list[Any]:
    inner = [*value, *value.values()] if isinstance(value, dict) else value if isinstance(value, list) else []
    return [value, *(part for item in inner for part in _parts(item))]


def test_readable_text_stays_readable() -> None:
    assert encode("a 'quote' and\nmore") == "a 'quote' and\nmore"
    assert encode("Größe") == 'json:"Gr\\u00f6\\u00dfe"'
    assert encode("Größe", ascii_only=False) == "Größe"
    assert encode({"concat": ["a"]}, ascii_only=False) == 'json:{"concat": ["a"]}'
    assert decode("json:not json") == "json:not json"


def test_the_functions_are_all_of_cloudifys() -> None:
    from dsl_parser.functions import TEMPLATE_FUNCTIONS

    from cloudify_scipion.project.inputs import DSL_FUNCTIONS

    assert set(TEMPLATE_FUNCTIONS) <= DSL_FUNCTIONS


@pytest.mark.parametrize("text", ["json:5", 'json:{"a": 1}', "json:", "json:json:1", "json:null"])
def test_text_that_looks_encoded_comes_back_as_it_was(text: str) -> None:
    for ascii_only in (True, False):
        assert decode(encode(text, ascii_only)) == text
        assert decode(encode({"a": [text]}, ascii_only)) == {"a": [text]}
