"""What of a software set does not go together: plugin, EM package, Scipion, Python; of a site, CUDA, GPUs, files."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from cloudify_scipion.catalogue.model import Catalogue, EmPackageVersion, PluginVersion, ScipionVersion
from cloudify_scipion.catalogue.requirements import requirement_conflicts
from cloudify_scipion.catalogue.site_files import file_problem
from cloudify_scipion.project.documents import child_path
from cloudify_scipion.project.model import Software
from cloudify_scipion.project.site import Site

Found = Iterator[tuple[str, str]]

_COMPARE: Mapping[str, Callable[[Any, Any], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    "==": operator.eq,
    ">": operator.gt,
    "<": operator.lt,
}


def in_range(version: str, wanted: str) -> bool:
    """Whether a version such as `3.11` is in a range such as `>=3.8,<3.12`; an empty range has all."""
    return all(_holds(version, sign, bound) for sign, bound in _bounds(wanted))


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


def site_misfits(request: Software, site: Site, catalogue: Catalogue) -> Found:
    """What the machines of a site cannot run. A site that names no flavours may have any GPU."""
    for name, version in request.em_packages.items():
        entry = catalogue.em_packages.get(name, {}).get(version)
        if entry:
            where = child_path("$.software.em_packages", name)
            found = [_cuda(entry, entry.cuda, site), _gpu(entry, site), file_problem(entry, site)]
            yield from ((where, message) for message in found if message)
    for name, version in request.example_data.items():
        data = catalogue.example_data.get(name, {}).get(version)
        if data and (message := file_problem(data, site)):
            yield child_path("$.software.example_data", name), message
    for name, version in request.plugins.items():
        plugin = catalogue.plugins.get(name, {}).get(version)
        if plugin and (message := _cuda(plugin, plugin.cuda, site)):
            yield child_path("$.software.plugins", name), message


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


def _cuda(entry: PluginVersion | EmPackageVersion, wanted: str, site: Site) -> str:
    """A driver runs programs of older CUDA versions, so only lower bounds count."""
    lower = [(sign, bound) for sign, bound in _bounds(wanted) if not sign.startswith("<")]
    if site.cuda and not all(_holds(site.cuda, ">=", bound) for _, bound in lower):
        return f"{_title(entry)} needs CUDA {wanted}; the driver of site {site.name} supports {site.cuda}"
    return ""


def _gpu(package: EmPackageVersion, site: Site) -> str:
    models = {flavour.gpu for flavour in site.flavours if flavour.gpu}
    if package.gpu != "required" or not site.flavours:
        return ""
    if not models:
        return f"{_title(package)} needs a GPU; no flavour of site {site.name} has one"
    needed = package.compute_capability.value if package.compute_capability else 0.0
    best = max(model.compute_capability for model in models)
    if best < needed:
        return (
            f"{_title(package)} needs compute capability {needed:g}; the GPUs of site {site.name} have up to {best:g}"
        )
    return ""


def _title(entry: PluginVersion | EmPackageVersion) -> str:
    return f"{entry.name} {entry.version}"


def _bounds(wanted: str) -> list[tuple[str, str]]:
    return re.findall(r"(>=|<=|==|>|<)([0-9.]+)", wanted)


def _holds(version: str, sign: str, bound: str) -> bool:
    return _COMPARE[sign](_numbers(version), _numbers(bound))


def _numbers(version: str) -> tuple[int, ...]:
    """`3.10.0` as (3, 10): trailing zeros do not count."""
    numbers = [int(part) for part in re.findall(r"[0-9]+", version)]
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)
