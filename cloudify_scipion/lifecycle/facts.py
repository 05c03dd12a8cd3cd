"""What the ports are asked for and what they answer, as plain values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class SeedFile:
    """A file put into the machine before its first boot; never part of a software layer."""

    path: str
    content: bytes
    mode: int = 0o644


@dataclass(frozen=True)
class VolumeMount:
    """A folder of a volume, or with "" all of it, bound into the machine at `target` (an absolute path inside)."""

    volume: str
    folder: str
    target: str


@dataclass(frozen=True)
class FolderMount:
    """The folder `path` of a data space that the provider itself holds, seen in the machine at `target` (absolute).

    `root` is where the data space lies there, empty for a place of our own. One that is not read-only is made.
    """

    space: str
    root: str
    path: str
    target: str
    read_only: bool = False


@dataclass(frozen=True)
class MachineSpec:
    """What a machine is to be. `ports` maps each port on which it serves to the one that the provider has reserved for
    it, 0 for none.

    `files` of the store are given to a machine without a layer before it boots: KIND/NAME to SHA-256.
    """

    name: str
    hostname: str
    tags: Mapping[str, str]
    ports: Mapping[int, int]
    layer: str | None = None
    mounts: Sequence[VolumeMount] = ()
    seed: Sequence[SeedFile] = ()
    files: Mapping[str, str] = field(default_factory=dict)
    folders: Sequence[FolderMount] = ()


@dataclass(frozen=True)
class MachineFacts:
    """What was observed of a machine. `layer` is the digest of the software layer that it stands on."""

    exists: bool
    running: bool = False
    network: bool = False
    layer: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class VolumeFacts:
    """What was observed of a volume. `attached`: it is ready for its machine."""

    exists: bool
    size_bytes: int = 0
    attached: bool = False
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class LayerFacts:
    """A cached software layer. `used_by` names the machines that stand on it."""

    digest: str
    size_bytes: int
    created_at: str
    contents: Mapping[str, str]
    used_by: Sequence[str] = ()


@dataclass(frozen=True)
class Endpoint:
    """Where a service answers, seen from the computer of the state root: host and TCP port.

    `elsewhere` is the command with which somebody on another computer gets there, empty if he needs none.
    """

    host: str
    port: int
    elsewhere: str = ""

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


@dataclass(frozen=True)
class Place:
    """Where an installation keeps its state: the host's name, and the state root's path on it."""

    host: str
    root: str

    def __str__(self) -> str:
        return f"{self.root} on host {self.host}"


@dataclass(frozen=True)
class CommandResult:
    """A finished command: exit code and captured text."""

    code: int
    stdout: str
    stderr: str


@dataclass(frozen=True)
class ResourceResult:
    """What Puppet did to one resource that it changed or could not change."""

    resource: str
    status: str
    file: str = ""
    line: int = 0
    message: str = ""


@dataclass(frozen=True)
class PuppetResult:
    """One Puppet run: the resources that changed. (A run with failures raises PuppetFailed.)

    `known`: it was not made, since the machine has had it and nothing has changed since.
    """

    changed: Sequence[ResourceResult]
    seconds: float
    known: bool = False


@dataclass(frozen=True)
class Keys:
    """SSH keys of one project: public texts, and where the private ones lie (0600)."""

    login_public: str
    host_private: bytes
    host_public: str
