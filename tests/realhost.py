"""The real host under a state root of the tests' own: what is on it, and how to break it."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cloudify_scipion.adapters.local import LayerCache, LoopVolumes, NspawnMachines
from cloudify_scipion.adapters.local.cgroups import Group, hierarchies
from cloudify_scipion.adapters.local.folders import MachineFolder, machine_folders
from cloudify_scipion.adapters.local.mounts import mounted_below, mounts
from cloudify_scipion.adapters.local.process import Process, is_namespace_init, send, wait_gone
from cloudify_scipion.adapters.local.tree import remove_tree
from cloudify_scipion.adapters.local.volume_place import KNOWN
from cloudify_scipion.adapters.progress import LineProgress

PREFIX = "cloudify-scipion-"


@contextmanager
def state_root(variable: str = "CLOUDIFY_SCIPION_TEST_STATE") -> Iterator[Path]:
    """A folder for machines: a new one, or, to keep the base between runs, the one that the environment names."""
    given = os.environ.get(variable)
    root = Path(given) if given else Path(tempfile.mkdtemp(prefix="cloudify-scipion-test.", dir="/var/tmp"))
    root.mkdir(mode=0o700, exist_ok=True)
    host = RealHost(root)
    try:
        yield root
    finally:
        host.clear()
        if not given:
            remove_tree(root)


class RealHost:
    """Adapters over one state root, and a view of everything that they leave on the host."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.said: list[str] = []
        progress = LineProgress(self.said.append)
        self.machines = NspawnMachines(root, progress)
        self.volumes = LoopVolumes(root, progress)
        self.layers = LayerCache(root)

    def folder(self, name: str) -> MachineFolder:
        return MachineFolder(self.root, name)

    def group(self, name: str, part: str = "machine") -> Group:
        return Group(f"{PREFIX}{self.folder(name).identity}.{part}")

    def processes(self, name: str) -> list[Process]:
        return [*self.group(name).processes(), *self.group(name, "network").processes()]

    def leader(self, name: str) -> int:
        return next(process.pid for process in self.group(name).processes() if is_namespace_init(process.pid))

    def inside(self, name: str, *argv: str, timeout: float = 20) -> subprocess.CompletedProcess[str]:
        """Run a program of the machine in it, as root."""
        spaces = ["--mount", "--uts", "--ipc", "--net", "--pid", "--root", "--wd"]
        enter = ["nsenter", f"--target={self.leader(name)}", *spaces]
        clean = ["env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8"]
        return subprocess.run([*enter, *clean, *argv], capture_output=True, text=True, timeout=timeout, check=False)

    def kill(self, processes: list[Process]) -> None:
        for process in processes:
            send(process, signal.SIGKILL)
        assert wait_gone(processes, 10)

    def cut_network(self, name: str) -> None:
        self.kill(self.group(name, "network").processes())

    def lose_folder(self, name: str) -> None:
        """rm -rf, as somebody would type it; it stumbles over the mounted root and removes all it can."""
        subprocess.run(["rm", "-rf", str(self.root / "machines" / name)], capture_output=True, check=False)

    def reboot(self) -> None:
        """End all processes, unmount everything, free all loop devices, forget control groups."""
        names = [machine.name for machine in machine_folders(self.root)]
        for name in names:
            self.kill(self.processes(name))
        for mount in reversed(mounted_below(self.root)):
            subprocess.run(["umount", str(mount.point)], check=True)
        for device in self.loops():
            subprocess.run(["losetup", "--detach", device], check=True)
        for name in names:
            self.group(name).remove()
            self.group(name, "network").remove()

    def loops(self) -> list[str]:
        argv = ["losetup", "--list", "--noheadings", "--output", "NAME,BACK-FILE"]
        listed = subprocess.run(argv, capture_output=True, text=True, check=True).stdout
        return [line.split()[0] for line in listed.splitlines() if f" {self.root}/" in line]

    def traces(self, name: str) -> list[str]:
        """All that there is of a machine outside its folder and volume."""
        identity = self.folder(name).identity
        found = [f"process {process.pid}" for process in self.processes(name)]
        found += [f"mount {mount.point}" for mount in mounts() if f"/machines/{name}/" in f"{mount.point}/"]
        found += [str(path) for root in hierarchies(mounts()) for path in root.glob(f"*{identity}*")]
        found += [str(path) for path in Path("/run/systemd/nspawn").glob(f"*/*{identity}*")]
        found += [line for line in _commands() if identity in line]
        return found

    def clear(self) -> None:
        """Remove every machine, volume and layer, however broken."""
        for machine in [*machine_folders(self.root)]:
            self.machines.delete(machine.name)
        volumes = self.root / "volumes"
        for image in [*volumes.glob("*.img"), *volumes.glob("*.part")]:
            self.volumes.delete(image.stem)
        for layer in self.layers.list():
            self.layers.remove(layer.digest)
        for kept in ("machines", "volumes", "projects", "spaces", "store", "cache/layers"):
            remove_tree(self.root / kept)
        (self.root / KNOWN).unlink(missing_ok=True)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def tools_missing() -> str:
    wanted = ("systemd-nspawn", "slirp4netns", "mmdebstrap", "mkfs.ext4")
    return ", ".join(tool for tool in wanted if shutil.which(tool, path="/usr/sbin:/usr/bin:/sbin:/bin") is None)


def _commands() -> list[str]:
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found.append(entry.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
        except OSError:
            continue
    return found
