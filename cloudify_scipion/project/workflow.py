"""Scipion workflows: reading them, and what can be wrong with one before Scipion sees it."""

from __future__ import annotations

import json
import math
import re
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from cloudify_scipion.errors import Problem
from cloudify_scipion.project.documents import child_path
from cloudify_scipion.project.hints import shown

MAX_WORKFLOW_BYTES = 20_000_000
"""Limit of a workflow file."""
MAX_PROTOCOLS = 2000
"""Limit of protocols in a workflow: more than Scipion itself can show."""
_CLASS_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_ID = re.compile(r"[1-9][0-9]{0,8}\Z")
# Scipion writes a link as `2.outputMovies`; old exports as `2.__attribute__outputMovies`. Only output names count as
# links, because a text parameter may hold something like `12.mrc`.
_LINK = re.compile(r"([0-9]+)\.(?:__attribute__)?output[A-Za-z0-9_]*")


def workflow_bytes(protocols: Sequence[Mapping[str, Any]]) -> bytes:
    """The workflow as a file, laid out as Scipion does."""
    return (json.dumps(list(protocols), indent=4, ensure_ascii=False) + "\n").encode()


def is_true(value: object) -> bool:
    """Whether a parameter, also one in quotes, as templates and old exports have them, means yes."""
    return value.strip().lower() in ("true", "1", "yes") if isinstance(value, str) else bool(value)


def number_of(value: object) -> float | None:
    """The finite number that a parameter is, also one in quotes; None if it is none."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def in_order(protocols: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The protocols of a checked workflow, each after those that it waits for; otherwise as they stand in the file."""
    indexes = {str(protocol["object.id"]): index for index, protocol in enumerate(protocols)}
    waits = [{indexes[target] for target in _needed(protocol) if target in indexes} for protocol in protocols]
    ordered: list[Mapping[str, Any]] = []
    done: set[int] = set()
    for first in range(len(protocols)):
        todo = [first]
        while todo:
            if ahead := waits[todo[-1]] - done - {*todo}:
                todo.append(min(ahead))
            elif (index := todo.pop()) not in done:
                done.add(index)
                ordered.append(protocols[index])
    return ordered


def workflow_problems(value: object, source: str, path: str = "$") -> list[Problem]:
    """Everything that is wrong with a workflow; links to protocols that are not in it included."""
    if not isinstance(value, list):
        return [Problem(source, path, "a workflow is a list of protocols, as Scipion exports it")]
    if len(value) > MAX_PROTOCOLS:
        return [Problem(source, path, f"it has {len(value):,} protocols; a workflow has at most {MAX_PROTOCOLS:,}")]
    problems = [problem for index, item in enumerate(value) for problem in _form(item, source, child_path(path, index))]
    return problems or [
        *_repeated_ids(value, source, path),
        *_links(value, source, path),
        *_circles(value, source, path),
    ]


def _form(item: object, source: str, path: str) -> Iterator[Problem]:
    if not isinstance(item, Mapping):
        yield Problem(source, path, "a protocol is a mapping (an object) with object.className and object.id")
        return
    for key, pattern, example in (("object.className", _CLASS_NAME, "ProtImportMovies"), ("object.id", _ID, "2")):
        value = item.get(key)
        where = child_path(path, key)
        if value is None:
            yield Problem(source, where, f'this is missing. Example: "{example}"')
        elif isinstance(value, bool) or not isinstance(value, str | int) or not pattern.match(str(value)):
            yield Problem(source, where, f'{shown(value)} is not a valid {key}. Example: "{example}"')


def _repeated_ids(protocols: list[Mapping[str, Any]], source: str, path: str) -> Iterator[Problem]:
    first: dict[str, int] = {}
    for index, protocol in enumerate(protocols):
        number = str(protocol["object.id"])
        if number in first:
            where = child_path(child_path(path, index), "object.id")
            yield Problem(source, where, f"{number!r} is the id of {child_path(path, first[number])} already")
        first.setdefault(number, index)


def _links(protocols: list[Mapping[str, Any]], source: str, path: str) -> Iterator[Problem]:
    known = {str(protocol["object.id"]) for protocol in protocols}
    for index, protocol in enumerate(protocols):
        for key, value in protocol.items():
            where = child_path(child_path(path, index), key)
            for text, number in _targets(key, value):
                if number not in known:
                    message = f"{shown(text)} points to protocol {number[:20]}, which is not in the workflow"
                    yield Problem(source, where, f"{message}: export that step as well, or take this key out")


def _circles(protocols: list[Mapping[str, Any]], source: str, path: str) -> Iterator[Problem]:
    """Protocols that wait for each other: each circle once, at its first protocol in the file."""
    known = [str(protocol["object.id"]) for protocol in protocols]
    needs = {
        number: [target for target in _needed(protocol) if target in known]
        for number, protocol in zip(known, protocols, strict=True)
    }
    done: set[str] = set()
    for index, number in enumerate(known):
        circle = _way_back(number, needs, done)
        done.update(circle or [number])  # through one that is on no circle, no other leads
        if circle:
            where = child_path(path, index)
            yield Problem(source, where, f"protocols wait for each other in a circle: {' -> '.join(circle)}")


def _way_back(start: str, needs: Mapping[str, Sequence[str]], done: set[str]) -> list[str]:
    """A shortest way from a protocol along its links back to itself; empty if there is none."""
    came_from: dict[str, str] = {}
    waiting = deque([start])
    while waiting:
        here = waiting.popleft()
        for target in needs[here]:
            if target == start:
                way = [here, target]
                while way[0] != start:
                    way.insert(0, came_from[way[0]])
                return way
            if target not in done and target not in came_from:
                came_from[target] = here
                waiting.append(target)
    return []


def _needed(protocol: Mapping[str, Any]) -> list[str]:
    """The ids of the protocols that one waits for."""
    return [target for key, value in protocol.items() for _, target in _targets(key, value)]


def _targets(key: str, value: object) -> Iterator[tuple[str, str]]:
    """The links in a parameter: their text and the id of the protocol they point to."""
    if key.startswith("object.") or key == "output":
        return
    for item in value if isinstance(value, list) else [value]:
        if not isinstance(item, str):
            continue
        if key == "_prerequisites":
            yield from ((number, number) for number in re.findall(r"[0-9]+", item))
        elif match := _LINK.match(item):
            yield item, match.group(1)
