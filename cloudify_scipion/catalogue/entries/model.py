"""The catalogue's entries as Python values. See `load` for the files they come from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from cloudify_scipion.catalogue.entries.methods import Listed, Method
from cloudify_scipion.project.model import Software

PROOFS = ("run", "installed", "listed")
"""How it is known that an entry works: it ran; it was installed; it is only known from its makers."""
PHASES = (
    "import", "movies", "ctf", "pick", "extract", "classify2d", "initial", "classify3d", "refine", "polish", "post",
    "other",
)  # fmt: skip
"""What a protocol does, in the order of the usual work on single particles."""


@dataclass(frozen=True)
class Number:
    """A number, and why it is believed: it stands in `source`, or it is an estimate for the reason in `estimate`."""

    value: float
    source: str = ""
    estimate: str = ""


@dataclass(frozen=True)
class Licence:
    """A licence by name; with `accept`, a person must have read and accepted it before the software is installed."""

    name: str
    accept: bool = False
    source: str = ""


@dataclass(frozen=True)
class ProtocolFacts:
    """A protocol class, as its plugin declares it.

    `gpu` is `no`, `optional` or `required`; `gpu_default` says whether the form asks for a GPU. `threads` and `mpi` are
    the form's defaults. `ram_gb_per_process` and `gpu_memory_gb` are what it takes whatever the data (GB of 10^9
    bytes), None if that is not known. `phase` is one of PHASES; `source` says where this was read.
    """

    class_name: str
    label: str = ""
    gpu: str = "no"
    gpu_default: bool = False
    threads: int = 1
    mpi: int = 1
    ram_gb_per_process: Number | None = None
    gpu_memory_gb: Number | None = None
    compute_capability: Number | None = None
    phase: str = "other"
    source: str = ""


@dataclass(frozen=True)
class ScipionVersion:
    """A version of Scipion. `requirements` is the text of its hash-pinned pip requirements.

    `parts` are packages that belong to it (pip name to version), `protocols` the classes that they bring.
    """

    version: str
    python: str
    requirements: str
    proof: str = ""
    parts: Mapping[str, str] = field(default_factory=dict)
    protocols: Mapping[str, ProtocolFacts] = field(default_factory=dict)
    licence: Licence | None = None


@dataclass(frozen=True)
class _Named:
    """What has a name and versions; `proof` is one of PROOFS."""

    name: str
    version: str
    proof: str = field(default="", kw_only=True)
    licence: Licence | None = field(default=None, kw_only=True)

    @property
    def title(self) -> str:
        """Name and version, for people."""
        return f"{self.name} {self.version}"


@dataclass(frozen=True)
class PluginVersion(_Named):
    """A version of a Scipion plugin.

    `scipion` lists the versions it works with. `requirements` is the text of what it adds to Scipion's; empty if
    nobody has worked that out, and then `not_installed` says why. `em_packages` has the labels of all packages it can
    call (package name to labels), `default_packages` those that it does not work without, with the label that Scipion
    installs. `protocols` are the classes it brings. `module` is its Python module, by which Scipion calls it. `python`
    and `cuda` are ranges such as `>=3.8,<3.12`, empty for any.
    """

    scipion: tuple[str, ...]
    requirements: str = ""
    em_packages: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    protocols: Mapping[str, ProtocolFacts] = field(default_factory=dict)
    default_packages: Mapping[str, str] = field(default_factory=dict)
    module: str = ""
    python: str = ""
    cuda: str = ""
    not_installed: str = ""

    @property
    def installable(self) -> bool:
        """Whether a project can have it."""
        return not self.not_installed

    def labels(self, package: str) -> tuple[str, ...]:
        """The labels of an EM package that it can call; none of one that it does not know."""
        default = (self.default_packages[package],) if package in self.default_packages else ()
        return self.em_packages.get(package, default)

    def calls(self, package: EmPackageVersion) -> bool:
        """Whether it can call an EM package in that version."""
        return package.label in self.labels(package.name)


@dataclass(frozen=True)
class Made(_Named):
    """What gets a folder of its own on the machine, by a method of installing."""

    method: Method

    @property
    def installable(self) -> bool:
        """Whether a project can have it."""
        return not isinstance(self.method, Listed)


@dataclass(frozen=True)
class ExampleData(Made):
    """A version of a data set to try Scipion with."""


@dataclass(frozen=True)
class EmPackageVersion(Made):
    """A version of an EM package.

    `label` is the version as Scipion's plugins name it; `variables` go into Scipion's configuration. `gpu` is `no`,
    `optional` or `required`; `cuda` a range such as `>=11.0`, empty for any. `gpu_memory_gb` is what it takes of a card
    whatever the data (GB of 10^9 bytes), None if that is not known.
    """

    label: str = ""
    variables: Mapping[str, str] = field(default_factory=dict)
    gpu: str = "no"
    cuda: str = ""
    gpu_memory_gb: Number | None = None
    compute_capability: Number | None = None


_Entry = TypeVar("_Entry")
Versions = Mapping[str, Mapping[str, _Entry]]
"""Names to versions to entries."""


@dataclass(frozen=True)
class Catalogue:
    """All that can be asked for. Files are read when their names are looked up."""

    scipion: Mapping[str, ScipionVersion]
    plugins: Versions[PluginVersion]
    em_packages: Versions[EmPackageVersion]
    example_data: Versions[ExampleData]

    def all_plugins(self) -> Iterator[PluginVersion]:
        """Every version of every plugin; this reads all plugins' files."""
        return (entry for versions in self.plugins.values() for entry in versions.values())

    def packages(self, name: str) -> Mapping[str, EmPackageVersion]:
        """The versions of an EM package; empty if it is not known."""
        return self.em_packages.get(name, {})

    def chosen(self, request: Software) -> Chosen:
        """The entries of a request, as far as they are known."""
        return Chosen(
            self.scipion.get(request.scipion),
            _chosen(request.plugins, self.plugins),
            _chosen(request.em_packages, self.em_packages),
            _chosen(request.example_data, self.example_data),
        )


def _chosen(wanted: Mapping[str, str], known: Versions[_Entry]) -> tuple[_Entry, ...]:
    return tuple(known[name][wanted[name]] for name in sorted(wanted) if wanted[name] in known.get(name, {}))


@dataclass(frozen=True)
class Chosen:
    """What is known of a request, each tuple in the order of names; `scipion` is None if its version is not known."""

    scipion: ScipionVersion | None
    plugins: tuple[PluginVersion, ...] = ()
    em_packages: tuple[EmPackageVersion, ...] = ()
    example_data: tuple[ExampleData, ...] = ()

    @property
    def made(self) -> tuple[Made, ...]:
        """All that gets a folder of its own on the machine."""
        return (*self.em_packages, *self.example_data)


@dataclass(frozen=True)
class SoftwareSet(Chosen):
    """What a request came to: entries that fit together."""

    scipion: ScipionVersion
