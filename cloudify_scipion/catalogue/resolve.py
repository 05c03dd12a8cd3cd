"""From the versions that a project asks for to catalogue entries that fit together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TypeVar

from cloudify_scipion.catalogue.fit import clashes, misfits
from cloudify_scipion.catalogue.licences import licence_problems
from cloudify_scipion.catalogue.model import Catalogue, EmPackageVersion, PluginVersion, SoftwareSet
from cloudify_scipion.errors import InputError, Problem
from cloudify_scipion.project.documents import child_path
from cloudify_scipion.project.model import Software
from cloudify_scipion.project.schema import nearest

Entry = TypeVar("Entry")
Found = Iterator[tuple[str, str]]


def resolve(request: Software, catalogue: Catalogue, source: str = "project") -> SoftwareSet:
    """The entries of a request. Raises InputError with all problems, each with the nearest known name or version."""
    problems = software_problems(request, catalogue, source)
    if problems:
        raise InputError(problems)
    return SoftwareSet(
        scipion=catalogue.scipion[request.scipion],
        plugins=_chosen(request.plugins, catalogue.plugins),
        em_packages=_chosen(request.em_packages, catalogue.em_packages),
        example_data=_chosen(request.example_data, catalogue.example_data),
    )


def software_problems(request: Software, catalogue: Catalogue, source: str = "project") -> list[Problem]:
    """Everything in a request that the catalogue does not know, cannot install, or that does not fit together."""
    return [Problem(source, path, message) for path, message in software_misfits(request, catalogue)]


def software_misfits(request: Software, catalogue: Catalogue) -> Found:
    """The same as paths and messages, one after another: a request may have thousands."""
    scipion = catalogue.scipion.get(request.scipion)
    plugins = _chosen(request.plugins, catalogue.plugins)
    packages = _chosen(request.em_packages, catalogue.em_packages)
    yield from unknown_software(request, catalogue)
    yield from _not_installable(plugins, packages, catalogue)
    yield from misfits(request, scipion, plugins, packages, catalogue)
    yield from clashes(scipion, plugins, packages)
    yield from licence_problems(request.accepted_licences, plugins, packages, catalogue)


def unknown_software(request: Software, catalogue: Catalogue) -> Found:
    """Paths and messages of names and versions that the catalogue does not have."""
    yield from _unknown_version("$.software.scipion", "Scipion", request.scipion, catalogue.scipion)
    yield from _unknown_plugins(request, catalogue)
    yield from _unknown("$.software.em_packages", request.em_packages, catalogue.em_packages)
    yield from _unknown("$.software.example_data", request.example_data, catalogue.example_data)


def _chosen(wanted: Mapping[str, str], known: Mapping[str, Mapping[str, Entry]]) -> tuple[Entry, ...]:
    """Entries of what is known, in the order of their names."""
    return tuple(known[name][wanted[name]] for name in sorted(wanted) if wanted[name] in known.get(name, {}))


def _unknown_plugins(request: Software, catalogue: Catalogue) -> Found:
    """As for the others, except for plugins that every Scipion brings."""
    parts = {name for scipion in catalogue.scipion.values() for name in scipion.parts}
    for name in request.plugins:
        if name in parts:
            where = child_path("$.software.plugins", name)
            yield where, f"{name} is a part of Scipion and comes with it: leave it out"
    others = {name: version for name, version in request.plugins.items() if name not in parts}
    yield from _unknown("$.software.plugins", others, catalogue.plugins)


def _unknown(path: str, wanted: Mapping[str, str], known: Mapping[str, Mapping[str, object]]) -> Found:
    for name, version in wanted.items():
        where = child_path(path, name)
        if name in known:
            yield from _unknown_version(where, name, version, known[name])
        else:
            hint = nearest(name, known) or f"; known are {', '.join(sorted(known)) or 'none'}"
            yield where, f"the catalogue has no {name!r}{hint}"


def _unknown_version(path: str, name: str, version: str, known: Mapping[str, object]) -> Found:
    if version not in known:
        yield path, f"the catalogue has no version {version!r} of {name}; it has {', '.join(sorted(known)) or 'none'}"


def _not_installable(
    plugins: tuple[PluginVersion, ...], packages: tuple[EmPackageVersion, ...], catalogue: Catalogue
) -> Found:
    for plugin in plugins:
        if not plugin.installable:
            others = [v for v, entry in catalogue.plugins[plugin.name].items() if entry.installable]
            message = f"{plugin.name} {plugin.version} is only listed: {plugin.not_installed}; {_offer(others)}"
            yield child_path("$.software.plugins", plugin.name), message
    for package in packages:
        if not package.installable:
            others = [v for v, entry in catalogue.em_packages[package.name].items() if entry.installable]
            message = f"{package.name} {package.version} is only listed: nothing installs it; {_offer(others)}"
            yield child_path("$.software.em_packages", package.name), message


def _offer(versions: list[str]) -> str:
    if not versions:
        return "no version of it can be installed"
    return f"{', '.join(sorted(versions))} can be installed"
