"""The lock file `software.lock.json`: every package that a machine's software consists of, with checksums. Pure.

A lock also holds what Puppet's software run was told (`data`), so that installing from it asks neither the catalogue
nor an index: the files come from the store by SHA-256. No URL is in it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from cloudify_scipion.errors import LaterFormat, Problem
from cloudify_scipion.project.documents import Findings, child_path, parse_json, part
from cloudify_scipion.project.schema import schema_problems

FILE = "software.lock.json"
"""Its name, wherever it lies."""
FORMAT = 1
MAX_BYTES = 20_000_000
KINDS = ("scipion", "plugins", "em_packages", "example_data")


@dataclass(frozen=True)
class AptPackage:
    """A Debian package. `origin` is apt's Origin/Suite. `file` is its .deb in the store; empty for the base's own.

    `unpacked`: dpkg does not know it, only files of it were taken.
    """

    name: str
    version: str
    architecture: str
    origin: str = ""
    sha256: str = ""
    file: str = ""
    unpacked: bool = False

    @property
    def key(self) -> tuple[str, str, str]:
        """What tells it from every other."""
        return self.name, self.architecture, self.version


@dataclass(frozen=True)
class PythonPackage:
    """A Python distribution in the virtual environment `environment`. `origin` is the index's name."""

    environment: str
    name: str
    version: str
    origin: str = ""
    sha256: str = ""
    file: str = ""

    @property
    def key(self) -> tuple[str, str, str]:
        """What tells it from every other."""
        return self.environment, self.name, self.version


@dataclass(frozen=True)
class Archive:
    """An archive of an EM package; `origin` names the site's mirror."""

    file: str
    sha256: str
    origin: str = ""


@dataclass(frozen=True)
class Installed:
    """What was found on a machine."""

    apt: tuple[AptPackage, ...] = ()
    python: tuple[PythonPackage, ...] = ()
    archives: tuple[Archive, ...] = ()


@dataclass(frozen=True)
class Pins:
    """What a lock file says. `base` is the base recipe's digest, `software` what the project file asked for."""

    made_by: str
    base: str
    software: Mapping[str, Any]
    data: Mapping[str, Any]
    installed: Installed

    def store_files(self) -> dict[str, str]:
        """Files of the store that an installation from the lock needs: KIND/NAME to SHA-256."""
        debs = {f"debs/{one.file}": one.sha256 for one in self.installed.apt if one.file}
        wheels = {f"wheels/{one.file}": one.sha256 for one in self.installed.python if one.file}
        return {**debs, **wheels, **{f"archives/{one.file}": one.sha256 for one in self.installed.archives}}


def to_text(pins: Pins) -> str:
    """The file's text: the same pins give the same bytes."""
    found = pins.installed
    document = {
        "format": FORMAT,
        "made_by": pins.made_by,
        "base": pins.base,
        "software": {kind: pins.software[kind] for kind in KINDS},
        "apt": [_without_default(asdict(one)) for one in sorted(found.apt, key=lambda one: one.key)],
        "python": [asdict(one) for one in sorted(found.python, key=lambda one: one.key)],
        "archives": [asdict(one) for one in sorted(found.archives, key=lambda one: one.file)],
        "data": dict(pins.data),
    }
    return json.dumps(document, indent=1, sort_keys=True) + "\n"


def text_digest(text: str) -> str:
    """SHA-256 (hex) of a lock file's text: what names it."""
    return hashlib.sha256(text.encode()).hexdigest()


def from_text(text: str) -> Pins:
    """The pins in a text that was checked, or written, before (see `check_pins`). Raises LaterFormat."""
    document = json.loads(text)
    LaterFormat.refuse(document, FILE, FORMAT)
    found = Installed(
        tuple(AptPackage(**one) for one in document["apt"]),
        tuple(PythonPackage(**one) for one in document["python"]),
        tuple(Archive(**one) for one in document["archives"]),
    )
    return Pins(document["made_by"], document["base"], document["software"], document["data"], found)


def check_pins(content: bytes, source: str) -> list[Problem]:
    """Everything that is wrong with a lock file."""
    if len(content) > MAX_BYTES:
        return [Problem(source, "$", f"the file is larger than {MAX_BYTES:,} bytes")]
    document = parse_json(content, source)
    if document.value is None:
        return list(document.problems)
    made = _format(document.value)
    if made not in (None, FORMAT):
        return [Problem(source, "$.format", f"format {made!r} is not known; this version reads format {FORMAT}")]
    problems = [*document.problems, *schema_problems(document.value, _rules(), source)]
    if not problems:
        problems += _incomplete(from_text(content.decode()), source)
    return problems


def pinned_contents(pins: Pins) -> dict[str, str]:
    """Names to versions, for people: what the software of a lock is."""
    kinds = (pins.software[kind] for kind in KINDS[1:])
    return {"scipion": pins.software["scipion"], **{name: kind[name] for kind in kinds for name in sorted(kind)}}


def request_problems(asked: Mapping[str, Any], pins: Pins) -> Findings:
    """Where the software that a project document asks for is not the lock's: JSON path and message."""
    if asked.get("scipion") != pins.software["scipion"]:
        yield "$.software.scipion", _other(asked.get("scipion"), pins.software["scipion"])
    for kind in KINDS[1:]:
        wanted, has = part(asked, dict, kind), pins.software[kind]
        for name in sorted({*wanted, *has}):
            if wanted.get(name) != has.get(name):
                yield child_path(f"$.software.{kind}", name), _other(wanted.get(name), has.get(name))


def inherit(found: Installed, given: Installed) -> Installed:
    """What was found, with origin, checksum and file as an earlier lock has them for the same package and version."""
    apt = {one.key: one for one in given.apt}
    python = {one.key: one for one in given.python}
    unpacked = tuple(one for one in given.apt if one.unpacked)
    return Installed(
        tuple(apt.get(one.key, one) for one in found.apt if not one.unpacked) + unpacked,
        tuple(python.get(one.key, one) for one in found.python),
        given.archives,
    )


def differences(found: Installed, given: Installed) -> tuple[list[str], list[str]]:
    """How what was found differs from a lock: in what was to be installed, and in the base system's own packages."""
    apt = _changed(*({one.name: f"{one.version} ({one.architecture})" for one in each.apt} for each in (given, found)))
    python = _changed(
        *({f"{one.environment}: {one.name}": one.version for one in each.python} for each in (given, found))
    )
    # a package that the lock does not have can only be the base's: there was no other source
    from_store = {one.name for one in given.apt} - {one.name for one in given.apt if not one.file}
    installed = [line for name, line in apt.items() if name in from_store]
    return [*installed, *python.values()], [line for name, line in apt.items() if name not in from_store]


def made_from(pins: Pins, installed: Installed, base: str, made_by: str) -> Pins:
    """The pins of a machine that was installed from others, with what was found there and on which base."""
    same = (pins.base, pins.installed) == (base, installed)
    return pins if same else replace(pins, made_by=made_by, base=base, installed=installed)


def _changed(was: Mapping[str, str], now: Mapping[str, str]) -> dict[str, str]:
    """Names of which the version is another, each with a line for people."""
    names = (name for name in sorted({*was, *now}) if was.get(name) != now.get(name))
    return {name: f"{name}: {now.get(name, 'absent')} instead of {was.get(name, 'nothing')}" for name in names}


def _other(asked: object, has: object) -> str:
    if not has:
        return "the lock file does not have it; remove it, or render without --lock"
    return f"the lock file has {has!r}, the project {f'asks for {asked!r}' if asked else 'does not ask for it'}"


def _incomplete(pins: Pins, source: str) -> Iterator[Problem]:
    """A file without its checksum could not be found in the store."""
    for kind in ("apt", "python"):
        entries: Sequence[Any] = getattr(pins.installed, kind)
        for index, one in enumerate(entries):
            if one.file and not one.sha256:
                yield Problem(source, f"$.{kind}[{index}].sha256", f"the file {one.file} has no SHA-256")


def _format(document: object) -> object:
    return document.get("format") if isinstance(document, Mapping) else None


def _without_default(entry: dict[str, Any]) -> dict[str, Any]:
    return entry if entry["unpacked"] else {name: value for name, value in entry.items() if name != "unpacked"}


@cache
def _rules() -> Mapping[str, Any]:
    rules: Mapping[str, Any] = json.loads((Path(__file__).parent / "schema.json").read_text(encoding="utf-8"))
    return rules
