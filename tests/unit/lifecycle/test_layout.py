"""Paths and units of the machine stand in one module."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from cloudify_scipion.lifecycle import layout

FOLDER = Path(layout.__file__).parent
PLACES = re.compile(r"^/(usr|opt|srv|run|var|home)/|^(scipion-data|cloudify-desktop)[\w-]*\.?\w*$")


def told(path: Path) -> list[str]:
    """Texts of a module that are a path or a unit of the machine."""
    texts = [node.value for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Constant)]
    return [text for text in texts if isinstance(text, str) and PLACES.match(text) and " " not in text]


def test_no_other_module_names_them() -> None:
    others = {path.name: found for path in FOLDER.rglob("*.py") if path.name != "layout.py" and (found := told(path))}
    assert others == {"desktop.py": ["cloudify-desktop"] * 2}, "the user of the gateway, who owns the certificate"
    assert len(told(FOLDER / "layout.py")) > 15
