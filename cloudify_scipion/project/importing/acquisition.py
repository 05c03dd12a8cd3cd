"""The acquisition, as far as the parameters of a workflow's protocols tell it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from cloudify_scipion.project.importing.model import Decision, Fact
from cloudify_scipion.project.schema import schema
from cloudify_scipion.project.workflow import is_true, number_of

Protocol = Mapping[str, Any]
_SAME_NAME = {
    "voltage": "voltage_kv",
    "sphericalAberration": "spherical_aberration_mm",
    "amplitudeContrast": "amplitude_contrast",
    "magnification": "magnification",
}
_MOVIES = r"Import.*Movies"
_PIXELS = (_MOVIES, "ImportMicrographs", r"ImportParticles\Z")
"""Classes whose files have the acquisition's pixels: of the first kind that a workflow has."""
_BOXES = (r"Extract(?!.*Coord)", r"ImportCoordinates(Pairs)?\Z")
"""Classes that say the box: as particles are extracted, or else as they were picked."""
_LARGEST = frozenset(["box_size", "particles", "movies"])  # the largest decides what the machine needs
_WHOLE = frozenset(["frames", "movies", "particles", "box_size"])
_SCANNER = 1  # pwem's SAMPLING_FROM_SCANNER: the pixel is that of the scanner, over the magnification


def find_acquisition(protocols: Sequence[Protocol]) -> tuple[list[Fact], list[Decision]]:
    """Values of `acquisition` with the protocol that each comes from, and what is open.

    Where two protocols disagree, no value is taken: a person must say which is right.
    """
    said: dict[str, dict[float | int, Fact]] = {}
    for name, value, protocol in _all_values(protocols):
        if (number := _allowed(name, value)) is not None:
            fact = Fact(f"$.acquisition.{name}", number, _named(protocol))
            said.setdefault(name, {}).setdefault(number, fact)
    facts: list[Fact] = []
    decisions: list[Decision] = []
    for name, values in said.items():
        if name in _LARGEST:
            facts.append(values[max(values)])
        elif len(values) == 1:
            facts += values.values()
        else:
            listed = ", ".join(f"{fact.origin} says {fact.value}" for fact in values.values())
            decisions.append(Decision(f"$.acquisition.{name}", f"{listed}: none was taken, write the right one"))
    return facts, [*decisions, *_open(protocols, said)]


def _all_values(protocols: Sequence[Protocol]) -> Iterator[tuple[str, Any, Protocol]]:
    yield from ((name, value, protocol) for protocol in protocols for name, value in _values(protocol))
    yield from _first_kind("pixel_size_angstrom", _PIXELS, _pixel_size, protocols)
    yield from _first_kind("box_size", _BOXES, _box_size, protocols)


def _first_kind(
    name: str, kinds: Sequence[str], read: Callable[[Protocol], Any], protocols: Sequence[Protocol]
) -> Iterator[tuple[str, Any, Protocol]]:
    """A value from the protocols of the first kind that says it. Later ones are of what earlier ones come to."""
    for kind in kinds:
        found = [(name, read(protocol), protocol) for protocol in protocols if _is(protocol, kind)]
        found = [item for item in found if _allowed(name, item[1]) is not None]
        if found:
            yield from found
            return


def is_movies_import(protocol: Protocol) -> bool:
    """Whether a protocol imports movies."""
    return _is(protocol, _MOVIES)


def _is(protocol: Protocol, kind: str) -> bool:
    return bool(re.search(kind, str(protocol["object.className"])))


def _values(protocol: Protocol) -> Iterator[tuple[str, Any]]:
    # The form of imported averages hides the microscope's values: what stands there is the form's default.
    if "voltage" in protocol and "sphericalAberration" in protocol and not _is(protocol, "ImportAverages"):
        yield from ((ours, protocol.get(theirs)) for theirs, ours in _SAME_NAME.items())
    # Tilt series state the dose of a tilt image.
    if is_movies_import(protocol) and not _is(protocol, "ImportTs"):
        yield "dose_per_frame", protocol.get("dosePerFrame") or None  # 0 is the form's way of saying nothing
        if is_true(protocol.get("inputIndividualFrames", True)):  # otherwise the form hides the number
            yield "frames", protocol.get("numberOfIndividualFrames")
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
    """Ångström per pixel of the imported files."""
    if number_of(protocol.get("samplingRateMode")) != _SCANNER:
        return number_of(protocol.get("samplingRate"))
    scanned, magnification = number_of(protocol.get("scannedPixelSize")), number_of(protocol.get("magnification"))
    return round(1e4 * scanned / magnification, 6) if scanned and magnification else None


def _box_size(protocol: Protocol) -> Any:
    return protocol.get("rescaledSize") if is_true(protocol.get("doRescale")) else protocol.get("boxSize")


def _allowed(name: str, value: Any) -> float | int | None:
    """A value as the project file may have it, or None."""
    number = number_of(value)
    rule = schema("project")["properties"]["acquisition"]["properties"][name]
    if number is None or not rule["minimum"] <= number <= rule["maximum"] or (name in _WHOLE and number % 1):
        return None
    return int(number) if number % 1 == 0 else number


def _named(protocol: Protocol) -> str:
    return f"{protocol['object.className']} {protocol['object.id']}"


def _open(protocols: Sequence[Protocol], said: Mapping[str, Any]) -> Iterator[Decision]:
    if any(is_movies_import(protocol) for protocol in protocols):
        wanted = ("detector", "frames", "super_resolution", "movies", "pixel_size_angstrom", "dose_per_frame")
        missing = ", ".join(name for name in wanted if name not in said)
        yield Decision("$.acquisition", f"the workflow does not tell {missing}; `choose` works the needs out from it")
