"""The catalogue's entries as Python values. See `load` for the files they come from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

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
class PluginVersion:
    """A version of a Scipion plugin.

    `scipion` lists the versions it works with. `requirements` is the text of what it adds to Scipion's; empty if
    nobody has worked that out, and then `not_installed` says why. `em_packages` has the labels of all packages it can
    call (package name to labels), `default_packages` those that it does not work without, with the label that Scipion
    installs. `protocols` are the classes it brings. `module` is its Python module, by which Scipion calls it. `python`
    and `cuda` are ranges such as `>=3.8,<3.12`, empty for any.
    """

    name: str
    version: str
    scipion: tuple[str, ...]
    requirements: str = ""
    em_packages: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    protocols: Mapping[str, ProtocolFacts] = field(default_factory=dict)
    proof: str = ""
    default_packages: Mapping[str, str] = field(default_factory=dict)
    module: str = ""
    python: str = ""
    cuda: str = ""
    licence: Licence | None = None
    not_installed: str = ""

    @property
    def title(self) -> str:
        """Name and version, for people."""
        return f"{self.name} {self.version}"

    @property
    def installable(self) -> bool:
        """Whether a project can have it."""
        return not self.not_installed


@dataclass(frozen=True)
class EmPackageVersion:
    """A version of an EM package or of an example data set.

    `label` is the version as Scipion's plugins name it. `home` is its folder on the machine, `links` maps names in it
    to targets, `variables` go into Scipion's configuration. `method` says how it is installed: `apt` (with exact Debian
    versions), `generate` (with the source of a Python script), `pip` (with hash-pinned `requirements`), `archive` and
    `installb` (with a `file` of the site's mirrors, its SHA-256, and the number of folders to `strip`), or `listed`:
    not at all, and `why` says what that would take. An empty `sha256` is one that its makers do not publish: the site
    states it (see `site_files`). `binary` is its name for Scipion's `installb`.

    `gpu` is `no`, `optional` or `required`; `cuda` a range such as `>=11.0`, empty for any. `gpu_memory_gb` is what it
    takes of a card whatever the data (GB of 10^9 bytes), None if that is not known.
    """

    name: str
    version: str
    method: str
    home: str = ""
    label: str = ""
    apt: Mapping[str, str] = field(default_factory=dict)
    links: Mapping[str, str] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)
    script: str = ""
    requirements: str = ""
    file: str = ""
    sha256: str = ""
    strip: int = 0
    binary: str = ""
    gpu: str = "no"
    cuda: str = ""
    gpu_memory_gb: Number | None = None
    compute_capability: Number | None = None
    licence: Licence | None = None
    proof: str = ""
    why: str = ""

    @property
    def title(self) -> str:
        """Name and version, for people."""
        return f"{self.name} {self.version}"

    @property
    def installable(self) -> bool:
        """Whether a project can have it."""
        return self.method != "listed"


@dataclass(frozen=True)
class Catalogue:
    """All that can be asked for: names to versions to entries. Files are read when their names are looked up."""

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
