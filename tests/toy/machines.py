"""Machines that are folders: one runs while there is a marker of it, as long as the host is up; layers are folders."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from cloudify_scipion.adapters.files import write_atomic
from cloudify_scipion.errors import PermanentError
from cloudify_scipion.lifecycle.facts import FolderMount, LayerFacts, MachineFacts, MachineSpec
from tests.toy.volumes import ToyVolumes

BASE = "b" * 64
PRIVATE = ("tmp", "run", "root/.ssh", "var/log", "home")
"""Folders of a machine that no layer keeps."""


@dataclass
class Machine:
    """What is written down of a machine; its disk lies beside it."""

    tags: dict[str, str]
    layer: str | None = None
    base: str = BASE


@dataclass(frozen=True)
class ToyHost:
    """`root` holds all that there is. A reboot loses `root`/run, and nothing else."""

    root: Path
    name: str = "toy"

    def machine(self, name: str) -> Path:
        return self.root / "machines" / name

    def disk(self, name: str) -> Path:
        return self.machine(name) / "disk"

    def running(self, name: str) -> Path:
        return self.root / "run/machines" / name

    def network(self, name: str) -> Path:
        return self.root / "run/network" / name

    def units(self, name: str) -> Path:
        """What the machine's systemd knows since the boot."""
        return self.root / "run/units" / name

    def enabled(self, name: str) -> Path:
        """What the machine's systemd starts at each boot."""
        return self.machine(name) / "enabled.json"

    def layer(self, digest: str) -> Path:
        return self.root / "layers" / digest

    def space(self, mount: FolderMount) -> Path:
        """A data space's folder."""
        return Path(mount.root or self.root / "spaces" / mount.space) / mount.path

    def known(self, name: str) -> Machine | None:
        path = self.machine(name) / "machine.json"
        return Machine(**json.loads(path.read_text())) if path.exists() else None

    def write(self, name: str, machine: Machine) -> None:
        write_atomic(self.machine(name) / "machine.json", json.dumps(asdict(machine)).encode())

    def told(self, name: str) -> dict[str, Any]:
        """What a running machine was given; of one whose folder was deleted, what is known of it."""
        told: dict[str, Any] = json.loads(self.running(name).read_text())
        return told

    def users(self, digest: str) -> tuple[str, ...]:
        """Machines that stand on a layer, also one that runs without its folder."""
        running = {path.name: self.told(path.name)["layer"] for path in self.root.glob("run/machines/*")}
        made = {path.name: known.layer for path in self.root.glob("machines/*") if (known := self.known(path.name))}
        return tuple(sorted(name for name, layer in {**running, **made}.items() if layer == digest))


class ToyMachines:
    """The port Machines."""

    def __init__(self, host: ToyHost) -> None:
        self._host, self._volumes = host, ToyVolumes(host.root)

    def base_digest(self) -> str:
        return BASE

    def look(self, name: str) -> MachineFacts:
        known, running = self._host.known(name), self._host.running(name).exists()
        network = running and self._host.network(name).exists()
        if known is None:
            return MachineFacts(False, running, network)
        return MachineFacts(True, running, network, known.layer, known.tags)

    def create(self, spec: MachineSpec) -> bool:
        for mount in spec.folders:
            self._folder(mount)
        known = self._host.known(spec.name)
        if known is not None:
            changed, known.tags = known.tags != dict(spec.tags), dict(spec.tags)
            self._host.write(spec.name, known)
            return changed
        if spec.layer is not None and not self._host.layer(spec.layer).is_dir():
            raise PermanentError(f"software layer {spec.layer} is not in the cache")
        self.delete(spec.name)
        self._stand_on(spec.name, spec.layer)
        self._host.write(spec.name, Machine(dict(spec.tags), spec.layer))
        return True

    def start(self, spec: MachineSpec) -> bool:
        changed = self.create(spec)
        running, network = self._host.running(spec.name), self._host.network(spec.name)
        if not running.exists():
            self._boot(spec)
        changed = changed or not network.exists()
        network.parent.mkdir(parents=True, exist_ok=True)
        network.touch()
        return changed

    def stop(self, name: str) -> bool:
        if not self._host.running(name).exists():
            return False
        for target in self._host.told(name)["mounts"]:
            (self._host.disk(name) / target.lstrip("/")).unlink(missing_ok=True)
        for marker in (self._host.network(name), self._host.units(name), self._host.running(name)):
            marker.unlink(missing_ok=True)
        return True

    def delete(self, name: str) -> bool:
        was_running = self.stop(name)
        was_there = self._host.machine(name).is_dir()
        shutil.rmtree(self._host.machine(name), ignore_errors=True)
        return was_there or was_running

    def capture_layer(self, spec: MachineSpec, digest: str, contents: Mapping[str, str], pins: str = "") -> bool:
        known = self._host.known(spec.name)
        if known is None:
            raise PermanentError(f"machine {spec.name} does not exist")
        self.stop(spec.name)
        if known.layer == digest or known.base != BASE:
            return False
        if known.layer is not None:
            raise PermanentError(f"machine {spec.name} already stands on layer {known.layer}")
        made = not self._host.layer(digest).exists()
        if made:
            self._keep(spec, digest, contents, pins)
        self._stand_on(spec.name, digest)
        self._host.write(spec.name, Machine(known.tags, digest))
        return made

    def _keep(self, spec: MachineSpec, digest: str, contents: Mapping[str, str], pins: str) -> None:
        layer, disk = self._host.layer(digest), self._host.disk(spec.name)
        for private in PRIVATE:
            shutil.rmtree(disk / private, ignore_errors=True)
        for seed in spec.seed:
            (disk / seed.path.lstrip("/")).unlink(missing_ok=True)
        number = len([*layer.parent.glob("*")])
        layer.mkdir(parents=True)
        shutil.copytree(disk, layer / "disk", dirs_exist_ok=True)
        meta = {"contents": dict(contents), "created": f"2026-01-01T00:00:{number:02}+00:00"}
        (layer / "lock").write_text(pins)
        write_atomic(layer / "meta.json", json.dumps(meta).encode())

    def _stand_on(self, name: str, layer: str | None) -> None:
        """A new disk, with what is in the layer."""
        shutil.rmtree(self._host.disk(name), ignore_errors=True)
        if layer is None:
            self._host.disk(name).mkdir(parents=True)
        else:
            shutil.copytree(self._host.layer(layer) / "disk", self._host.disk(name), dirs_exist_ok=True)

    def _boot(self, spec: MachineSpec) -> None:
        """What lies below /run was lost; mounts are links."""
        disk = self._host.disk(spec.name)
        shutil.rmtree(disk / "run", ignore_errors=True)
        for seed in spec.seed:
            target = disk / seed.path.lstrip("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(seed.content)
        volumes, known = list(dict.fromkeys(mount.volume for mount in spec.mounts)), self._host.known(spec.name)
        for volume in volumes:
            self._volumes.attach(volume)
        mounts = {mount.target: self._volumes.content(mount.volume) / mount.folder for mount in spec.mounts}
        mounts |= {mount.target: self._folder(mount) for mount in spec.folders}
        for target, to in mounts.items():
            _link(disk, target, to)
        told = {"volumes": volumes, "layer": known and known.layer, "mounts": {t: str(to) for t, to in mounts.items()}}
        write_atomic(self._host.running(spec.name), json.dumps(told).encode())

    def _folder(self, mount: FolderMount) -> Path:
        folder = self._host.space(mount)
        if not mount.read_only:
            folder.mkdir(parents=True, exist_ok=True)
        elif not folder.is_dir():
            raise PermanentError(f"{mount.space}:{mount.path} cannot be used: it is not there")
        return folder


def _link(disk: Path, target: str, to: Path) -> None:
    link = disk / target.lstrip("/")
    link.parent.mkdir(parents=True, exist_ok=True)
    link.unlink(missing_ok=True)
    link.symlink_to(to)


class ToyLayers:
    """The port Layers; `store.json` says which files were kept."""

    def __init__(self, host: ToyHost) -> None:
        self._host = host

    def has(self, digest: str) -> bool:
        return self._host.layer(digest).is_dir()

    def list(self) -> Sequence[LayerFacts]:
        return sorted(self._facts(), key=lambda facts: facts.created_at)

    def _facts(self) -> Iterator[LayerFacts]:
        for path in self._host.root.glob("layers/*/meta.json"):
            meta, digest = json.loads(path.read_text()), path.parent.name
            size = sum(file.stat().st_size for file in path.parent.rglob("*") if file.is_file())
            yield LayerFacts(digest, size, meta["created"], meta["contents"], self._host.users(digest))

    def pins(self, digest: str) -> str:
        path = self._host.layer(digest) / "lock"
        return path.read_text() if path.exists() else ""

    def missing(self, files: Mapping[str, str]) -> Sequence[str]:
        return [name.split("/")[1] for name, digest in sorted(files.items()) if self.store.get(name) != digest]

    def remove(self, digest: str) -> None:
        if users := self._host.users(digest):
            raise PermanentError(f"layer {digest} is in use by {', '.join(users)}")
        shutil.rmtree(self._host.layer(digest), ignore_errors=True)

    def clear(self) -> None:
        if machines := sorted(path.name for path in self._host.root.glob("machines/*")):
            raise PermanentError(f"the cache is in use by {', '.join(machines)}")
        shutil.rmtree(self._host.root / "layers", ignore_errors=True)

    @property
    def store(self) -> dict[str, str]:
        """Downloads that are kept, by KIND/NAME: their checksums."""
        path = self._host.root / "store.json"
        kept: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}
        return kept

    @store.setter
    def store(self, kept: dict[str, str]) -> None:
        write_atomic(self._host.root / "store.json", json.dumps(kept).encode())
