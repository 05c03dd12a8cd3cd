"""Files of EM packages whose makers publish no checksum: the site says which file it trusts. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from cloudify_scipion.catalogue.entries.model import Catalogue, EmPackageVersion, SoftwareSet
from cloudify_scipion.errors import InputError, Problem
from cloudify_scipion.project.model import Software
from cloudify_scipion.project.site import Site


def file_problem(package: EmPackageVersion, site: Site) -> str:
    """Why a site's mirrors cannot give the package's file; empty if they can, or if there is none to fetch."""
    if not package.file:
        return ""
    stated = site.files.get(package.file, "")
    fetched = f"{package.name} {package.version} is fetched as {package.file}"
    if not site.mirrors:
        way_out = "its operator puts the file on a mirror and names that in the site file (docs/operator.md, Mirrors)"
        return f"{fetched} from the site's mirrors; site {site.name} names none: {way_out}"
    if package.sha256 and stated not in ("", package.sha256):
        return f"{fetched} with SHA-256 {package.sha256}; site {site.name} states {stated}: correct its mirrors' files"
    if not package.sha256 and not stated:
        unknown = f"its makers publish no checksum, and site {site.name} states none"
        return f"{fetched}; {unknown}. {_how(package.file, site)}"
    return ""


def checksums(request: Software, files: Mapping[str, str], catalogue: Catalogue) -> dict[str, str]:
    """Files that a request fetches, to their SHA-256: the catalogue's, else that in `files`; only known ones."""
    found = {package.file: package.sha256 or files.get(package.file, "") for package in _requested(request, catalogue)}
    return {file: sha256 for file, sha256 in sorted(found.items()) if file and sha256}


def with_checksums(software: SoftwareSet, files: Mapping[str, str], source: str = "site") -> SoftwareSet:
    """The software set with the SHA-256 of `files` where the catalogue has none.

    Raises InputError naming every file that has none in either: what is installed must be known.
    """
    wanted = (*software.em_packages, *software.example_data)
    missing = [one for one in wanted if one.file and not (one.sha256 or files.get(one.file))]
    if missing:
        told = (f"no mirror's files state the SHA-256 of {one.file}, which {one.name} needs" for one in missing)
        raise InputError([Problem(source, "$.mirrors", message) for message in told])
    packages, data = _filled(software.em_packages, files), _filled(software.example_data, files)
    return replace(software, em_packages=packages, example_data=data)


def _filled(packages: Sequence[EmPackageVersion], files: Mapping[str, str]) -> tuple[EmPackageVersion, ...]:
    return tuple(replace(one, sha256=one.sha256 or files[one.file]) if one.file else one for one in packages)


def _requested(request: Software, catalogue: Catalogue) -> Iterator[EmPackageVersion]:
    """The entries of a request that the catalogue knows."""
    for wanted, known in (
        (request.em_packages, catalogue.em_packages),
        (request.example_data, catalogue.example_data),
    ):
        yield from (known[name][version] for name, version in wanted.items() if version in known.get(name, {}))


def _how(file: str, site: Site) -> str:
    """What an operator does about a file that is not stated: where to put it, and the lines of the site file."""
    mirror = next(iter(site.mirrors))
    return (
        f"Put the file that you trust on the mirror {mirror}, and into the site file:\n"
        f"      mirrors:\n        {mirror}:\n          files:\n"
        f'            {file}: "SHA256"\n'
        f"    where SHA256 is what `sha256sum {file}` prints"
    )
