"""What the software run of Puppet is told about a software set."""

from __future__ import annotations

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


def _package_data(package: EmPackageVersion) -> dict[str, Any]:
    data: dict[str, Any] = {"version": package.version, "method": package.method, "home": package.home}
    if package.method == "apt":
        data["apt"] = dict(package.apt)
    else:
        data["script"] = package.script
    if package.links:
        data["links"] = dict(package.links)
    return data
