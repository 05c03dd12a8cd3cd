"""What a project can have, as tables made from the catalogue: what works now, and what waits for an EM package."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from cloudify_scipion.catalogue.entries.load import load_catalogue
from cloudify_scipion.catalogue.entries.methods import Fetched
from cloudify_scipion.catalogue.entries.model import PROOFS, Catalogue, EmPackageVersion, PluginVersion


def usable() -> list[tuple[str, ...]]:
    """Plugins that can be installed with all that they do not work without, the best proven first."""
    catalogue = load_catalogue()
    found = [entry for entry in _plugins(catalogue) if entry.installable and not list(missing(entry, catalogue))]
    return [
        (
            f"`{entry.name}`",
            f"`{entry.version}`",
            _to_write(entry, catalogue),
            _licences(entry, catalogue),
            _lost(entry, catalogue),
            entry.proof,
        )
        for entry in sorted(found, key=lambda entry: PROOFS.index(entry.proof))
    ]


def waiting() -> list[tuple[str, ...]]:
    """Plugins that cannot be used as the catalogue is: name, version, what is missing, licences, proof."""
    catalogue = load_catalogue()
    return [
        (f"`{entry.name}`", f"`{entry.version}`", _lack(entry, catalogue), _licences(entry, catalogue), entry.proof)
        for entry in _plugins(catalogue)
        if not entry.installable or list(missing(entry, catalogue))
    ]


def _lost(plugin: PluginVersion, catalogue: Catalogue) -> str:
    optional = [name for name in plugin.em_packages if name not in plugin.default_packages]
    return ", ".join(name for name in optional if not _installable(plugin, name, catalogue))


def others() -> list[tuple[str, ...]]:
    """Scipion and example data: kind, name, version, proof, where example data are on the machine."""
    catalogue = load_catalogue()
    rows = [("`scipion`", "Scipion", f"`{entry.version}`", "", entry.proof) for entry in catalogue.scipion.values()]
    data = [entry for versions in catalogue.example_data.values() for entry in versions.values()]
    return rows + [
        (f"`example_data`: `{entry.name}`", "Example data", f"`{entry.version}`", f"`{entry.method.home}`", entry.proof)
        for entry in data
    ]


def missing(plugin: PluginVersion, catalogue: Catalogue) -> Iterator[str]:
    """EM packages that the plugin does not work without and that nothing installs in a version it can call."""
    yield from (name for name in plugin.default_packages if not _installable(plugin, name, catalogue))


def _plugins(catalogue: Catalogue) -> Iterator[PluginVersion]:
    for name in sorted(catalogue.plugins):
        yield from catalogue.plugins[name].values()


def _installable(plugin: PluginVersion, name: str, catalogue: Catalogue) -> list[EmPackageVersion]:
    return [entry for entry in _callable(plugin, name, catalogue) if entry.installable]


def _callable(plugin: PluginVersion, name: str, catalogue: Catalogue) -> list[EmPackageVersion]:
    versions: Mapping[str, EmPackageVersion] = catalogue.em_packages.get(name, {})
    return [entry for entry in versions.values() if entry.label in plugin.em_packages.get(name, ())]


def _to_write(plugin: PluginVersion, catalogue: Catalogue) -> str:
    choices = [
        [f'`"{entry.name}": "{entry.version}"` ({entry.proof}{_from(entry)})' for entry in entries]
        for entries in (_installable(plugin, name, catalogue) for name in plugin.default_packages)
    ]
    lines = [f"either {' or '.join(entries)}" if len(entries) > 1 else entries[0] for entries in choices]
    return " and ".join(lines) or "none"


def _from(package: EmPackageVersion) -> str:
    return ", from a mirror of the site" if isinstance(package.method, Fetched) else ""


def _lack(plugin: PluginVersion, catalogue: Catalogue) -> str:
    packages = [f"{name} {' or '.join(plugin.em_packages[name])}" for name in missing(plugin, catalogue)]
    return "; ".join(filter(None, [plugin.not_installed, ", ".join(packages)]))


def _licences(plugin: PluginVersion, catalogue: Catalogue) -> str:
    entries = [entry for name in plugin.default_packages for entry in _callable(plugin, name, catalogue)]
    return ", ".join(sorted({f"`{e.name}`" for e in [plugin, *entries] if e.licence and e.licence.accept}))
