"""From the versions that a project asks for to catalogue entries that fit together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TypeVar

from cloudify_scipion.catalogue.entries.model import Catalogue, EmPackageVersion, PluginVersion, SoftwareSet
from cloudify_scipion.catalogue.software.fit_together import clashes, misfits
from cloudify_scipion.catalogue.software.licences import licence_problems
from cloudify_scipion.errors import InputError, Problem
from cloudify_scipion.project.documents import child_path
from cloudify_scipion.project.model import Software
from cloudify_scipion.project.nearest import nearest_or_all

Entry = TypeVar("Entry")
Found = Iterator[tuple[str, str]]
_KINDS = {"plugins": "a plugin", "em_packages": "an EM package", "example_data": "an example data set"}


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
    """What is wrong with a request, as paths and messages, one after another: it may have thousands."""
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
    parts = {name for scipion in catalogue.scipion.values() for name in scipion.parts}
    for name in sorted(parts & {*request.plugins}):
        where = child_path("$.software.plugins", name)
        yield where, f"{name} is a part of Scipion and comes with it: leave it out"
    for kind in _KINDS:
        wanted = getattr(request, kind)
        yield from _unknown(kind, {name: wanted[name] for name in wanted if name not in parts}, catalogue)


def _chosen(wanted: Mapping[str, str], known: Mapping[str, Mapping[str, Entry]]) -> tuple[Entry, ...]:
    """Entries of what is known, in the order of their names."""
    return tuple(known[name][wanted[name]] for name in sorted(wanted) if wanted[name] in known.get(name, {}))


def _unknown(kind: str, wanted: Mapping[str, str], catalogue: Catalogue) -> Found:
    known = getattr(catalogue, kind)
    for name, version in wanted.items():
        where = child_path(f"$.software.{kind}", name)
        if name in known:
            yield from _unknown_version(where, name, version, known[name])
        else:
            others = [f", which is {_KINDS[other]}" for other in _KINDS if name in getattr(catalogue, other)]
            hint = nearest_or_all(name, known, "" if others else "docs/project-file.md lists what it has")
            yield where, f"the catalogue has no {_KINDS[kind].split(' ', 1)[1]} {name!r}{''.join(others)}{hint}"


def _unknown_version(path: str, name: str, version: str, known: Mapping[str, object]) -> Found:
    if version not in known:
        plain = version.strip().lstrip("vV")
        hint = f"did you mean {plain!r}?" if plain in known else f"it has {', '.join(sorted(known)) or 'none'}"
        yield path, f"the catalogue has no version {version!r} of {name}; {hint}"


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
            why = f" ({package.why})" if package.why else ""
            message = f"{package.name} {package.version} is only listed: nothing installs it{why}; {_offer(others)}"
            yield child_path("$.software.em_packages", package.name), f"{message}; {_OWN}"


_OWN = "docs/add-an-em-package.md shows how to add one of your own"


def _offer(versions: list[str]) -> str:
    if not versions:
        return "no version of it can be installed"
    return f"{', '.join(sorted(versions))} can be installed"
