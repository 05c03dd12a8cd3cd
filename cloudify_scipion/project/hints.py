"""What a value of the wrong type or form should have been, where that can be seen from the value."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

from cloudify_scipion.project.names import label

NAME_PATTERN = "^[a-z][a-z0-9-]{0,39}$"
"""What the ids of projects and the names of sites look like."""
_NUMBER = re.compile(r"\s*(-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:e[+-]?[0-9]+)?)([^0-9.,]*)", re.IGNORECASE)
_URL = "https?://"
"""Part of every pattern of a URL."""
_PASSWORD = re.compile(r"//[^/]*@")
_WORDS = {"true": ("true", "yes", "on", "1"), "false": ("false", "no", "off", "0")}
_TIDYING: tuple[Callable[[str], str], ...] = (str.strip, str.lower, lambda text: text.lstrip("vV"))


def unquoted(value: object, wanted: str) -> str:
    """`; write 7, without quotes` for text that holds what JSON Schema's type `wanted` asks for; else nothing."""
    if wanted == "string" and isinstance(value, int | float) and not isinstance(value, bool):
        return f'; write "{value}", in quotes'
    if not isinstance(value, str):
        return ""
    if wanted == "boolean":
        return next((f"; write {word}, without quotes" for word in _WORDS if value.lower() in _WORDS[word]), "")
    number = _NUMBER.fullmatch(value)
    if wanted not in ("number", "integer") or not number:
        return ""
    plain = re.sub(r"\.0+\Z", "", number[1]) if wanted == "integer" else number[1]
    whole = wanted == "number" or plain.lstrip("-").isdigit()
    if whole and number[2].strip():  # `1 TB` in size_gb is not 1
        return "; write a number without quotes and unit, in the unit that its key names"
    return f"; write {plain}, without quotes" if whole else ""


def tidied(value: str, pattern: str) -> str:
    """`; did you mean 'x'?` for text that fits a pattern once it is tidied: case, spaces, a `v` before a version."""
    for tidy in _TIDYING:
        if re.search(re.sub(r"\$$", r"\\Z", pattern), tidy(value)):
            return f"; did you mean {tidy(value)!r}?"
    if pattern == NAME_PATTERN and re.search(r"[A-Za-z]", value):
        return f"; did you mean {label(value)[:40].rstrip('-')!r}?"
    return ""


def url_fault(value: str, pattern: str) -> str:
    """`: a / is missing after the host's name`, say, for text that a URL's `pattern` refuses. It is not shown itself,
    since it may hold a password; nothing for another pattern."""
    if _URL not in pattern:
        return ""
    faults = (
        ("@" in value, "it may hold no user name and no password (no @)"),
        (re.search(r"\s", value), "there is a blank in it"),
        (
            not value.startswith(("http://", "https://", "file://")),
            "it does not begin with http://, https:// or file://",
        ),
        (value.startswith("file://"), "file:// wants a whole path behind it, as in file:///srv/mirror"),
        ("/" not in value.partition("://")[2], "a / is missing after the host's name"),
        (True, "the host's name is missing"),
    )
    return f": {next(text for is_so, text in faults if is_so)}"


def near_limit(value: float, limit: float) -> str:
    """`The nearest allowed is 65536.` unless the value is so far off that another unit is meant."""
    return "" if abs(value - limit) > 10 * abs(limit) else f" The nearest allowed is {limit}."


def shown(value: object) -> str:
    """A value as a person may see it: cut where it is long; no private key, no password in a URL."""
    if "PRIVATE KEY" in str(value):
        return "this (a private key, not shown)"
    if _PASSWORD.search(str(value)):
        return "this (not shown)"
    text = repr(value) if not isinstance(value, bool) and value is not None else json.dumps(value)
    return text if len(text) <= 60 else text[:57] + "..."
