"""Which paths of a data space are pulled: patterns with `*`, `?` and `**`, as in the project file."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence


def selected(path: bytes, include: Sequence[str], exclude: Sequence[str]) -> bool:
    """Whether a file is pulled: it fits any of `include` (empty: everything), and none of `exclude`."""
    text = os.fsdecode(path)
    wanted = not include or any(_matches(pattern, text) for pattern in include)
    return wanted and not any(_matches(pattern, text) for pattern in exclude)


def _matches(pattern: str, text: str) -> bool:
    return re.fullmatch(expression(pattern), text, re.DOTALL) is not None


def expression(pattern: str) -> str:
    """The regular expression of a pattern: `**` spans folders, `*` and `?` do not; a folder means all in it."""
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
