"""Which EM packages an import takes: as they ran, or as the catalogue can install them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from cloudify_scipion.catalogue.entries.model import EmPackageVersion, PluginVersion
from cloudify_scipion.catalogue.entries.versions import version_key
from cloudify_scipion.catalogue.importing.search import Search
from cloudify_scipion.project.documents import child_path


def find_packages(plugins: Sequence[PluginVersion], search: Search) -> Iterator[tuple[str, str]]:
    """Names and versions of the EM packages that the plugins do not work without."""
    for plugin in plugins:
        ran = search.called(plugin.name, {plugin.version: plugin})
        for name, default in sorted(plugin.default_packages.items()):
            path, labels = child_path("$.software.em_packages", name), plugin.labels(name)
            wanted = [label for label in ran if label in labels]
            if (entry := best_package(search.catalogue.packages(name), labels, [*wanted, default])) is None:
                calls = f"{plugin.title} calls {name} {', '.join(labels)}"
                search.ask(path, f"{calls}; the catalogue has none of them")
                continue
            if wanted and entry.label not in wanted:
                search.ask(path, f"{name} {wanted[-1]} ran; the catalogue can install {entry.label}, which was taken")
            if not entry.installable:
                search.ask(path, f"nothing installs {entry.title} in this version; {_instead(plugin, name, search)}")
            origin = "as it ran" if entry.label in wanted else f"{plugin.title} works with it"
            ask_for_licence(entry, search)
            yield name, search.take(path, entry.version, origin)


def best_package(
    versions: Mapping[str, EmPackageVersion], labels: Sequence[str], wanted: Sequence[str] = ()
) -> EmPackageVersion | None:
    """Of those with one of the labels: one that can be installed, then one with a wanted label, then the newest."""
    fitting = [entry for entry in versions.values() if entry.label in labels]
    return max(
        fitting,
        key=lambda entry: (entry.installable, entry.label in wanted, version_key(entry.version)),
        default=None,
    )


def ask_for_licence(entry: PluginVersion | EmPackageVersion, search: Search) -> None:
    """Note a licence that a person must read."""
    if entry.licence and entry.licence.accept:
        message = f"a person must read the licence of {entry.name} ({entry.licence.name}); then add {entry.name!r} here"
        search.ask("$.software.accepted_licences", message)


def _instead(plugin: PluginVersion, package: str, search: Search) -> str:
    """Which versions of a package can be installed, and what versions of its plugin call them."""
    ways = []
    for entry in (entry for entry in search.catalogue.packages(package).values() if entry.installable):
        calling = [other for other in search.catalogue.plugins[plugin.name].values() if other.calls(entry)]
        callers = ", ".join(other.version for other in calling if other.installable)
        ways.append(f"{entry.version} (with {plugin.name} {callers})" if callers else entry.version)
    return f"can be installed: {', '.join(ways)}" if ways else "no version of it can be installed"
