"""Lock files: written after a software run, and asked for by a project that is to have another's software again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cloudify_scipion import __version__
from cloudify_scipion.catalogue.pins.file import (
    FILE,
    KINDS,
    Installed,
    Pins,
    differences,
    inherit,
    made_from,
    to_text,
)
from cloudify_scipion.catalogue.software.puppet_data import MIRRORS
from cloudify_scipion.errors import PermanentError
from cloudify_scipion.lifecycle.layer import ASKED_FILE, SoftwareLayer, locked_layer
from cloudify_scipion.lifecycle.layout import SCIPION_VENV
from cloudify_scipion.lifecycle.ports import Services
from cloudify_scipion.lifecycle.record import Record

MADE_BY = f"cloudify-scipion {__version__}"
SHOWN = 20
"""How many differences a message lists."""


def with_software(services: Services, record: Record, software: Mapping[str, Any], pins: str) -> Record:
    """The record that asks for `software`, not saved; kept is `pins`, the lock file's text whose digest is in it."""
    if pins:
        services.projects.keep(record.project, ASKED_FILE, pins)
    return record.asking("software", software)


def check_pins_can_be_met(services: Services, record: Record, text: str) -> None:
    """Raise PermanentError naming all files that the store lacks for an installation from a lock file of that text."""
    layer, provider = locked_layer(services, record, text), services.of(record)
    if layer.pins is None or record.layer or provider.layers.has(layer.digest):
        return
    gone = provider.layers.missing(layer.pins.store_files())
    if gone:
        raise PermanentError(
            f"the store lacks {len(gone)} of the lock file's files: {', '.join(gone)}",
            "bring them back (store/KIND/SHA256/NAME in the state root), or render without --lock",
        )
    if layer.pins.base != provider.machines.base_digest():
        services.progress.say(
            "the lock file was made on another base system: what is installed will be the same, the base's own"
            " packages may differ"
        )


def write_pins(services: Services, record: Record, layer: SoftwareLayer) -> str:
    """Look at what is on the machine and keep it as the project's lock file; returns its text.

    Raises PermanentError when a project that was installed from a lock has something else.
    """
    homes = [SCIPION_VENV, *_environments(layer.data)]
    mirrors = sorted(record.site().mirrors)
    provider = services.of(record)
    found = services.inventory.collect(
        services.connect(record), provider.access, homes, mirrors, layer.pins is not None
    )
    base = provider.machines.base_digest()
    if layer.pins is None:
        pins = Pins(MADE_BY, base, _software(record), _told(layer.data), found)
    else:
        found = inherit(found, layer.pins.installed)
        _compare(services, found, layer.pins)
        pins = made_from(layer.pins, found, base, MADE_BY)
    return keep_pins(services, record, to_text(pins))


def keep_pins(services: Services, record: Record, text: str) -> str:
    """Keep a lock file as the project's own; returns its text."""
    if text:
        services.projects.keep(record.project, FILE, text)
    return text


def _compare(services: Services, found: Installed, pins: Pins) -> None:
    installed, base = differences(found, pins.installed)
    if installed:
        listed = "\n".join(f"  {line}" for line in installed[:SHOWN])
        raise PermanentError(
            f"{len(installed)} packages are not those of the lock file:\n{listed}",
            f"install with the version that wrote it ({pins.made_by}; this is {MADE_BY}), or render without --lock",
        )
    if base:
        services.progress.say(f"packages of the base system that differ from the lock file: {', '.join(base[:SHOWN])}")


def _software(record: Record) -> dict[str, Any]:
    asked = record.settings["software"]
    return {kind: asked[kind] if kind == "scipion" else dict(asked.get(kind) or {}) for kind in KINDS}


def _told(data: Mapping[str, Any]) -> dict[str, Any]:
    """What Puppet was told, without where the files come from."""
    return {name: value for name, value in data.items() if name != MIRRORS}


def _environments(data: Mapping[str, Any]) -> list[str]:
    packages = data["em_package::packages"].values()
    return sorted(package["home"] for package in packages if package["method"] == "pip")
