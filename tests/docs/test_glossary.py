"""docs/glossary.md: the words that pages introduce stand in it, and none that nobody uses."""

from __future__ import annotations

import re
from functools import cache

import pytest

from tests.docs.pages import PAGES, ROOT, text

PAGE = "docs/glossary.md"
ROWS = re.findall(r"^\| ([^|]+) \| ([^|]+) \|$", text(PAGE), re.MULTILINE)
TERMS = [term.strip() for words, meaning in ROWS if words != "word" for term in words.split(",") if "---" not in words]
INTRODUCING = ("README.md", "ARCHITECTURE.md", "docs/operator.md", "docs/data-safety.md", "docs/author.md")
EMPHASIS = {"and", "one", "name", "names", "says", "successful", "adopted"}
"""Words in italics that are stressed, and forms of terms."""
ON_THE_SCREEN = {
    "Analyze Results", "Scipion project", "Earlier versions of files", "Get it back", "Save now", "Export",
}  # fmt: skip


def italics(page: str) -> set[str]:
    """What a page puts in italics, in running text."""
    plain = re.sub(r"```.*?```|`[^`\n]*`", "", text(page), flags=re.DOTALL)
    return set(re.findall(r"(?<![*\w])\*([^*\n]+)\*(?![*\w])", plain))


@pytest.mark.parametrize("page", INTRODUCING)
def test_a_word_that_a_page_introduces_is_explained(page: str) -> None:
    assert italics(page) - EMPHASIS - ON_THE_SCREEN - {"software"} <= set(TERMS)


def test_nothing_is_excepted_in_vain() -> None:
    assert set().union(*map(italics, INTRODUCING)) >= EMPHASIS | ON_THE_SCREEN


@cache
def elsewhere() -> str:
    """All other pages, and the code with its messages."""
    pages = [text(page) for page in PAGES if page != PAGE]
    code = [path.read_text(encoding="utf-8") for path in sorted((ROOT / "cloudify_scipion").rglob("*.py"))]
    return " ".join("\n".join([*pages, *code]).split())


def test_no_word_is_explained_that_nobody_uses() -> None:
    assert len(TERMS) > 50 and len(TERMS) == len(set(TERMS))
    assert [term for term in TERMS if not re.search(rf"\b{re.escape(term)}", elsewhere(), re.IGNORECASE)] == []


@pytest.mark.parametrize(("words", "meaning"), ROWS)
def test_a_meaning_is_short(words: str, meaning: str) -> None:
    assert len(meaning) <= 240, words
