"""What the software run of Puppet is told about a software set, and the digest that a software layer is kept under."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from cloudify_scipion.catalogue.model import EmPackageVersion, SoftwareSet
from cloudify_scipion.catalogue.requirements import merge_requirements


def puppet_data(software: SoftwareSet) -> dict[str, Any]:
    """Hiera data of the software run: parameters of the classes `scipion` and `em_package`, by full name."""
    texts = [software.scipion.requirements, *(plugin.requirements for plugin in software.plugins)]
    return {
        "scipion::version": software.scipion.version,
        "scipion::requirements": merge_requirements(texts),
        "scipion::variables": {
            name: value for package in software.em_packages for name, value in sorted(package.variables.items())
        },
        "em_package::packages": {
            package.name: _package_data(package) for package in (*software.em_packages, *software.example_data)
        },
    }


def software_contents(software: SoftwareSet) -> dict[str, str]:
    """Names to versions, for people: what a software layer holds."""
    plugins = {entry.name: entry.version for entry in software.plugins}
    packages = {entry.name: entry.version for entry in (*software.em_packages, *software.example_data)}
    return {"scipion": software.scipion.version, **plugins, **packages}


def software_proofs(software: SoftwareSet) -> dict[str, str]:
    """Names to how it is known that the entry works: run, installed or listed."""
    plugins = {entry.name: entry.proof for entry in software.plugins}
    packages = {entry.name: entry.proof for entry in (*software.em_packages, *software.example_data)}
    return {"scipion": software.scipion.proof, **plugins, **packages}


def software_digest(base_digest: str, modules_digest: str, classes: Sequence[str], data: Mapping[str, Any]) -> str:
    """SHA-256 (hex) over all that goes into a software layer: the base, the Puppet code, and what it is told."""
    parts = {"base": base_digest, "modules": modules_digest, "classes": list(classes), "data": data}
    return hashlib.sha256(json.dumps(parts, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _package_data(package: EmPackageVersion) -> dict[str, Any]:
    data: dict[str, Any] = {"version": package.version, "method": package.method, "home": package.home}
    if package.method == "apt":
        data["apt"] = dict(package.apt)
    else:
        data["script"] = package.script
    if package.links:
        data["links"] = dict(package.links)
    return data
