"""Names of machines, volumes and other resources: readable, always valid, never colliding."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import unicodedata

MAX_NAME = 48
"""Longest name made, in characters: room for a suffix within a hostname label's 63."""
_HASH_LENGTH = 10


def resource_name(*readable: str, key: str) -> str:
    """A name from readable words and a key: the same for the same arguments, another one for any others.

    It is a valid hostname label (lowercase letters, digits, hyphens; a letter first) of at most 48 characters:
    what can be read of the words, then a hash of words and key (50 bits).
    """
    digest = hashlib.sha256(json.dumps([readable, key]).encode()).digest()
    tail = base64.b32encode(digest).decode().lower()[:_HASH_LENGTH]
    head = label("-".join(readable))[: MAX_NAME - _HASH_LENGTH - 1].rstrip("-")
    return f"{head}-{tail}"


def label(text: str) -> str:
    """What can be kept of a text in a hostname label: lowercase letters, digits and hyphens, a letter first."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    label = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")
    return label if label[:1].isalpha() else f"x-{label}".rstrip("-")
