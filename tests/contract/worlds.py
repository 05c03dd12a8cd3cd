"""The same small world over the fake host and the real one, so that one suite holds for both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from cloudify_scipion.adapters.nspawn.folders import MachineRecord
from cloudify_scipion.lifecycle.facts import MachineSpec, SeedFile, VolumeMount
from cloudify_scipion.lifecycle.ports import Layers, Machines, Volumes
from tests.fakes.host import FakeHost, FakeLayers, FakeMachines, FakeVolumes
from tests.realhost import RealHost, free_port

SEED = "/etc/seed/key"
DATA = "/home/scipion/ScipionUserData"


class World(Protocol):
    """Ports, and what happens to a host. Paths are absolute inside the machine, or relative to the volume."""

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
    def leftovers(self, name: str) -> Sequence[str]: ...


def spec(world: World, name: str, layer: str | None = None, volume: str | None = None) -> MachineSpec:
    """A machine with a port, a seed file and perhaps a volume."""
    mounts = (VolumeMount(volume, DATA),) if volume else ()
    seed = (SeedFile(SEED, b"secret", 0o600),)
    return MachineSpec(name, name, {"project": name}, {22: world.port()}, layer, mounts, seed)


class FakeWorld:
    """In memory."""

    def __init__(self) -> None:
        self.host = FakeHost()
        self.machines = FakeMachines(self.host)
        self.volumes = FakeVolumes(self.host)
        self.layers = FakeLayers(self.host)
        self._port = 20000

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

    def leftovers(self, name: str) -> Sequence[str]:
        return [name] if name in self.host.machines or name in self.host.folderless else []


class RealWorld:
    """Containers, loop devices and overlays."""

    def __init__(self, host: RealHost) -> None:
        self.host = host
        self.machines = host.machines
        self.volumes = host.volumes
        self.layers = host.layers
        self.listeners: list[object] = []

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
        return _read(self._disk(name) / path.lstrip("/"))

    def put_data(self, volume: str, path: str, text: str) -> None:
        (self.volumes.attach(volume) / path).write_text(text)

    def get_data(self, volume: str, path: str) -> str | None:
        return _read(self.volumes.attach(volume) / path)

    def leftovers(self, name: str) -> Sequence[str]:
        folder = self.host.folder(name).path
        return [*self.host.traces(name), *([str(folder)] if folder.exists() else [])]

    def _disk(self, name: str) -> Path:
        # the running machine's root, as the host sees it
        return self.host.folder(name).path / "root"


def _read(path: Path) -> str | None:
    try:
        return path.read_text()
    except FileNotFoundError:
        return None
