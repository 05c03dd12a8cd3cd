"""The contract suites' world on a toy site: folders."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from cloudify_scipion.adapters.state import ProjectFolders
from tests.contract.worlds import read
from tests.toy.installation import ToyInstallation
from tests.toy.machines import Machine, ToyMachines
from tests.toy.provider import ToyProvider


class ToyWorld:
    """Machines have addresses of their own, so no ports; nobody is root, so files have no owners; mounts are links."""

    lacks = frozenset({"ports", "owners", "read-only mounts"})

    def __init__(self, root: Path) -> None:
        self.installation = ToyInstallation(root)
        self.host = self.installation.view.host
        self.projects = ProjectFolders(root)
        self.provider = self.provider_below(root)
        self.machines: ToyMachines = self.provider.machines
        self.volumes, self.layers = self.provider.volumes, self.provider.layers

    def provider_below(self, root: Path) -> ToyProvider:
        return ToyProvider(self.installation.services(), root, {"shelf": "shelf-1"})

    def reboot(self) -> None:
        shutil.rmtree(self.host.root / "run", ignore_errors=True)

    def lose_folder(self, name: str) -> None:
        shutil.rmtree(self.host.machine(name))

    def cut_network(self, name: str) -> None:
        self.host.network(name).unlink()

    def age(self, name: str) -> None:
        self.host.write(name, replace(self.host.known(name) or Machine({}), base="0" * 64))

    def port(self) -> int:
        return 0

    def take(self, port: int) -> None:
        raise NotImplementedError("there are no ports")

    def put(self, name: str, path: str, text: str) -> None:
        target = self.host.disk(name) / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)

    def get(self, name: str, path: str) -> str | None:
        return read(self.host.disk(name) / path.lstrip("/"))

    def put_data(self, volume: str, path: str, text: str) -> None:
        self.volumes.attach(volume)
        (self.volumes.content(volume) / "user" / path).write_text(text)

    def get_data(self, volume: str, path: str) -> str | None:
        return read(self.volumes.content(volume) / "user" / path)

    def layout(self, volume: str) -> dict[str, tuple[int, int, int]]:
        raise NotImplementedError("there are no owners")

    def mark(self, volume: str) -> object:
        return json.loads((self.volumes.content(volume) / "volume.json").read_text())

    def seal(self, volume: str, text: str = "{}") -> None:
        self.volumes.attach(volume)
        (self.volumes.content(volume) / "agent/seal.json").write_text(text)

    def cut_power(self, volume: str) -> None:
        self.volumes.detach(volume)

    def see(self, name: str, path: str) -> str | None:
        return self.get(name, path) if self.machines.look(name).running else None

    def writable(self, name: str, path: str) -> bool:
        raise NotImplementedError("mounts are links")

    def space(self) -> str:
        folder = self.host.root / "spaces/s/p"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "there").write_text("data")
        return folder.name

    def leftovers(self, name: str) -> Sequence[str]:
        found = (self.host.machine(name), self.host.running(name), self.host.network(name), self.host.units(name))
        return [str(path) for path in found if path.exists()]
