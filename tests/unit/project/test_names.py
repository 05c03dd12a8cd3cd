"""Names of resources."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from cloudify_scipion.project.names import MAX_NAME, resource_name

words = st.lists(st.text(max_size=60), max_size=3)


@given(words, st.text())
def test_always_valid(readable: list[str], key: str) -> None:
    name = resource_name(*readable, key=key)
    assert re.fullmatch(r"[a-z][a-z0-9-]{0,46}[a-z0-9]", name)
    assert len(name) <= MAX_NAME
    assert "--" not in name


@given(words, st.text(), words, st.text())
def test_never_the_same_for_others(one: list[str], key: str, two: list[str], other: str) -> None:
    same = (one, key) == (two, other)
    assert (resource_name(*one, key=key) == resource_name(*two, key=other)) == same


def test_readable_and_stable() -> None:
    assert resource_name("scipion", "relion-2d", key="x").startswith("scipion-relion-2d-")
    assert resource_name("scipion", "relion-2d", key="x") == resource_name("scipion", "relion-2d", key="x")
    assert resource_name("Größe", key="").startswith("groe-") or resource_name("Größe", key="").startswith("gro")
    assert resource_name("2d", key="").startswith("x-2d-")
    assert resource_name("☃", key="").startswith("x-")
    assert len(resource_name("a" * 100, key="")) == MAX_NAME
    assert resource_name("a-b", key="") != resource_name("a", "b", key="")
