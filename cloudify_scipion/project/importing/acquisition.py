"""The acquisition, as far as the parameters of a workflow's protocols tell it."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from cloudify_scipion.project.importing.model import Decision, Fact
from cloudify_scipion.project.schema import schema

Protocol = Mapping[str, Any]
_SAME_NAME = {
    "voltage": "voltage_kv",
    "sphericalAberration": "spherical_aberration_mm",
    "amplitudeContrast": "amplitude_contrast",
    "magnification": "magnification",
}
_WHOLE = frozenset(["frames", "movies", "particles", "box_size"])
_SCANNER = 1  # pwem's SAMPLING_FROM_SCANNER: the pixel is that of the scanner, over the magnification


def find_acquisition(protocols: Sequence[Protocol]) -> tuple[list[Fact], list[Decision]]:
    """Values of `acquisition` with the protocol that each comes from, and what is open or does not agree."""
    facts: dict[str, Fact] = {}
    decisions: list[Decision] = []
    for protocol in protocols:
        for name, value in _values(protocol):
            if (number := _allowed(name, value)) is None:
                continue
            path, origin = f"$.acquisition.{name}", _named(protocol)
            known = facts.setdefault(name, Fact(path, number, origin))
            if known.value == number:
                continue
            if name in ("box_size", "particles", "movies"):  # the largest decides what the machine needs
                facts[name] = max(known, Fact(path, number, origin), key=lambda fact: float(fact.value))
            else:
                message = f"{known.origin} says {known.value}, {origin} says {number}; {known.value} was taken"
                decisions.append(Decision(path, message))
    return list(facts.values()), [*decisions, *_open(protocols, facts)]


def is_movies_import(protocol: Protocol) -> bool:
    """Whether a protocol imports movies."""
    return bool(re.search(r"Import.*Movies", str(protocol["object.className"])))


def _values(protocol: Protocol) -> Iterator[tuple[str, Any]]:
    name = str(protocol["object.className"])
    if "voltage" in protocol and "sphericalAberration" in protocol:
        yield from ((ours, protocol.get(theirs)) for theirs, ours in _SAME_NAME.items())
    if is_movies_import(protocol):
        yield "pixel_size_angstrom", _pixel_size(protocol)
        yield "dose_per_frame", protocol.get("dosePerFrame") or None  # 0 is the form's way of saying nothing
        yield "frames", protocol.get("numberOfIndividualFrames")
    if "Extract" in name:
        box = protocol.get("rescaledSize") if protocol.get("doRescale") is True else protocol.get("boxSize")
        yield "box_size", box
    if "inputMovies" in protocol:
        yield "bin_factor", protocol.get("binFactor")
    yield from _outputs(protocol)


def _outputs(protocol: Protocol) -> Iterator[tuple[str, Any]]:
    """Sizes of the sets that a protocol made, where the export tells (EMPIAR's does)."""
    outputs = protocol.get("output")
    for output in outputs if isinstance(outputs, list) else ():
        if isinstance(output, Mapping):
            kind = {"SetOfMovies": "movies", "SetOfParticles": "particles"}.get(str(output.get("outputType")))
            if kind:
                yield kind, output.get("outputSize")


def _pixel_size(protocol: Protocol) -> float | None:
    """Ångström per pixel of the movies."""
    if protocol.get("samplingRateMode") != _SCANNER:
        return _number(protocol.get("samplingRate"))
    scanned, magnification = _number(protocol.get("scannedPixelSize")), _number(protocol.get("magnification"))
    return round(1e4 * scanned / magnification, 6) if scanned and magnification else None


def _number(value: Any) -> float | None:
    """A number, also one in quotes, as templates and old exports have them."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _allowed(name: str, value: Any) -> float | int | None:
    """A value as the project file may have it, or None."""
    number = _number(value)
    rule = schema("project")["properties"]["acquisition"]["properties"][name]
    if number is None or not rule["minimum"] <= number <= rule["maximum"] or (name in _WHOLE and number % 1):
        return None
    return int(number) if number % 1 == 0 else number


def _named(protocol: Protocol) -> str:
    return f"{protocol['object.className']} {protocol['object.id']}"


def _open(protocols: Sequence[Protocol], facts: Mapping[str, Fact]) -> Iterator[Decision]:
    if any(is_movies_import(protocol) for protocol in protocols):
        wanted = ("detector", "frames", "super_resolution", "movies", "pixel_size_angstrom", "dose_per_frame")
        missing = ", ".join(name for name in wanted if name not in facts)
        yield Decision("$.acquisition", f"the workflow does not tell {missing}; `choose` works the needs out from it")
    for protocol in protocols:
        rate = _number(protocol.get("samplingRate"))
        if rate and "voltage" in protocol and "pixel_size_angstrom" not in facts:
            message = (
                f"{_named(protocol)} has pixels of {rate:g} Å; the project file wants those of the movies: add them"
            )
            yield Decision("$.acquisition.pixel_size_angstrom", message)
            return
