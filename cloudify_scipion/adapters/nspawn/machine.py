"""Local machines: systemd containers with a root of their own, a network of their own, and no daemon above them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path

from cloudify_scipion.adapters.files import write_atomic
from cloudify_scipion.adapters.nspawn import container, hosttools, network
from cloudify_scipion.adapters.nspawn.base import BaseCache
from cloudify_scipion.adapters.nspawn.beneath import folder, write_inside
from cloudify_scipion.adapters.nspawn.cgroups import Group
from cloudify_scipion.adapters.nspawn.cleaning import clean
from cloudify_scipion.adapters.nspawn.downloads import keep_downloads
from cloudify_scipion.adapters.nspawn.folders import MachineFolder, MachineRecord
from cloudify_scipion.adapters.nspawn.layers import LayerCache
from cloudify_scipion.adapters.nspawn.overlay import mount_root, unmount_root
from cloudify_scipion.adapters.nspawn.process import Process
from cloudify_scipion.adapters.nspawn.tree import remove_tree
from cloudify_scipion.adapters.nspawn.volumes import LoopVolumes
from cloudify_scipion.errors import PermanentError
from cloudify_scipion.lifecycle.ports import MachineFacts, MachineSpec, Progress

DOWNLOADS_INSIDE = "/var/cache/cloudify-scipion"
PROPAGATE = Path("/run/systemd/nspawn/propagate")


class NspawnMachines:
    """Implements the port Machines below `root`/machines."""

    def __init__(self, root: Path, progress: Progress) -> None:
        self._root = root.absolute()
        self._progress = progress
        self._base = BaseCache(self._root, progress)
        self._layers = LayerCache(self._root)
        self._volumes = LoopVolumes(self._root, progress)

    def base_digest(self) -> str:
        """Digest of the base's recipe."""
        return self._base.digest

    def look(self, name: str) -> MachineFacts:
        """Observe the record, and the kernel's own list of processes."""
        if not self._root.is_dir():
            return MachineFacts(exists=False)
        machine = MachineFolder(self._root, name)
        record = machine.record()
        running = container.find_leader(self._group(machine)) is not None
        online = running and bool(self._network_group(machine).processes())
        if record is None or not machine.complete():
            return MachineFacts(exists=False, running=running, network=online)
        return MachineFacts(True, running, online, record.layer, record.tags)

    def create(self, spec: MachineSpec) -> bool:
        """Make base, folders and record; what is left of a machine whose folder was deleted is removed first."""
        hosttools.require(hosttools.MACHINE_TOOLS)
        self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
        made = self._base.ensure()
        machine = MachineFolder(self._root, spec.name)
        with self._layers.locked():
            record = machine.record()
            if record is not None and machine.complete():
                self._recover(machine, record)
                return self._retag(machine, spec) or made
            if spec.layer is not None and not self._layers.has(spec.layer):
                raise PermanentError(f"software layer {spec.layer[:12]} is not in the cache", "install again")
            self._remove_remains(machine)
            machine.make(spec, self._base.digest)
        return True

    def start(self, spec: MachineSpec) -> bool:
        """Boot it if it does not run, give it network if it has none, publish exactly the ports of `spec`."""
        changed = self.create(spec)
        machine = MachineFolder(self._root, spec.name)
        leader = container.find_leader(self._group(machine))
        if leader is None:
            leader = self._boot(machine, spec)
            changed = True
        network_group = self._network_group(machine)
        if not network_group.processes() or not network.answers(machine.path):
            network_group.kill()
            network.start_helper(machine.path, network_group, leader.pid)
            changed = True
        changed = network.converge_forwards(machine.path, spec.ports) or changed
        self._note_processes(machine, leader)
        return changed

    def stop(self, name: str) -> bool:
        """Power it off, end its network, unmount its root; also what is left of a half-started or half-deleted one."""
        hosttools.require_root()
        if not self._root.is_dir():
            return False
        machine = MachineFolder(self._root, name)
        group, network_group = self._group(machine), self._network_group(machine)
        was_running = container.power_off(group)
        network_group.kill()
        unmount_root(machine.path)
        for empty in (group, network_group):
            empty.remove()
        for leftover in (network.SOCKET, "processes.json"):
            (machine.path / leftover).unlink(missing_ok=True)
        remove_tree(PROPAGATE / machine.identity)
        return was_running

    def delete(self, name: str) -> bool:
        """Stop it and remove its folder. PermanentError, nothing removed, if something foreign is mounted in it."""
        was_running = self.stop(name)
        return remove_tree(self._root / "machines" / name) or was_running

    def capture_layer(self, spec: MachineSpec, digest: str, contents: Mapping[str, str]) -> bool:
        """Keep the stopped machine's changes as a layer; the machine goes on with that layer and empty changes."""
        hosttools.require(hosttools.MACHINE_TOOLS)
        machine = MachineFolder(self._root, spec.name)
        if self._group(machine).processes():
            raise PermanentError(f"machine {spec.name} is running", "stop it before its layer is taken")
        with self._layers.locked():
            record = machine.record()
            if record is None or not machine.complete():
                raise PermanentError(f"machine {spec.name} does not exist")
            record = self._recover(machine, record)
            if record.layer == digest:
                return False
            if record.layer is not None:
                raise PermanentError(f"{spec.name} stands on layer {record.layer[:12]} already", "delete it first")
            unmount_root(machine.path)
            made = not self._layers.has(digest)
            machine.write(replace(record, capturing=digest))
            downloads = keep_downloads(machine.downloads, self._root / "store")
            if made:
                with self._progress.during("keeping the software layer for the next project"):
                    clean(machine.upper, [seed.path for seed in spec.seed])
                    self._layers.store(machine.upper, digest, record.base, contents, downloads)
            else:
                remove_tree(machine.upper)
            self._recover(machine, replace(record, capturing=digest))
            return made

    def _recover(self, machine: MachineFolder, record: MachineRecord) -> MachineRecord:
        """End a capture that was broken off; the layers are locked."""
        if record.capturing is None:
            return record
        self._layers.finish(record.capturing)
        if machine.upper.is_dir():  # broken off before the move
            layer = record.layer
        elif self._layers.has(record.capturing):
            layer = record.capturing
        else:
            raise PermanentError(f"the disk of machine {machine.name} is gone", "delete the machine and install again")
        if not machine.upper.is_dir():
            machine.upper.mkdir(mode=0o755)
        remove_tree(machine.path / "work")
        ended = replace(record, layer=layer, capturing=None)
        machine.write(ended)
        return ended

    def _retag(self, machine: MachineFolder, spec: MachineSpec) -> bool:
        record = machine.record()
        if record is None or (record.tags == dict(spec.tags) and record.hostname == spec.hostname):
            return False
        machine.write(replace(record, tags=dict(spec.tags), hostname=spec.hostname))
        return True

    def _remove_remains(self, machine: MachineFolder) -> None:
        self.stop(machine.name)
        remove_tree(machine.path)

    def _boot(self, machine: MachineFolder, spec: MachineSpec) -> Process:
        self.stop(machine.name)
        self._progress.say(f"starting machine {spec.name}")
        root = mount_root(self._root, machine.path, self._lowers(machine))
        _seed(root, spec)
        binds = [(container.make_fuse_node(machine.path), "/dev/fuse"), (machine.downloads, DOWNLOADS_INSIDE)]
        binds += [(self._volumes.attach(mount.volume), mount.target) for mount in spec.mounts]
        argv = container.nspawn_argv(root, machine.identity, spec.hostname, binds)
        return container.boot(machine.path, self._group(machine), argv)

    def _lowers(self, machine: MachineFolder) -> Sequence[Path]:
        record = machine.record()
        if record is None or record.layer is None:
            return [self._base.path]
        return [self._layers.path(record.layer), self._base.path]

    def _note_processes(self, machine: MachineFolder, leader: Process) -> None:
        # for people and for tests: we ourselves ask the control groups
        helpers = [*self._group(machine).processes()[:2], *self._network_group(machine).processes()]
        known = [asdict(process) for process in dict.fromkeys([leader, *helpers])]
        write_atomic(machine.path / "processes.json", json.dumps(known).encode())

    def _group(self, machine: MachineFolder) -> Group:
        return Group(f"cloudify-scipion-{machine.identity}.machine")

    def _network_group(self, machine: MachineFolder) -> Group:
        return Group(f"cloudify-scipion-{machine.identity}.network")


def _seed(root: Path, spec: MachineSpec) -> None:
    own = {
        "/etc/hostname": f"{spec.hostname}\n",
        "/etc/hosts": f"127.0.0.1 localhost\n127.0.1.1 {spec.hostname}\n::1 localhost\n",
        "/etc/resolv.conf": f"nameserver {network.RESOLVER}\n",
    }
    with folder(root) as opened:
        for path, text in own.items():
            write_inside(opened, path, text.encode(), 0o644)
        for seed in spec.seed:
            write_inside(opened, seed.path, seed.content, seed.mode)
