"""Hash-pinned pip requirements: reading, merging, and finding two that do not go together."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

_PINNED = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)(?:\[[^]]*\])?\s*==\s*([^\s;\\]+)")


def merge_requirements(texts: Iterable[str]) -> str:
    """One text with every requirement once, ordered by name; comments are left out.

    The texts do not conflict (see `requirement_conflicts`); a version pinned twice keeps the hashes of both.
    """
    merged: dict[str, tuple[str, list[str]]] = {}
    for text in texts:
        for name, requirement in _requirements(text):
            spec, *hashes = requirement.split(" --hash=")
            known = merged.setdefault(name, (spec.strip(), []))[1]
            known += [item.strip() for item in hashes if item.strip() not in known]
    lines = (" \\\n    ".join([spec, *(f"--hash={item}" for item in hashes)]) for spec, hashes in _sorted(merged))
    return "".join(f"{line}\n" for line in lines)


def requirement_conflicts(texts: Iterable[str], added: str) -> Iterator[str]:
    """What in `added` is pinned to another version by one of `texts`."""
    pinned = {name: _version(requirement) for text in texts for name, requirement in _requirements(text)}
    for name, requirement in _requirements(added):
        version = _version(requirement)
        if pinned.get(name, version) != version:
            yield f"it needs {name} {version}, the others {pinned[name]}"


def _sorted(merged: dict[str, tuple[str, list[str]]]) -> list[tuple[str, list[str]]]:
    return [merged[name] for name in sorted(merged)]


def _requirements(text: str) -> Iterator[tuple[str, str]]:
    """Normalised name and whole requirement (one line), for each of a text."""
    joined = text.replace("\\\n", " ")
    for line in joined.splitlines():
        requirement = " ".join(re.sub(r"(^|\s)#.*", "", line).split())
        if match := _PINNED.match(requirement):
            yield re.sub(r"[-_.]+", "-", match.group(1)).lower(), requirement


def _version(requirement: str) -> str:
    match = _PINNED.match(requirement)
    return match.group(2) if match else ""
