"""Licences that a person must accept before software is installed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cloudify_scipion.catalogue.entries.model import Catalogue, EmPackageVersion, PluginVersion
from cloudify_scipion.project.documents import child_path
from cloudify_scipion.project.nearest import nearest

_PATH = "$.software.accepted_licences"


def licence_problems(
    accepted: Sequence[str],
    plugins: Sequence[PluginVersion],
    packages: Sequence[EmPackageVersion],
    catalogue: Catalogue,
) -> Iterator[tuple[str, str]]:
    """Software to install whose licence nobody has accepted, and accepted names that the catalogue does not know."""
    entries: list[PluginVersion | EmPackageVersion] = [*plugins, *packages]
    for entry in entries:
        licence = entry.licence if entry.installable else None
        if licence and licence.accept and entry.name not in accepted:
            named = f"{licence.name}, {licence.source}"
            message = f"{entry.name} {entry.version} asks a person to accept its licence ({named})"
            yield _PATH, f"{message}: read it, then add {entry.name!r}"
    known = [*catalogue.em_packages, *catalogue.plugins]
    for index, name in enumerate(accepted):
        if name not in known:
            yield child_path(_PATH, index), f"the catalogue has no {name!r}{nearest(name, known)}"
