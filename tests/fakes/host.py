"""A host in memory: machines, volumes and layers that keep their state and break as a real host's do."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

from cloudify_scipion.adapters.local.addresses import Ports, local_endpoint, ports_of, reserve_ports
from cloudify_scipion.adapters.state import ProjectFolders
from cloudify_scipion.errors import PermanentError, PortInUse, VolumeBusy
from cloudify_scipion.lifecycle.facts import Endpoint, FolderMount, LayerFacts, MachineFacts, MachineSpec, VolumeFacts
from cloudify_scipion.lifecycle.layout import SEAL
from cloudify_scipion.lifecycle.ports import Services, Shell
from cloudify_scipion.lifecycle.provider import Machines, Volumes
from cloudify_scipion.lifecycle.record import Record
from tests.fakes.agent import Space, Ways

GIVEN = "/run/given"
"""Names of the store's files that a machine was given."""
HIDDEN = ("/tmp/", "/run/", "/root/.ssh/", "/var/log/", "/home/scipion/ScipionUserData/")


@dataclass
class Work:
    """A work of the agent: when it began, and how its unit ended."""

    began: float
    code: int | None = None


APPLIED = "/var/lib/applied"
"""Where machines remember Puppet runs that ended well."""


@dataclass
class Disk:
    """A machine: its files are those of its layer and, over them, its own."""

    tags: dict[str, str]
    layer: str | None
    files: dict[str, bytes] = field(default_factory=dict)
    ports: dict[int, int] = field(default_factory=dict)
    volumes: tuple[str, ...] = ()
    targets: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Where which folder of which volume is mounted."""
    folders: dict[str, tuple[str, bool]] = field(default_factory=dict)
    """Where which folder of the host is mounted, and whether read-only."""
    running: bool = False
    network: bool = False
    base: str = "b" * 64
    units: dict[str, float] = field(default_factory=dict)
    """What systemd has started since the boot, and when."""
    enabled: set[str] = field(default_factory=set)
    """What systemd starts at each boot, beside what Puppet has asked for."""
    works: dict[str, Work] = field(default_factory=dict)
    """Works of the agent since the boot."""
    lost: str = ""
    """What the agent says of a mount that was lost since the boot."""
    read_only: bool = False
    """Whether the user's mount of the working copy is."""
    open_files: list[str] = field(default_factory=list)
    """What processes that nothing ends have open for writing in the working copy."""
    used: dict[str, int] = field(default_factory=dict)
    """How full a file system is, in percent, by where it is mounted."""
    used_files: dict[str, int] = field(default_factory=dict)
    """How many of the files that it can hold it has, likewise."""
    steps: list[dict[str, str]] = field(default_factory=list)
    """Steps that the user has started in Scipion's window."""


@dataclass
class Volume:
    """`files` are the working copy's, `agent` those of the agent's state."""

    size: int
    tags: dict[str, str]
    files: dict[str, bytes] = field(default_factory=dict)
    attached: bool = False
    mark: dict[str, object] = field(default_factory=dict)
    agent: dict[str, bytes] = field(default_factory=dict)


@dataclass
class Layer:
    contents: dict[str, str]
    files: dict[str, bytes]
    order: int
    pins: str = ""


@dataclass
class FakeHost:
    """What there is. `taken` are ports that other programs listen on; `folderless` machines run on without a disk."""

    machines: dict[str, Disk] = field(default_factory=dict)
    volumes: dict[str, Volume] = field(default_factory=dict)
    layers: dict[str, Layer] = field(default_factory=dict)
    store: dict[str, str] = field(default_factory=dict)
    default: str = "3.1.3-3"
    """RELION's version in the index of the hour."""
    spaces: dict[str, Space] = field(default_factory=dict)
    """Projects' folders of data spaces, by path."""
    agents: Ways = field(default_factory=Ways)
    unseen: bool = False
    """Whether the disk that holds the volumes is not mounted."""
    taken: set[int] = field(default_factory=set)
    folderless: dict[str, Disk] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    _order: itertools.count[int] = field(default_factory=itertools.count)

    def next_order(self) -> int:
        return next(self._order)

    def reboot(self) -> None:
        """Everything stops, nothing is mounted, all disks are there."""
        self.folderless.clear()
        for disk in self.machines.values():
            disk.running = disk.network = False
        for volume in self.volumes.values():
            volume.attached = False

    def lose_folder(self, name: str) -> None:
        """Somebody deletes the machine's folder, while it runs or not."""
        disk = self.machines.pop(name)
        if disk.running:
            self.folderless[name] = disk

    def cut_network(self, name: str) -> None:
        """The network helper dies."""
        self.machines[name].network = False

    def alive(self) -> list[Disk]:
        return [disk for disk in [*self.machines.values(), *self.folderless.values()] if disk.running]


class FakeMachines:
    """The port Machines."""

    def __init__(self, host: FakeHost) -> None:
        self.host = host

    def base_digest(self) -> str:
        return "b" * 64

    def look(self, name: str) -> MachineFacts:
        disk = self.host.machines.get(name)
        if disk is None:
            lost = self.host.folderless.get(name)
            return MachineFacts(False, lost is not None, lost is not None and lost.network)
        return MachineFacts(True, disk.running, disk.network, disk.layer, dict(disk.tags))

    def create(self, spec: MachineSpec) -> bool:
        self.host.calls.append(f"create {spec.name}")
        for mount in spec.folders:
            self._folder(mount)
        disk = self.host.machines.get(spec.name)
        if disk is not None:
            changed = disk.tags != dict(spec.tags)
            disk.tags = dict(spec.tags)
            return changed
        if spec.layer is not None and spec.layer not in self.host.layers:
            raise PermanentError(f"software layer {spec.layer} is not in the cache")
        self.host.folderless.pop(spec.name, None)
        self.host.machines[spec.name] = Disk(dict(spec.tags), spec.layer)
        return True

    def start(self, spec: MachineSpec) -> bool:
        changed = self.create(spec)
        self.host.calls.append(f"start {spec.name}")
        disk = self.host.machines[spec.name]
        if not disk.running:
            gone = FakeLayers(self.host).missing(spec.files)
            if disk.layer is None and gone:
                raise PermanentError(f"the store does not have {', '.join(gone)}")
            for mount in spec.mounts:
                FakeVolumes(self.host).attach(mount.volume)
            lost = ("/run/", f"{APPLIED}/project-")
            disk.files = {path: data for path, data in disk.files.items() if not path.startswith(lost)}
            disk.files |= {seed.path: seed.content for seed in spec.seed}
            if disk.layer is None and spec.files:
                disk.files[GIVEN] = json.dumps(sorted(spec.files)).encode()
            disk.units, disk.works, disk.read_only, disk.open_files, disk.lost = {}, {}, False, [], ""
            disk.volumes = tuple(dict.fromkeys(mount.volume for mount in spec.mounts))
            disk.targets = {mount.target: (mount.volume, mount.folder) for mount in spec.mounts}
            disk.folders = {mount.target: (self._folder(mount), mount.read_only) for mount in spec.folders}
            disk.running = changed = True
            disk.ports = {}
        if not disk.network:
            disk.network = changed = True
            disk.ports = {}
        return self._publish(disk, dict(spec.ports)) or changed

    def stop(self, name: str) -> bool:
        self.host.calls.append(f"stop {name}")
        disk = self.host.folderless.pop(name, None) or self.host.machines.get(name)
        if disk is None or not disk.running:
            return False
        disk.running = disk.network = False
        return True

    def delete(self, name: str) -> bool:
        was_running = self.stop(name)
        self.host.calls.append(f"delete {name}")
        return self.host.machines.pop(name, None) is not None or was_running

    def capture_layer(self, spec: MachineSpec, digest: str, contents: Mapping[str, str], pins: str = "") -> bool:
        self.host.calls.append(f"capture {spec.name}")
        disk = self.host.machines.get(spec.name)
        if disk is None:
            raise PermanentError(f"machine {spec.name} does not exist")
        self.stop(spec.name)
        if disk.layer == digest:
            return False
        if disk.layer is not None:
            raise PermanentError(f"machine {spec.name} already stands on layer {disk.layer}")
        if disk.base != self.base_digest():
            return False
        made = digest not in self.host.layers
        if made:
            seeds = {seed.path for seed in spec.seed}
            kept = {path: data for path, data in disk.files.items() if not path.startswith(HIDDEN)}
            kept = {path: data for path, data in kept.items() if path not in seeds}
            self.host.layers[digest] = Layer(dict(contents), kept, self.host.next_order(), pins)
        disk.layer, disk.files = digest, {}
        return made

    def _folder(self, mount: FolderMount) -> str:
        """A data space's folder, made unless it is only read."""
        there = f"{mount.root or f'/fake/spaces/{mount.space}'}/{mount.path}"
        if not mount.read_only:
            self.host.spaces.setdefault(there, Space())
        elif there not in self.host.spaces:
            raise PermanentError(f"{mount.space}:{mount.path} cannot be used: it is not there")
        return there

    def _publish(self, disk: Disk, ports: dict[int, int]) -> bool:
        others = {port for other in self.host.alive() if other is not disk for port in other.ports.values()}
        for port in ports.values():
            if port in self.host.taken | others:
                raise PortInUse(f"port {port} of 127.0.0.1 is in use by another program")
        changed = disk.ports != ports
        disk.ports = ports
        return changed


class FakeVolumes:
    """The port Volumes."""

    def __init__(self, host: FakeHost) -> None:
        self.host = host

    def look(self, name: str) -> VolumeFacts:
        self._check_place()
        volume = self.host.volumes.get(name)
        if volume is None:
            return VolumeFacts(exists=False)
        return VolumeFacts(True, volume.size, volume.attached, dict(volume.tags))

    def create(self, name: str, size_bytes: int, tags: Mapping[str, str]) -> bool:
        self._check_place()
        made = name not in self.host.volumes
        if made:
            mark = {"version": 1, "volume": name, "project": tags.get("project", "")}
            self.host.volumes[name] = Volume(size_bytes, dict(tags), mark=mark)
        self.host.volumes[name].tags = dict(tags)
        return made

    def all(self) -> Mapping[str, VolumeFacts]:
        self._check_place()
        return {name: self.look(name) for name in sorted(self.host.volumes)}

    def tag(self, name: str, tags: Mapping[str, str]) -> bool:
        if name not in self.host.volumes:
            raise PermanentError(f"volume {name} does not exist")
        changed = self.host.volumes[name].tags != dict(tags)
        self.host.volumes[name].tags = dict(tags)
        return changed

    def seal(self, name: str) -> Mapping[str, Any]:
        volume = self.host.volumes.get(name)
        if volume is None:
            return {}
        if not volume.attached and any(name in disk.volumes for disk in self.host.alive()):
            raise VolumeBusy(f"volume {name} is in use by a machine")
        try:
            seal = json.loads(volume.agent.get(SEAL, b""))
        except ValueError:
            return {}
        return seal if isinstance(seal, dict) else {}

    def unseal(self, name: str) -> bool:
        volume = self.host.volumes.get(name)
        if volume is None or not volume.attached:
            raise PermanentError(f"volume {name} is not mounted")
        return volume.agent.pop(SEAL, None) is not None

    def attach(self, name: str) -> None:
        if name not in self.host.volumes:
            raise PermanentError(f"volume {name} does not exist")
        self.host.volumes[name].attached = True

    def detach(self, name: str) -> bool:
        volume = self.host.volumes.get(name)
        if volume is None or not volume.attached:
            return False
        if any(name in disk.volumes for disk in self.host.alive()):
            raise VolumeBusy(f"volume {name} is in use by a machine")
        volume.attached = False
        return True

    def delete(self, name: str) -> bool:
        self._check_place()
        self.detach(name)
        return self.host.volumes.pop(name, None) is not None

    def _check_place(self) -> None:
        if self.host.unseen:
            raise PermanentError("the volumes are not seen", "mount the disk that holds them")


class FakeLayers:
    """The port Layers."""

    def __init__(self, host: FakeHost) -> None:
        self.host = host

    def has(self, digest: str) -> bool:
        return digest in self.host.layers

    def list(self) -> Sequence[LayerFacts]:
        layers = sorted(self.host.layers.items(), key=lambda item: item[1].order)
        return [
            LayerFacts(
                digest,
                sum(map(len, layer.files.values())),
                f"2026-01-01T00:00:{layer.order:02}+00:00",
                dict(layer.contents),
                self._users(digest),
            )
            for digest, layer in layers
        ]

    def pins(self, digest: str) -> str:
        return self.host.layers[digest].pins if digest in self.host.layers else ""

    def missing(self, files: Mapping[str, str]) -> Sequence[str]:
        return [name.split("/")[1] for name, digest in sorted(files.items()) if self.host.store.get(name) != digest]

    def remove(self, digest: str) -> None:
        users = self._users(digest)
        if users:
            raise PermanentError(f"layer {digest} is in use by {', '.join(users)}")
        self.host.layers.pop(digest, None)

    def clear(self) -> None:
        if self.host.machines:
            raise PermanentError(f"the cache is in use by {', '.join(sorted(self.host.machines))}")
        self.host.layers.clear()

    def _users(self, digest: str) -> tuple[str, ...]:
        disks = {**self.host.folderless, **self.host.machines}
        return tuple(sorted(name for name, disk in disks.items() if disk.layer == digest))


class FakeAccess:
    """The port Access: nothing is behind a mirror."""

    def give(self, shell: Shell, folder: str, locked: bool = False) -> str:
        return f"{folder}/environment"

    def index_name(self) -> str:
        return "PyPI"


@dataclass(frozen=True)
class FakeProvider:
    """The port Provider over a fake host; ports are reserved in the record, as on a local site."""

    host: FakeHost
    projects: ProjectFolders
    root: Path
    ports: Ports
    machines: Machines
    volumes: Volumes
    layers: FakeLayers
    access: FakeAccess = field(default_factory=FakeAccess)
    fenced: bool = True
    private: bool = True
    denied: str = ""
    """Why this process may not work here."""

    def require_access(self) -> None:
        if self.denied:
            raise PermanentError(self.denied, "sudo cfy install")

    def reserve(self, record: Record, services: Sequence[str]) -> Mapping[str, int]:
        return reserve_ports(self.projects, self.root, record, services, self.ports)

    def endpoint(self, record: Record, service: str) -> Endpoint:
        return local_endpoint(record, service)

    def remove_empty(self) -> bool:
        return not (self.host.machines or self.host.volumes or self.host.layers)


def fake_provider(host: FakeHost, projects: ProjectFolders, root: Path, site: Mapping[str, Any]) -> FakeProvider:
    """As a site's provider is made."""
    ports, machines, volumes = ports_of(site), FakeMachines(host), FakeVolumes(host)
    return FakeProvider(host, projects, root, ports, machines, volumes, FakeLayers(host))


def with_provider(services: Services, **ports: Any) -> Services:
    """The same services, whose provider has others of its ports (machines, volumes, layers)."""
    made = services.provider
    return replace(services, provider=lambda site: replace(cast(FakeProvider, made(site)), **ports))
