"""From the versions that a project asks for to catalogue entries that fit together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cloudify_scipion.catalogue.entries.methods import Listed
from cloudify_scipion.catalogue.entries.model import Catalogue, Chosen, Made, PluginVersion, SoftwareSet
from cloudify_scipion.catalogue.software.fit_together import clashes, set_problems
from cloudify_scipion.errors import InputError, Problem
from cloudify_scipion.project.documents import Findings, child_path
from cloudify_scipion.project.model import Software
from cloudify_scipion.project.nearest import nearest, nearest_or_all

_KINDS = {"plugins": "a plugin", "em_packages": "an EM package", "example_data": "an example data set"}
_OWN = "docs/add-an-em-package.md shows how to add one of your own"
_LICENCES = "$.software.accepted_licences"


def resolve(request: Software, catalogue: Catalogue, source: str = "project") -> SoftwareSet:
    """The entries of a request. Raises InputError with all problems, each with the nearest known name or version."""
    if problems := [Problem(source, path, message) for path, message in software_problems(request, catalogue)]:
        raise InputError(problems)
    chosen = catalogue.chosen(request)
    return SoftwareSet(catalogue.scipion[request.scipion], chosen.plugins, chosen.em_packages, chosen.example_data)


def software_problems(request: Software, catalogue: Catalogue) -> Findings:
    """Everything in a request that the catalogue does not know, cannot install, or that does not fit together.

    They come one after another: a request may have thousands.
    """
    chosen = catalogue.chosen(request)
    yield from unknown_software(request, catalogue)
    yield from _not_installable(chosen, catalogue)
    yield from set_problems(request, chosen, catalogue)
    yield from clashes(chosen)
    yield from licence_problems(request.accepted_licences, (*chosen.plugins, *chosen.made), catalogue)


def unknown_software(request: Software, catalogue: Catalogue) -> Findings:
    """Names and versions that the catalogue does not have."""
    yield from _unknown_version("$.software.scipion", "Scipion", request.scipion, catalogue.scipion)
    parts = {name for scipion in catalogue.scipion.values() for name in scipion.parts}
    for name in sorted(parts & {*request.plugins}):
        where = child_path("$.software.plugins", name)
        yield where, f"{name} is a part of Scipion and comes with it: leave it out"
    for kind in _KINDS:
        wanted = getattr(request, kind)
        yield from _unknown(kind, {name: wanted[name] for name in wanted if name not in parts}, catalogue)


def licence_problems(
    accepted: Sequence[str], entries: Sequence[PluginVersion | Made], catalogue: Catalogue
) -> Findings:
    """Software to install whose licence nobody has accepted, and accepted names that the catalogue does not know."""
    for entry in entries:
        licence = entry.licence if entry.installable else None
        if licence and licence.accept and entry.name not in accepted:
            message = f"{entry.title} asks a person to accept its licence ({licence.name}, {licence.source})"
            yield _LICENCES, f"{message}: read it, then add {entry.name!r}"
    known = [*catalogue.em_packages, *catalogue.plugins, *catalogue.example_data]
    for index, name in enumerate(accepted):
        if name not in known:
            yield child_path(_LICENCES, index), f"the catalogue has no {name!r}{nearest(name, known)}"


def _unknown(kind: str, wanted: Mapping[str, str], catalogue: Catalogue) -> Findings:
    known = getattr(catalogue, kind)
    for name, version in wanted.items():
        where = child_path(f"$.software.{kind}", name)
        if name in known:
            yield from _unknown_version(where, name, version, known[name])
        else:
            others = [f", which is {_KINDS[other]}" for other in _KINDS if name in getattr(catalogue, other)]
            hint = nearest_or_all(name, known, "" if others else "docs/project-file.md lists what it has")
            yield where, f"the catalogue has no {_KINDS[kind].split(' ', 1)[1]} {name!r}{''.join(others)}{hint}"


def _unknown_version(path: str, name: str, version: str, known: Mapping[str, object]) -> Findings:
    if version not in known:
        plain = version.strip().lstrip("vV")
        hint = f"did you mean {plain!r}?" if plain in known else f"it has {', '.join(sorted(known)) or 'none'}"
        yield path, f"the catalogue has no version {version!r} of {name}; {hint}"


def _not_installable(chosen: Chosen, catalogue: Catalogue) -> Findings:
    for plugin in (one for one in chosen.plugins if not one.installable):
        message = f"{plugin.title} is only listed: {plugin.not_installed}; {_offer(catalogue.plugins[plugin.name])}"
        yield child_path("$.software.plugins", plugin.name), message
    for kind in ("em_packages", "example_data"):
        for made in getattr(chosen, kind):
            if isinstance(made.method, Listed):
                why = f" ({made.method.why})" if made.method.why else ""
                message = f"{made.title} is only listed: nothing installs it{why}"
                offer = _offer(getattr(catalogue, kind)[made.name])
                yield child_path(f"$.software.{kind}", made.name), f"{message}; {offer}; {_OWN}"


def _offer(versions: Mapping[str, PluginVersion] | Mapping[str, Made]) -> str:
    able = sorted(version for version, entry in versions.items() if entry.installable)
    return f"{', '.join(able)} can be installed" if able else "no version of it can be installed"
