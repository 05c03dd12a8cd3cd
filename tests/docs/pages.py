"""The documents as data: pages, code blocks, the commands in them, headings and links."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGES = tuple(
    str(path.relative_to(ROOT))
    for path in sorted(
        [
            *(ROOT / name for name in ("README.md", "ARCHITECTURE.md", "CHANGELOG.md")),
            *(ROOT / "docs").glob("*.md"),
            *(ROOT / "blueprints").glob("**/*.md"),
        ]
    )
)
SHELL = "sh"
"""Language of the blocks that hold commands; everything else in a block is output, a file's text, or YAML."""
_FENCE = re.compile(r"^```(\S*)$")
_HEADING = re.compile(r"^#+ (.+)$")
_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, the heading that it stands under, and its lines."""

    language: str
    section: str
    lines: tuple[str, ...]


def text(page: str) -> str:
    """A page's text; `page` is relative to the repository."""
    return (ROOT / page).read_text(encoding="utf-8")


def blocks(page: str) -> list[Block]:
    """The fenced blocks of a page, in order."""
    found: list[Block] = []
    section, language, lines = "", None, []
    for line in text(page).splitlines():
        fence = _FENCE.match(line)
        if fence and language is None:
            language, lines = fence[1], []
        elif fence and language is not None:
            found.append(Block(language, section, tuple(lines)))
            language = None
        elif language is not None:
            lines.append(line)
        elif heading := _HEADING.match(line):
            section = heading[1]
    assert language is None, f"{page}: a block is not closed"
    return found


def documented_commands(page: str, section: str = "") -> list[str]:
    """The command lines of a page's shell blocks, or of those under one heading: joined, without comments.

    For example `documented_commands("README.md", "By hand")` is what a reader types, ready for `bash -e`.
    """
    chosen = [block for block in blocks(page) if block.language == SHELL and section in ("", block.section)]
    return [line for block in chosen for line in command_lines(block.lines)]


def command_lines(lines: Sequence[str]) -> Iterator[str]:
    """Commands of one block: lines that end in a backslash joined, comments and empty lines left out."""
    for line in "\n".join(lines).replace("\\\n", " ").splitlines():
        words = shlex.split(line, comments=True)
        if words:
            yield " ".join(line.split()) if "#" not in line else re.sub(r"\s+#\s.*$", "", line).strip()


def words(command: str) -> list[str]:
    """A command's words, without variables set in front of it."""
    found = shlex.split(command, comments=True)
    while found and re.fullmatch(r"[A-Z_]+=.*", found[0]):
        found.pop(0)
    return found


def links(page: str) -> list[str]:
    """Targets of the links and pictures of a page."""
    return _LINK.findall(re.sub(r"```.*?```", "", text(page), flags=re.DOTALL))


def anchors(page: str) -> set[str]:
    """The anchors of a page's headings, as code hosts make them."""
    plain = re.sub(r"```.*?```", "", text(page), flags=re.DOTALL)
    titles = [match[1] for line in plain.splitlines() if (match := _HEADING.match(line))]
    return {re.sub(r"[^\w\- ]", "", title.replace("`", "")).strip().lower().replace(" ", "-") for title in titles}
