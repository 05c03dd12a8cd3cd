"""Joining several workflows into one. Ids change only where two workflows use the same ones."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from cloudify_scipion.project.importing.model import Decision, Reading

Protocol = Mapping[str, Any]
# `2.outputMovies`, `2.__attribute__outputMovies`, and `9.` for the protocol itself.
_LINK = re.compile(r"([0-9]+)\.(?=\Z|(?:__attribute__)?output)")


def join(readings: Sequence[Reading]) -> tuple[list[Protocol], list[Decision]]:
    """One workflow of several, and the parameters that a person should look at."""
    joined: list[Protocol] = []
    decisions: list[Decision] = []
    for reading in readings:
        taken = {int(protocol["object.id"]) for protocol in joined}
        own = {int(protocol["object.id"]) for protocol in reading.protocols}
        if not taken & own:
            joined += reading.protocols
            continue
        numbers = {str(number): str(number + max(taken)) for number in own}
        decisions.append(_said(reading, numbers))
        for protocol in reading.protocols:
            decisions += _perhaps_links(protocol, numbers, reading.source)
            joined.append(renumber(protocol, numbers))
    return joined, decisions


def renumber(protocol: Protocol, numbers: Mapping[str, str]) -> dict[str, Any]:
    """A protocol with other ids: its own, and those that it links to."""
    changed = {key: _renumber_value(key, value, numbers) for key, value in protocol.items()}
    changed["object.id"] = numbers[str(protocol["object.id"])]
    return changed


def _renumber_value(key: str, value: Any, numbers: Mapping[str, str]) -> Any:
    if key.startswith("object.") or key == "output":
        return value
    if isinstance(value, list):
        return [_renumber_value(key, item, numbers) for item in value]
    if not isinstance(value, str):
        return value
    if key == "_prerequisites":
        return re.sub(r"[0-9]+", lambda match: numbers.get(match[0], match[0]), value)
    if key.startswith("input") and value in numbers:  # a list of protocols, such as a monitor's
        return numbers[value]
    link = _LINK.match(value)
    return numbers.get(link[1], link[1]) + value[link.end(1) :] if link else value


def _perhaps_links(protocol: Protocol, numbers: Mapping[str, str], source: str) -> Iterator[Decision]:
    for key, value in protocol.items():
        if isinstance(value, str) and value in numbers and not key.startswith(("object.", "input", "_prerequisites")):
            where = f"{key} of protocol {numbers[str(protocol['object.id'])]} ({source})"
            message = (
                f"{where} is {value!r}: if it means protocol {value}, write {numbers[value]!r}; it was left as it is"
            )
            yield Decision("$.workflow", message)


def _said(reading: Reading, numbers: Mapping[str, str]) -> Decision:
    old, new = next(iter(numbers.items()))
    message = (
        f"protocols of {reading.source} have new ids, since the old ones were taken: {old} is now {new}, and so on"
    )
    return Decision("$.workflow", message)
