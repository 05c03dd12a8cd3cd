"""What lies in the data space's trash (`trash.json`), and how the user reads it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from cloudify_saving.status import size

_MOST = 20_000
"""Versions that are read."""


@dataclass(frozen=True)
class Version:
    """An earlier content of a file: which path it had, when and why it went to the trash, its bytes and name there."""

    path: str
    name: str
    at: str
    why: str
    bytes: int


def parse_versions(text: str) -> list[Version]:
    """What the agent has listed, newest first; whatever is odd is left out."""
    try:
        given = json.loads(text)
    except ValueError:
        return []
    listed = given.get("versions") if isinstance(given, dict) else None
    return [version for one in (listed if isinstance(listed, list) else [])[:_MOST] if (version := _version(one))]


def _version(given: object) -> Version | None:
    if not isinstance(given, dict):
        return None
    texts = [given.get(key) for key in ("path", "name", "at", "why")]
    count = given.get("bytes")
    if not all(isinstance(text, str) for text in texts) or not isinstance(count, int) or not texts[0] or not texts[1]:
        return None
    return Version(str(texts[0]), str(texts[1]), str(texts[2]), str(texts[3]), count)


def found(versions: Sequence[Version], words: str) -> list[Version]:
    """Those in whose paths all of the words are, in any case."""
    wanted = words.casefold().split()
    return [version for version in versions if all(word in version.path.casefold() for word in wanted)]


def shown(version: Version) -> str:
    """A line for the list."""
    when = version.at[:16].replace("T", " ") or "earlier"
    path = version.path.encode("utf-8", "replace").decode()
    path = "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in path)
    return f"{when:<16}  {version.why:<8}  {size(version.bytes):>9}  {path}"
