"""The catalogue's entries as Python values. See `load` for the files they come from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class ScipionVersion:
    """A version of Scipion. `requirements` is the text of its hash-pinned pip requirements."""

    version: str
    python: str
    requirements: str
    proof: str = ""


@dataclass(frozen=True)
class PluginVersion:
    """A version of a Scipion plugin.

    `scipion` lists the versions it works with, `requirements` only what it adds to Scipion's, `em_packages` the
    labels of the packages it can call (package name to labels), `protocols` the classes it brings.
    """

    name: str
    version: str
    scipion: tuple[str, ...]
    requirements: str = ""
    em_packages: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    protocols: tuple[str, ...] = ()
    proof: str = ""


@dataclass(frozen=True)
class EmPackageVersion:
    """A version of an EM package or of an example data set.

    `label` is the version as Scipion's plugins name it. `method` is `apt` (with exact Debian versions) or `generate`
    (with the source of a Python script). `home` is its folder on the machine, `links` maps names in it to targets,
    `variables` go into Scipion's configuration.
    """

    name: str
    version: str
    method: str
    home: str
    label: str = ""
    apt: Mapping[str, str] = field(default_factory=dict)
    links: Mapping[str, str] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)
    script: str = ""
    proof: str = ""


@dataclass(frozen=True)
class Catalogue:
    """All that can be asked for: names to versions to entries."""

    scipion: Mapping[str, ScipionVersion]
    plugins: Mapping[str, Mapping[str, PluginVersion]]
    em_packages: Mapping[str, Mapping[str, EmPackageVersion]]
    example_data: Mapping[str, Mapping[str, EmPackageVersion]]


@dataclass(frozen=True)
class SoftwareSet:
    """What a request came to: entries that fit together, each tuple in the order of names."""

    scipion: ScipionVersion
    plugins: tuple[PluginVersion, ...] = ()
    em_packages: tuple[EmPackageVersion, ...] = ()
    example_data: tuple[EmPackageVersion, ...] = ()
