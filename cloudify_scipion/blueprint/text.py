"""Values as YAML text that every YAML reader, Cloudify's included, reads back unchanged."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from cloudify_scipion.project.inputs import encode

# Text that no YAML reader takes for anything else; all other text is quoted.
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_-]*(?:[./][A-Za-z0-9_-]+)*\Z")
_NOT_PLAIN = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null", "none", "nan", "inf"})


def yaml_value(value: Any, indent: int = 0, ascii_only: bool = True) -> str:
    """YAML for a value that stands after `key:`: on the same line, or a block below it, `indent` spaces in.

    Text that Cloudify would refuse or evaluate comes out encoded (see `project.inputs`).
    """
    return _block(encode(value, ascii_only), indent)


def comment(text: str) -> str:
    """Text for a comment: one line of ASCII."""
    return re.sub(r"[^ -~]+", "?", " ".join(text.split()))


def markdown(text: str) -> str:
    """Text for a Markdown document: one line in which nothing is markup."""
    return re.sub(r"([\\`*_{}\[\]<>()#+.!|~&-])", r"\\\1", " ".join(text.split()))


def _block(value: Any, indent: int) -> str:
    if isinstance(value, Mapping) and value:
        lines = [f"{_scalar(str(key))}:{_after_key(item, indent)}" for key, item in value.items()]
    elif isinstance(value, Sequence) and not isinstance(value, str) and value:
        lines = [f"-{_after_key(item, indent)}" for item in value]
    else:
        return " " + _scalar(value)
    pad = "\n" + " " * indent
    return pad + pad.join(lines)


def _after_key(value: Any, indent: int) -> str:
    return _block(value, indent + 2)


def _quoted(text: str) -> str:
    """Text in double quotes, in ASCII: JSON's way, but for characters that JSON would write as two."""
    quoted = json.dumps(text, ensure_ascii=False)
    return re.sub(r"[^ -~]", lambda match: f"\\U{ord(match[0]):08x}", quoted)


def _scalar(value: Any) -> str:
    if isinstance(value, str) and _PLAIN.match(value) and value.lower() not in _NOT_PLAIN:
        return value
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, int) or value is None or value in ({}, []):
        return json.dumps(value)
    if isinstance(value, float):
        # YAML 1.1 takes 1e+20 for text, and 1.0e+20 for a number.
        text = json.dumps(value)
        return text if "e" not in text or "." in text else text.replace("e", ".0e")
    raise TypeError(f"{type(value).__name__} has no place in a blueprint")
