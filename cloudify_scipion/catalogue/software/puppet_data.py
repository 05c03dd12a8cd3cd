"""What the software run of Puppet is told about a software set, and the digest that a software layer is kept under."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from cloudify_scipion.catalogue.entries.model import SoftwareSet
from cloudify_scipion.catalogue.software.requirements import merge_requirements

MIRRORS = "em_package::mirrors"
"""Where files come from says nothing about what is in them: their SHA-256 does, and it is part of the digest."""


def puppet_data(software: SoftwareSet, mirrors: Sequence[str] = ()) -> dict[str, Any]:
    """Hiera data of the software run: parameters of the classes `scipion` and `em_package`, by full name.

    `mirrors` are URLs of folders of archives, tried in their order.
    """
    texts = [software.scipion.requirements, *(plugin.requirements for plugin in software.plugins)]
    return {
        "scipion::version": software.scipion.version,
        "scipion::requirements": merge_requirements(texts),
        "scipion::variables": {
            name: value for package in software.em_packages for name, value in sorted(package.variables.items())
        },
        "em_package::packages": {one.name: {"version": one.version, **one.method.puppet()} for one in software.made},
        MIRRORS: list(mirrors),
    }


def software_contents(software: SoftwareSet) -> dict[str, str]:
    """Names to versions, for people: what a software layer holds."""
    plugins = {entry.name: entry.version for entry in software.plugins}
    packages = {entry.name: entry.version for entry in software.made}
    return {"scipion": software.scipion.version, **plugins, **packages}


def software_proofs(software: SoftwareSet) -> dict[str, str]:
    """Names to how it is known that the entry works: run, installed or listed."""
    plugins = {entry.name: entry.proof for entry in software.plugins}
    packages = {entry.name: entry.proof for entry in software.made}
    return {"scipion": software.scipion.proof, **plugins, **packages}


def software_digest(base_digest: str, modules_digest: str, classes: Sequence[str], data: Mapping[str, Any]) -> str:
    """SHA-256 (hex) over all that goes into a software layer: the base, the Puppet code, and what it is told."""
    told = {name: value for name, value in data.items() if name != MIRRORS}
    parts = {"base": base_digest, "modules": modules_digest, "classes": list(classes), "data": told}
    return hashlib.sha256(json.dumps(parts, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
