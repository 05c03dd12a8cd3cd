"""Files of EM packages whose makers publish no checksum: the site says which file it trusts. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from cloudify_scipion.catalogue.entries.methods import Fetched
from cloudify_scipion.catalogue.entries.model import Catalogue, Made, SoftwareSet
from cloudify_scipion.errors import InputError, Problem
from cloudify_scipion.project.model import Software
from cloudify_scipion.project.site import Site

_Made = TypeVar("_Made", bound=Made)


def file_problem(entry: Made, site: Site) -> str:
    """Why a site's mirrors cannot give the entry's file; empty if they can, or if there is none to fetch."""
    if not isinstance(entry.method, Fetched):
        return ""
    file, sha256 = entry.method.file, entry.method.sha256
    stated = site.files.get(file, "")
    fetched = f"{entry.title} is fetched as {file}"
    if not site.mirrors:
        way_out = "its operator puts the file on a mirror and names that in the site file (docs/operator.md, Mirrors)"
        return f"{fetched} from the site's mirrors; site {site.name} names none: {way_out}"
    if sha256 and stated not in ("", sha256):
        return f"{fetched} with SHA-256 {sha256}; site {site.name} states {stated}: correct its mirrors' files"
    if not sha256 and not stated:
        unknown = f"its makers publish no checksum, and site {site.name} states none"
        return f"{fetched}; {unknown}. {_how(file, site)}"
    return ""


def checksums(request: Software, files: Mapping[str, str], catalogue: Catalogue) -> dict[str, str]:
    """Files that a request fetches, to their SHA-256: the catalogue's, else that in `files`; only known ones."""
    methods = [entry.method for entry in catalogue.chosen(request).made]
    found = {one.file: one.sha256 or files.get(one.file, "") for one in methods if isinstance(one, Fetched)}
    return {file: sha256 for file, sha256 in sorted(found.items()) if sha256}


def with_checksums(software: SoftwareSet, files: Mapping[str, str], source: str = "site") -> SoftwareSet:
    """The software set with the SHA-256 of `files` where the catalogue has none.

    Raises InputError naming every file that has none in either: what is installed must be known.
    """
    wanted = [(one, one.method) for one in software.made if isinstance(one.method, Fetched)]
    missing = [(one, method.file) for one, method in wanted if not (method.sha256 or files.get(method.file))]
    if missing:
        told = (f"no mirror's files state the SHA-256 of {file}, which {one.name} needs" for one, file in missing)
        raise InputError([Problem(source, "$.mirrors", message) for message in told])
    packages, data = _filled(software.em_packages, files), _filled(software.example_data, files)
    return replace(software, em_packages=packages, example_data=data)


def _filled(entries: Sequence[_Made], files: Mapping[str, str]) -> tuple[_Made, ...]:
    return tuple(_with_checksum(entry, files) for entry in entries)


def _with_checksum(entry: _Made, files: Mapping[str, str]) -> _Made:
    method = entry.method
    if not isinstance(method, Fetched):
        return entry
    return replace(entry, method=replace(method, sha256=method.sha256 or files[method.file]))


def _how(file: str, site: Site) -> str:
    """What an operator does about a file that is not stated: where to put it, and the lines of the site file."""
    mirror = next(iter(site.mirrors))
    return (
        f"Put the file that you trust on the mirror {mirror}, and into the site file:\n"
        f"      mirrors:\n        {mirror}:\n          files:\n"
        f'            {file}: "SHA256"\n'
        f"    where SHA256 is what `sha256sum {file}` prints"
    )
