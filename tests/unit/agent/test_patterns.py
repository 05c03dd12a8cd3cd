"""Patterns of `include` and `exclude`: what they mean, and that none of them takes long."""

from __future__ import annotations

import itertools
import re
import time
import unicodedata
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cloudify_scipion.agent.plan.patterns import fits, selected
from tests.unit.agent.rig import Rig


def expression(pattern: str) -> str:
    """The meaning of a pattern, as a regular expression, which may take for ever."""
    out, i = "", 0
    text = pattern.strip("/")
    while i < len(text):
        if text.startswith("**/", i):
            out, i = out + "(?:.*/)?", i + 3
        elif text.startswith("**", i):
            out, i = out + ".*", i + 2
        elif text[i] == "*":
            out, i = out + "[^/]*", i + 1
        elif text[i] == "?":
            out, i = out + "[^/]", i + 1
        else:
            out, i = out + re.escape(text[i]), i + 1
    return out + "(?:/.*)?"


@given(st.text("ab*?/=\n", max_size=8), st.text("ab/=\n", max_size=8))
@settings(max_examples=1000, deadline=None)
@example("**/a", "a")
@example("**/a", "ba")
@example("***/a", "b/a")
@example("a**/b", "axb")
@example("*", "a/b")
@example("", "")
@example("", "a")
def test_the_meaning(pattern: str, text: str) -> None:
    assert fits(pattern, text) == bool(re.fullmatch(expression(pattern), text, re.DOTALL))


def test_none_takes_long() -> None:
    """By the thread's own time, a hundredth of which is needed; a regular expression takes years."""
    for pattern in ("**/" * 200 + "x", "*a" * 200 + "x", "**a" * 200 + "x", "**/*" * 200 + "x", "?*" * 500 + "x"):
        began = time.thread_time()
        assert not selected(b"a/" * 2000 + b"a" * 255 + b"y", [pattern], [])
        assert time.thread_time() - began < 10


@pytest.mark.parametrize("pattern", ["Größe/*", "Gr??e/*", "**/Größe"])
@pytest.mark.parametrize("forms", list(itertools.product(("NFC", "NFD"), repeat=2)))
def test_an_accented_letter_is_the_same_in_either_form(pattern: str, forms: tuple[str, str]) -> None:
    written, there = forms
    path = unicodedata.normalize(there, "Größe/a.mrc").encode()
    assert selected(path, [unicodedata.normalize(written, pattern)], [])
    assert not selected(path, [], [unicodedata.normalize(written, pattern)])


def test_names_that_are_no_text_are_as_they_are() -> None:
    assert selected(b"\xff\xc3\xb6/a", ["?\u00f6/*"], []) and not selected(b"\xff/a", ["\u00f6/*"], [])


def test_excluded_folders_stay(tmp_path: Path) -> None:
    rig = Rig(tmp_path / "volume", tmp_path / "space", include=("wanted/**",))
    rig.web("wanted/in/a", b"one")
    rig.web("other/a", b"two")
    (rig.space / "other/empty").mkdir()
    rig.pull()
    rig.write("mine", b"x")
    rig.push()
    rig.scan()
    rig.push()
    assert rig.local() == {"wanted/in/a": b"one", "mine": b"x"}
    assert (rig.space / "other/empty").is_dir()
    assert rig.push().wrote is False
