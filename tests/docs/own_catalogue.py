"""The catalogue folder that docs/add-an-em-package.md describes, made of the page's own blocks."""

from __future__ import annotations

from pathlib import Path

from tests.docs.pages import blocks

PAGE = "docs/add-an-em-package.md"


def block(first_line: str) -> str:
    """The block of the page that begins with this line, whole."""
    return next("\n".join((*found.lines, "")) for found in blocks(PAGE) if found.lines[0] == first_line)


def write_catalogue(folder: Path) -> Path:
    """Write every block that begins with the name of a file (`# em_packages/...`) as that file."""
    for found in blocks(PAGE):
        name = found.lines[0].removeprefix("# ")
        if found.lines[0] != name and name.split("/")[0] in ("em_packages", "requirements"):
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block(f"# {name}"), encoding="utf-8")
    return folder
