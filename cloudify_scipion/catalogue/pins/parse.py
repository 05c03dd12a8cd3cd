"""From what dpkg, apt, pip and sha256sum print on a machine to the entries of a lock file. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import PurePosixPath
from urllib.parse import unquote

from cloudify_scipion.catalogue.pins.file import AptPackage, Archive, PythonPackage

DPKG_FORMAT = "${Package}\t${Version}\t${Architecture}\t${db:Status-Status}\n"
"""What `dpkg-query -W -f` is asked for."""
ENSUREPIP = ("pip", "setuptools")
"""What a new virtual environment holds: Debian's python3-venv brings them, no index."""
PYTHON3_VENV = "python3-venv"
_SOURCE = re.compile(r"^\s+-?\d+ (.+)$")
_RELEASE = re.compile(r"^\s+release (.+)$")
_SDIST = re.compile(r"^(?P<name>.+)-(?P<version>[^-]+)\.(tar\.gz|zip)$")


def parse_sums(text: str) -> dict[str, str]:
    """Output of sha256sum: path to checksum."""
    lines = (line.split(maxsplit=1) for line in text.splitlines() if not line.startswith("\\"))
    return {path.lstrip("*"): digest for digest, path in lines}


def parse_dpkg(text: str) -> list[AptPackage]:
    """Output of dpkg-query in DPKG_FORMAT: what is installed."""
    rows = [line.split("\t") for line in text.splitlines()]
    return [AptPackage(row[0], row[1], row[2]) for row in rows if len(row) == 4 and row[3] == "installed"]


def parse_releases(text: str) -> dict[str, str]:
    """Output of `apt-cache policy` without names: each source as apt writes it, to its Origin/Suite."""
    found, source = {}, ""
    for line in text.splitlines():
        if release := _RELEASE.match(line):
            facts = dict(item.split("=", 1) for item in release[1].split(",") if "=" in item)
            if facts.get("o") and facts.get("a"):
                found[source] = f"{facts['o']}/{facts['a']}"
        elif match := _SOURCE.match(line):
            source = match[1]
    return found


def parse_origins(text: str, releases: Mapping[str, str], versions: Mapping[str, str]) -> dict[str, str]:
    """Output of `apt-cache policy NAME...`: package to the Origin/Suite that has the version in `versions`."""
    found: dict[str, str] = {}
    name, wanted = "", False
    for line in text.splitlines():
        if line and not line[0].isspace():
            name, wanted = line.rstrip(":").partition(":")[0], False
        elif line.startswith((" *** ", "     ")) and not line.startswith("      "):
            wanted = line[5:].split()[0] == versions.get(name)
        elif wanted and (match := _SOURCE.match(line)) and match[1] in releases:
            found.setdefault(name, releases[match[1]])
    return found


def parse_shown(text: str) -> dict[tuple[str, str], str]:
    """Output of `apt-cache show`: (package, version) to the SHA-256 of its .deb."""
    found = {}
    for record in text.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in record.splitlines() if re.match(r"[A-Za-z0-9-]+: ", line))
        if fields.get("SHA256"):
            found[fields["Package"], fields["Version"]] = fields["SHA256"]
    return found


def apt_packages(
    installed: list[AptPackage],
    sums: Mapping[str, str],
    origins: Mapping[str, str],
    shown: Mapping[tuple[str, str], str],
) -> tuple[AptPackage, ...]:
    """Installed packages with what is known of them, and those of which only files were unpacked."""
    debs = {(one.name, one.version, one.architecture): one for one in _debs(sums)}
    told = [replace(one, sha256=shown.get((one.name, one.version), "")) for one in installed]
    found = [debs.get((one.name, one.version, one.architecture), one) for one in told]
    names = {one.name for one in installed}
    unpacked = [replace(one, unpacked=True) for one in debs.values() if one.name not in names]
    return tuple(replace(one, origin=origins.get(one.name, "")) for one in [*found, *unpacked])


def kept_debs(sums: Mapping[str, str]) -> dict[str, str]:
    """Downloaded packages, name to version."""
    return {one.name: one.version for one in _debs(sums)}


def python_packages(environment: str, listed: str, sums: Mapping[str, str], index: str) -> tuple[PythonPackage, ...]:
    """Output of `pip list --format json` in an environment; files are found among the downloads."""
    files = {key: (path.name, digest) for key, path, digest in _distributions(sums)}
    return tuple(_python(environment, one["name"], one["version"], files, index) for one in json.loads(listed))


def archives(sums: Mapping[str, str], mirrors: str) -> tuple[Archive, ...]:
    """Archives of EM packages among the downloads; `mirrors` says where they are from."""
    found = ((PurePosixPath(path), digest) for path, digest in sums.items())
    return tuple(
        Archive(path.name, digest, mirrors)
        for path, digest in found
        if path.parent.name == "archives" and path.parent.parent.name != "apt" and path.suffix != ".part"
    )


def _python(
    environment: str, name: str, version: str, files: Mapping[tuple[str, str], tuple[str, str]], index: str
) -> PythonPackage:
    file, digest = files.get((_normal(name), version), ("", ""))
    origin = index if file else PYTHON3_VENV if name in ENSUREPIP else ""
    return PythonPackage(environment, name, version, origin, digest, file)


def _debs(sums: Mapping[str, str]) -> Iterator[AptPackage]:
    """Kept .debs; apt's names for them are NAME_VERSION_ARCHITECTURE.deb, a colon as %3a."""
    for path, digest in sums.items():
        file = PurePosixPath(path).name
        parts = unquote(file.removesuffix(".deb")).split("_")
        if file.endswith(".deb") and len(parts) == 3:
            name, version, architecture = parts
            yield AptPackage(name, version, architecture, sha256=digest, file=file)


def _distributions(sums: Mapping[str, str]) -> Iterator[tuple[tuple[str, str], PurePosixPath, str]]:
    """Kept wheels and sources by normal name and version; a wheel comes last, as pip prefers it."""
    for path, digest in sorted(sums.items(), key=lambda item: item[0].endswith(".whl")):
        file = PurePosixPath(path)
        if file.suffix == ".whl":
            name, version, *_ = file.name.split("-")
            yield (_normal(name), version), file, digest
        elif file.parent.name == "wheels" and (match := _SDIST.match(file.name)):
            yield (_normal(match["name"]), match["version"]), file, digest


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
