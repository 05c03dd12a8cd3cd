"""What of a software set does not go together: plugins, EM packages, Scipion, Python."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cloudify_scipion.catalogue.entries.model import Catalogue, EmPackageVersion, PluginVersion, ScipionVersion
from cloudify_scipion.catalogue.entries.versions import in_range
from cloudify_scipion.catalogue.software.requirements import requirement_conflicts
from cloudify_scipion.project.documents import child_path
from cloudify_scipion.project.model import Software

Found = Iterator[tuple[str, str]]


def misfits(
    request: Software,
    scipion: ScipionVersion | None,
    plugins: Sequence[PluginVersion],
    packages: Sequence[EmPackageVersion],
    catalogue: Catalogue,
) -> Found:
    """Plugins that do not work with the Scipion version, with its Python, or with the EM packages."""
    chosen = {package.name: package for package in packages}
    for plugin in plugins:
        if scipion:
            yield from _scipion_misfits(plugin, scipion)
        for name in plugin.default_packages:
            if name not in request.em_packages:
                yield _missing(plugin, name, catalogue)
        for name, labels in plugin.em_packages.items():
            if name in chosen and chosen[name].label not in labels:
                message = f"{_title(plugin)} works with {name} {', '.join(labels)}, not with {chosen[name].label}"
                others = _others(plugin, chosen[name], catalogue)
                yield child_path("$.software.em_packages", name), message + others
    for package in packages:
        if package.method == "installb" and not any(package.name in plugin.em_packages for plugin in plugins):
            yield child_path("$.software.em_packages", package.name), _no_plugin(package, catalogue)


def clashes(
    scipion: ScipionVersion | None, plugins: Sequence[PluginVersion], packages: Sequence[EmPackageVersion]
) -> Found:
    """Two entries that pin the same Python package to different versions, or set the same variable differently."""
    texts = [scipion.requirements] if scipion else []
    for plugin in plugins:
        where = child_path("$.software.plugins", plugin.name)
        for message in requirement_conflicts(texts, plugin.requirements):
            yield where, message
        texts.append(plugin.requirements)
    variables: dict[str, str] = {}
    for package in packages:
        for name, value in package.variables.items():
            if variables.setdefault(name, value) != value:
                where = child_path("$.software.em_packages", package.name)
                yield where, f"{package.name} sets {name} to {value}, another package to {variables[name]}"


def _scipion_misfits(plugin: PluginVersion, scipion: ScipionVersion) -> Found:
    where = child_path("$.software.plugins", plugin.name)
    if scipion.version not in plugin.scipion:
        yield where, f"{_title(plugin)} works with Scipion {', '.join(plugin.scipion)}, not with {scipion.version}"
    if not in_range(scipion.python, plugin.python):
        needs = f"{_title(plugin)} needs Python {plugin.python}"
        yield where, f"{needs}; Scipion {scipion.version} runs on {scipion.python}"


def _missing(plugin: PluginVersion, name: str, catalogue: Catalogue) -> tuple[str, str]:
    """An EM package that a plugin does not work without."""
    fitting = _fitting(plugin, name, catalogue)
    calls = f"{_title(plugin)} calls {name} {', '.join(plugin.em_packages[name])}"
    if fitting:
        lines = " or ".join(f'"{name}": "{version}"' for version in fitting)
        return "$.software.em_packages", f"{calls}: add {lines}"
    return child_path(
        "$.software.plugins", plugin.name
    ), f"{calls}, which nothing installs{_way_out(plugin, name, catalogue)}"


def _way_out(plugin: PluginVersion, name: str, catalogue: Catalogue) -> str:
    """Other versions of the plugin that can call a version of the EM package that can be installed."""
    return "".join(
        f"; {_title(other)} works with {name} {', '.join(fitting)}, which can be installed"
        for other in catalogue.plugins[plugin.name].values()
        if other.installable and name in other.em_packages and (fitting := _fitting(other, name, catalogue))
    )


def _no_plugin(package: EmPackageVersion, catalogue: Catalogue) -> str:
    """A package of Scipion's `installb`, without a plugin that brings its installation."""
    all_plugins = (entry for versions in catalogue.plugins.values() for entry in versions.values())
    able = [_title(entry) for entry in all_plugins if package.label in entry.em_packages.get(package.name, ())]
    add = f": add {' or '.join(sorted(able))}" if able else ", and none of the catalogue does"
    return f"{_title(package)} is installed by a plugin that calls it{add}"


def _fitting(plugin: PluginVersion, name: str, catalogue: Catalogue) -> list[str]:
    """Versions of an EM package that a plugin can call and that can be installed."""
    labels, known = plugin.em_packages[name], catalogue.em_packages.get(name, {})
    return sorted(version for version, entry in known.items() if entry.label in labels and entry.installable)


def _others(plugin: PluginVersion, package: EmPackageVersion, catalogue: Catalogue) -> str:
    """Versions of the plugin that work with a version of the package."""
    others = [
        version
        for version, other in catalogue.plugins[plugin.name].items()
        if package.label in other.em_packages.get(package.name, ())
    ]
    return f"; {plugin.name} {', '.join(sorted(others))} does" if others else ""


def _title(entry: PluginVersion | EmPackageVersion) -> str:
    return f"{entry.name} {entry.version}"
