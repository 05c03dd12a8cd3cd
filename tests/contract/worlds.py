"""A small world over the fake host and the real one, so that one suite holds for both, and for other providers' own."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import ClassVar, Protocol

from cloudify_scipion.adapters.local.folders import MachineRecord
from cloudify_scipion.adapters.local.provider import LocalProvider
from cloudify_scipion.adapters.services import make_services
from cloudify_scipion.adapters.state import ProjectFolders
from cloudify_scipion.lifecycle.facts import MachineSpec, SeedFile, VolumeMount
from cloudify_scipion.lifecycle.provider import Layers, Machines, Provider, Volumes
from tests.fakes.agent import Space
from tests.fakes.host import FakeHost, FakeLayers, FakeMachines, FakeVolumes, fake_provider
from tests.realhost import RealHost, free_port

SEED = "/etc/seed/key"
DATA, WHOLE = "/home/scipion/ScipionUserData", "/srv/scipion-volume"
LAYOUT = {".": (0, 2001, 0o750), "volume.json": (0, 0, 0o644), "user": (2000, 2000, 0o750)}
LAYOUT["agent"] = (2001, 2001, 0o700)


class World(Protocol):
    """Ports, and what happens to a host. Paths are absolute inside the machine, or relative to the volume."""

    lacks: ClassVar[frozenset[str]]
    """What this provider cannot have; tests that need it are not for it."""

    @property
    def provider(self) -> Provider: ...
    def provider_below(self, root: Path) -> Provider:
        """As another process gets it, or an installation elsewhere."""

    @property
    def projects(self) -> ProjectFolders: ...
    @property
    def machines(self) -> Machines: ...
    @property
    def volumes(self) -> Volumes: ...
    @property
    def layers(self) -> Layers: ...
    def reboot(self) -> None: ...
    def lose_folder(self, name: str) -> None: ...
    def cut_network(self, name: str) -> None: ...
    def age(self, name: str) -> None:
        """The base system that a machine was made from is no longer the one that new machines get."""

    def port(self) -> int: ...
    def take(self, port: int) -> None: ...
    def put(self, name: str, path: str, text: str) -> None: ...
    def get(self, name: str, path: str) -> str | None: ...
    def put_data(self, volume: str, path: str, text: str) -> None: ...
    def get_data(self, volume: str, path: str) -> str | None: ...
    def layout(self, volume: str) -> dict[str, tuple[int, int, int]]:
        """What lies on a volume: path to uid, gid and mode."""

    def mark(self, volume: str) -> object: ...
    def seal(self, volume: str, text: str = "{}") -> None:
        """As the agent writes it."""

    def cut_power(self, volume: str) -> None:
        """What the disk has of a mounted volume is left of it; it is mounted no more."""

    def see(self, name: str, path: str) -> str | None:
        """What a running machine reads at `path`, mounts included."""

    def writable(self, name: str, path: str) -> bool: ...
    def space(self) -> str:
        """The data space `s` of our own has a folder with a file `there`: its name."""

    def leftovers(self, name: str) -> Sequence[str]: ...


def spec(world: World, name: str, layer: str | None = None, volume: str | None = None) -> MachineSpec:
    """A machine with a port, a seed file and perhaps a volume."""
    mounts = (VolumeMount(volume, "", WHOLE), VolumeMount(volume, "user", DATA)) if volume else ()
    seed = (SeedFile(SEED, b"secret", 0o600),)
    return MachineSpec(name, name, {"project": name}, {22: world.port()}, layer, mounts, seed)


class FakeWorld:
    """In memory."""

    lacks: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, root: Path) -> None:
        self.host = FakeHost()
        self.projects = ProjectFolders(root)
        self.provider = self.provider_below(root)
        self.machines = FakeMachines(self.host)
        self.volumes = FakeVolumes(self.host)
        self.layers = FakeLayers(self.host)
        self._port = 20000

    def provider_below(self, root: Path) -> Provider:
        return fake_provider(self.host, self.projects, root, {})

    def reboot(self) -> None:
        self.host.reboot()

    def lose_folder(self, name: str) -> None:
        self.host.lose_folder(name)

    def cut_network(self, name: str) -> None:
        self.host.cut_network(name)

    def age(self, name: str) -> None:
        self.host.machines[name].base = "0" * 64

    def port(self) -> int:
        self._port += 1
        return self._port

    def take(self, port: int) -> None:
        self.host.taken.add(port)

    def put(self, name: str, path: str, text: str) -> None:
        self.host.machines[name].files[path] = text.encode()

    def get(self, name: str, path: str) -> str | None:
        disk = self.host.machines[name]
        below = self.host.layers[disk.layer].files if disk.layer else {}
        found = {**below, **disk.files}.get(path)
        return None if found is None else found.decode()

    def put_data(self, volume: str, path: str, text: str) -> None:
        self.host.volumes[volume].files[path] = text.encode()

    def get_data(self, volume: str, path: str) -> str | None:
        found = self.host.volumes[volume].files.get(path)
        return None if found is None else found.decode()

    def layout(self, volume: str) -> dict[str, tuple[int, int, int]]:
        assert self.host.volumes[volume].mark
        return LAYOUT

    def mark(self, volume: str) -> object:
        return self.host.volumes[volume].mark

    def seal(self, volume: str, text: str = "{}") -> None:
        self.host.volumes[volume].agent["seal.json"] = text.encode()

    def cut_power(self, volume: str) -> None:
        self.volumes.detach(volume)

    def see(self, name: str, path: str) -> str | None:
        disk, there = self.host.machines[name], PurePosixPath(path)
        if str(there.parent) in disk.folders:
            return "data" if there.name == "there" else None
        volume, folder = disk.targets[str(there.parent)]
        return self.get_data(volume, there.name) if folder else json.dumps(self.host.volumes[volume].mark)

    def writable(self, name: str, path: str) -> bool:
        return not self.host.machines[name].folders[path][1]

    def space(self) -> str:
        self.host.spaces["/fake/spaces/s/p"] = Space()
        return "p"

    def leftovers(self, name: str) -> Sequence[str]:
        return [name] if name in self.host.machines or name in self.host.folderless else []


class RealWorld:
    """Containers, loop devices and overlays."""

    lacks: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, host: RealHost) -> None:
        self.host = host
        self.projects = ProjectFolders(host.root)
        self.provider = self.provider_below(host.root)
        self.machines = host.machines
        self.volumes = host.volumes
        self.layers = host.layers
        self.listeners: list[object] = []

    def provider_below(self, root: Path) -> Provider:
        return LocalProvider(make_services(self.host.said.append, root), root, {})

    def reboot(self) -> None:
        self.host.reboot()

    def lose_folder(self, name: str) -> None:
        self.host.lose_folder(name)

    def cut_network(self, name: str) -> None:
        self.host.cut_network(name)

    def age(self, name: str) -> None:
        folder = self.host.folder(name)
        folder.write(replace(folder.whole() or MachineRecord(name), base="0" * 64))

    def port(self) -> int:
        return free_port()

    def take(self, port: int) -> None:
        import socket

        listener = socket.create_server(("127.0.0.1", port))
        self.listeners.append(listener)

    def put(self, name: str, path: str, text: str) -> None:
        target = self._disk(name) / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)

    def get(self, name: str, path: str) -> str | None:
        return read(self._disk(name) / path.lstrip("/"))

    def put_data(self, volume: str, path: str, text: str) -> None:
        (self.volumes.mount(volume) / "user" / path).write_text(text)

    def get_data(self, volume: str, path: str) -> str | None:
        return read(self.volumes.mount(volume) / "user" / path)

    def layout(self, volume: str) -> dict[str, tuple[int, int, int]]:
        root = self.volumes.mount(volume)
        found = {str(path.relative_to(root)): path.stat() for path in (root, *root.rglob("*"))}
        return {name: (facts.st_uid, facts.st_gid, facts.st_mode & 0o7777) for name, facts in found.items()}

    def mark(self, volume: str) -> object:
        return json.loads((self.volumes.mount(volume) / "volume.json").read_text())

    def seal(self, volume: str, text: str = "{}") -> None:
        (self.volumes.mount(volume) / "agent/seal.json").write_text(text)

    def cut_power(self, volume: str) -> None:
        image = self.host.root / "volumes" / f"{volume}.img"
        shutil.copyfile(image, self.host.root / "on-the-disk")
        self.volumes.detach(volume)
        (self.host.root / "on-the-disk").replace(image)

    def see(self, name: str, path: str) -> str | None:
        done = self.host.inside(name, "cat", path)
        return done.stdout if done.returncode == 0 else None

    def writable(self, name: str, path: str) -> bool:
        return self.host.inside(name, "touch", f"{path}/touched").returncode == 0

    def space(self) -> str:
        folder = self.host.root / "spaces/s/p"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "there").write_text("data")
        return folder.name

    def leftovers(self, name: str) -> Sequence[str]:
        folder = self.host.folder(name).path
        return [*self.host.traces(name), *([str(folder)] if folder.exists() else [])]

    def _disk(self, name: str) -> Path:
        # the running machine's root, as the host sees it
        return self.host.folder(name).path / "root"


def read(path: Path) -> str | None:
    """The text of a file; None if it is not there."""
    try:
        return path.read_text()
    except FileNotFoundError:
        return None
