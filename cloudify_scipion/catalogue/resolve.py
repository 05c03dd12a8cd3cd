"""From the versions that a project asks for to catalogue entries that fit together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TypeVar

from cloudify_scipion.catalogue.model import Catalogue, EmPackageVersion, PluginVersion, SoftwareSet
from cloudify_scipion.catalogue.requirements import requirement_conflicts
from cloudify_scipion.errors import InputError, Problem
from cloudify_scipion.project.documents import child_path
from cloudify_scipion.project.model import Software
from cloudify_scipion.project.schema import nearest

Entry = TypeVar("Entry")


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
    """Everything in a request that the catalogue does not know or that does not fit together."""
    unknown = [
        *_unknown_version("$.software.scipion", "Scipion", request.scipion, catalogue.scipion),
        *_unknown("$.software.plugins", request.plugins, catalogue.plugins),
        *_unknown("$.software.em_packages", request.em_packages, catalogue.em_packages),
        *_unknown("$.software.example_data", request.example_data, catalogue.example_data),
    ]
    plugins = _chosen(request.plugins, catalogue.plugins)
    packages = _chosen(request.em_packages, catalogue.em_packages)
    found = [*unknown, *_misfits(request, plugins, packages, catalogue), *_clashes(request, catalogue)]
    return [Problem(source, path, message) for path, message in found]


def _chosen(wanted: Mapping[str, str], known: Mapping[str, Mapping[str, Entry]]) -> tuple[Entry, ...]:
    """Entries of what is known, in the order of their names."""
    return tuple(known[name][wanted[name]] for name in sorted(wanted) if wanted[name] in known.get(name, {}))


def _unknown(
    path: str, wanted: Mapping[str, str], known: Mapping[str, Mapping[str, object]]
) -> Iterator[tuple[str, str]]:
    for name, version in wanted.items():
        where = child_path(path, name)
        if name in known:
            yield from _unknown_version(where, name, version, known[name])
        else:
            hint = nearest(name, known) or f"; known are {', '.join(sorted(known)) or 'none'}"
            yield where, f"the catalogue has no {name!r}{hint}"


def _unknown_version(path: str, name: str, version: str, known: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    if version not in known:
        yield path, f"the catalogue has no version {version!r} of {name}; it has {', '.join(sorted(known)) or 'none'}"


def _misfits(
    request: Software,
    plugins: tuple[PluginVersion, ...],
    packages: tuple[EmPackageVersion, ...],
    catalogue: Catalogue,
) -> Iterator[tuple[str, str]]:
    """Plugins that do not work with the Scipion version, or without an EM package, or with its version."""
    chosen = {package.name: package for package in packages}
    for plugin in plugins:
        where = child_path("$.software.plugins", plugin.name)
        title = f"{plugin.name} {plugin.version}"
        if request.scipion in catalogue.scipion and request.scipion not in plugin.scipion:
            yield where, f"{title} works with Scipion {', '.join(plugin.scipion)}, not with {request.scipion}"
        for name, labels in plugin.em_packages.items():
            if name not in request.em_packages:
                known = [v for v, entry in catalogue.em_packages.get(name, {}).items() if entry.label in labels]
                offer = ", ".join(sorted(known)) or "none"
                yield "$.software.em_packages", f"{title} calls {name} {', '.join(labels)}: add it; known are {offer}"
            elif name in chosen and chosen[name].label not in labels:
                message = f"{title} works with {name} {', '.join(labels)}, not with {chosen[name].label}"
                yield child_path("$.software.em_packages", name), message


def _clashes(request: Software, catalogue: Catalogue) -> Iterator[tuple[str, str]]:
    """Two entries that pin the same Python package to different versions, or set the same variable differently."""
    texts = [catalogue.scipion[request.scipion].requirements] if request.scipion in catalogue.scipion else []
    for plugin in _chosen(request.plugins, catalogue.plugins):
        where = child_path("$.software.plugins", plugin.name)
        for message in requirement_conflicts(texts, plugin.requirements):
            yield where, message
        texts.append(plugin.requirements)
    variables: dict[str, str] = {}
    for package in _chosen(request.em_packages, catalogue.em_packages):
        for name, value in package.variables.items():
            if variables.setdefault(name, value) != value:
                where = child_path("$.software.em_packages", package.name)
                yield where, f"{package.name} sets {name} to {value}, another package to {variables[name]}"
