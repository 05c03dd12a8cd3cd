"""What of a software set does not go together: plugins, EM packages, Scipion, Python."""

from __future__ import annotations

from collections.abc import Iterator

from cloudify_scipion.catalogue.entries.methods import Installb
from cloudify_scipion.catalogue.entries.model import (
    Catalogue,
    Chosen,
    EmPackageVersion,
    PluginVersion,
    ScipionVersion,
)
from cloudify_scipion.catalogue.entries.versions import in_range
from cloudify_scipion.catalogue.software.requirements import requirement_conflicts
from cloudify_scipion.project.documents import Findings, child_path
from cloudify_scipion.project.model import Software


def set_problems(request: Software, chosen: Chosen, catalogue: Catalogue) -> Findings:
    """Plugins that do not work with the Scipion version, with its Python, or with the EM packages."""
    packages = {package.name: package for package in chosen.em_packages}
    for plugin in chosen.plugins:
        if chosen.scipion:
            yield from _scipion_misfits(plugin, chosen.scipion)
        for name in plugin.default_packages:
            if name not in request.em_packages:
                yield _missing(plugin, name, catalogue)
        for name, labels in plugin.em_packages.items():
            if name in packages and packages[name].label not in labels:
                message = f"{plugin.title} works with {name} {', '.join(labels)}, not with {packages[name].label}"
                others = _others(plugin, packages[name], catalogue)
                yield child_path("$.software.em_packages", name), message + others
    for package in chosen.em_packages:
        called = any(package.name in plugin.em_packages for plugin in chosen.plugins)
        if isinstance(package.method, Installb) and not called:
            yield child_path("$.software.em_packages", package.name), _no_plugin(package, catalogue)


def clashes(chosen: Chosen) -> Findings:
    """Two entries that pin the same Python package to different versions, or set the same variable differently."""
    texts = [chosen.scipion.requirements] if chosen.scipion else []
    for plugin in chosen.plugins:
        where = child_path("$.software.plugins", plugin.name)
        for message in requirement_conflicts(texts, plugin.requirements):
            yield where, message
        texts.append(plugin.requirements)
    variables: dict[str, str] = {}
    for package in chosen.em_packages:
        for name, value in package.variables.items():
            if variables.setdefault(name, value) != value:
                where = child_path("$.software.em_packages", package.name)
                yield where, f"{package.name} sets {name} to {value}, another package to {variables[name]}"


def _scipion_misfits(plugin: PluginVersion, scipion: ScipionVersion) -> Findings:
    where = child_path("$.software.plugins", plugin.name)
    if scipion.version not in plugin.scipion:
        yield where, f"{plugin.title} works with Scipion {', '.join(plugin.scipion)}, not with {scipion.version}"
    if not in_range(scipion.python, plugin.python):
        needs = f"{plugin.title} needs Python {plugin.python}"
        yield where, f"{needs}; Scipion {scipion.version} runs on {scipion.python}"


def _missing(plugin: PluginVersion, name: str, catalogue: Catalogue) -> tuple[str, str]:
    """An EM package that a plugin does not work without."""
    fitting = _fitting(plugin, name, catalogue)
    calls = f"{plugin.title} calls {name} {', '.join(plugin.labels(name))}"
    if fitting:
        lines = " or ".join(f'"{name}": "{version}"' for version in fitting)
        return "$.software.em_packages", f"{calls}: add {lines}"
    where = child_path("$.software.plugins", plugin.name)
    return where, f"{calls}, which nothing installs{''.join(_ways_out(plugin, name, catalogue))}"


def _ways_out(plugin: PluginVersion, name: str, catalogue: Catalogue) -> Iterator[str]:
    """Other versions of the plugin that can call a version of the EM package that can be installed."""
    for other in catalogue.plugins[plugin.name].values():
        if other.installable and name in other.em_packages and (fitting := _fitting(other, name, catalogue)):
            yield f"; {other.title} works with {name} {', '.join(fitting)}, which can be installed"


def _no_plugin(package: EmPackageVersion, catalogue: Catalogue) -> str:
    """A package of Scipion's `installb`, without a plugin that brings its installation."""
    able = sorted(plugin.title for plugin in catalogue.all_plugins() if plugin.calls(package))
    add = f": add {' or '.join(able)}" if able else ", and none of the catalogue does"
    return f"{package.title} is installed by a plugin that calls it{add}"


def _fitting(plugin: PluginVersion, name: str, catalogue: Catalogue) -> list[str]:
    """Versions of an EM package that a plugin can call and that can be installed."""
    known = catalogue.packages(name).items()
    return sorted(version for version, entry in known if plugin.calls(entry) and entry.installable)


def _others(plugin: PluginVersion, package: EmPackageVersion, catalogue: Catalogue) -> str:
    """Versions of the plugin that work with a version of the package."""
    others = [version for version, other in catalogue.plugins[plugin.name].items() if other.calls(package)]
    return f"; {plugin.name} {', '.join(sorted(others))} does" if others else ""
