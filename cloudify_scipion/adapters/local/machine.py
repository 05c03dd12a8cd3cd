"""Local machines: systemd containers with a root of their own, a network of their own, and no daemon above them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path

from cloudify_scipion.adapters.files import make_private, write_atomic
from cloudify_scipion.adapters.local import container, hosttools, network, resolving
from cloudify_scipion.adapters.local.base import BaseCache
from cloudify_scipion.adapters.local.capture import Capture
from cloudify_scipion.adapters.local.cgroups import Group
from cloudify_scipion.adapters.local.folders import MachineFolder, MachineRecord
from cloudify_scipion.adapters.local.layers import LayerCache
from cloudify_scipion.adapters.local.overlay import mount_root, unmount_root
from cloudify_scipion.adapters.local.process import Process, is_in_our_namespace, is_namespace_init
from cloudify_scipion.adapters.local.spaces import HostFolders
from cloudify_scipion.adapters.local.store import supply
from cloudify_scipion.adapters.local.tree import folder, read_inside, real_folder, remove_tree, write_inside
from cloudify_scipion.adapters.local.volumes import LoopVolumes
from cloudify_scipion.errors import PermanentError, TemporaryError
from cloudify_scipion.lifecycle.facts import MachineFacts, MachineSpec
from cloudify_scipion.lifecycle.layout import DOWNLOADS
from cloudify_scipion.lifecycle.ports import Progress

PROCESSES = "processes.json"
"""Numbers and start times of the container's and its network helper's processes."""
RESOLV_CONF = "/etc/resolv.conf"
PROPAGATE = Path("/run/systemd/nspawn/propagate")


class NspawnMachines:
    """Implements the port Machines below `root`/machines."""

    def __init__(self, root: Path, progress: Progress) -> None:
        self._root = root.absolute()
        self._progress = progress
        self._base = BaseCache(self._root, progress)
        self._layers = LayerCache(self._root, progress)
        self._capture = Capture(self._root / "store", self._layers, progress)
        self._volumes = LoopVolumes(self._root, progress)
        self._spaces = HostFolders(self._root / "spaces")

    def base_digest(self) -> str:
        """Digest of the base's recipe."""
        return self._base.digest

    def look(self, name: str) -> MachineFacts:
        """Observe the record, and the kernel's own list of processes."""
        if not self._root.is_dir():
            return MachineFacts(exists=False)
        machine = MachineFolder(self._root, name)
        record = machine.whole()
        leader = container.find_leader(self._group(machine))
        online = leader is not None and network.serves(self._network_group(machine), leader.pid)
        if record is None:  # it may run on, although somebody deleted its folder
            return MachineFacts(exists=False, running=leader is not None, network=online)
        return MachineFacts(True, leader is not None, online, record.layer, record.tags)

    def create(self, spec: MachineSpec) -> bool:
        """Make base, folders and record; what is left of a machine whose folder was deleted is removed first."""
        hosttools.require(hosttools.MACHINE_TOOLS)
        make_private(self._root)
        for mount in spec.folders:
            self._spaces.ensure(mount)
        machine = MachineFolder(self._root, spec.name)
        if machine.whole() is None:
            self._base.ensure()
        with self._layers.locked():
            if machine.whole() is not None:
                return self._retag(machine, self._capture.recover(machine), spec)
            if spec.layer is not None and not self._layers.has(spec.layer):
                raise PermanentError(f"software layer {spec.layer[:12]} is not in the cache", "install again")
            self.delete(spec.name)
            machine.make(spec, self._base.digest)
        return True

    def start(self, spec: MachineSpec) -> bool:
        """Boot it if it does not run, give it network if it has none, publish exactly its ports."""
        changed = self.create(spec)
        machine = MachineFolder(self._root, spec.name)
        leader = container.find_leader(self._group(machine))
        if leader is None:
            leader = self._boot(machine, spec)
            changed = True
        try:
            changed = self._connect(machine, spec, leader) or changed
        except (PermanentError, TemporaryError) as error:
            container.check_alive(machine.path, leader, error)
            raise
        container.check_alive(machine.path, leader)
        self._note_processes(machine)
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
        for leftover in (network.SOCKET, PROCESSES):
            (machine.path / leftover).unlink(missing_ok=True)
        remove_tree(PROPAGATE / machine.identity)
        return was_running

    def delete(self, name: str) -> bool:
        """Stop it and remove its folder. PermanentError, nothing removed, if something foreign is mounted in it."""
        was_running = self.stop(name)
        return MachineFolder(self._root, name).remove() or was_running

    def capture_layer(self, spec: MachineSpec, digest: str, contents: Mapping[str, str], pins: str = "") -> bool:
        """Stop the machine and keep its changes as a layer; it goes on with that layer and empty changes."""
        hosttools.require(hosttools.MACHINE_TOOLS)
        self.stop(spec.name)
        machine = MachineFolder(self._root, spec.name)
        record = machine.whole()
        if record is not None and record.base not in ("", self.base_digest()):
            self._progress.say("the base system was renewed meanwhile: this machine's software is not kept for others")
            return False
        with self._layers.locked():
            unmount_root(machine.path)
            return self._capture.run(machine, spec, digest, contents, pins)

    def _retag(self, machine: MachineFolder, record: MachineRecord, spec: MachineSpec) -> bool:
        wanted = replace(record, tags=dict(spec.tags), hostname=spec.hostname)
        if wanted != record:
            machine.write(wanted)
        return wanted != record

    def _boot(self, machine: MachineFolder, spec: MachineSpec) -> Process:
        self.stop(machine.name)
        lowers = self._lowers(machine)
        if spec.files and len(lowers) == 1:  # no layer yet
            with self._progress.during("giving the machine the packages of the lock file"):
                supply(self._root / "store", spec.files, machine.downloads)
        self._progress.say(f"starting machine {spec.name}")
        root = mount_root(self._root, machine.path, lowers)
        _seed(root, spec)
        points = {mount.volume: self._volumes.mount(mount.volume) for mount in spec.mounts}
        binds = [
            container.Bind(container.make_fuse_node(machine.path), "/dev/fuse"),
            container.Bind(machine.downloads, DOWNLOADS),
            *(container.Bind(real_folder(points[m.volume], m.folder), m.target) for m in spec.mounts),
            *(container.Bind(_still_real(self._spaces.ensure(m)), m.target, m.read_only) for m in spec.folders),
        ]
        argv = container.nspawn_argv(root, machine.identity, spec.hostname, binds)
        return container.boot(machine.path, self._group(machine), argv, [root, *points.values()])

    def _connect(self, machine: MachineFolder, spec: MachineSpec, leader: Process) -> bool:
        group, names = self._network_group(machine), resolving.of_this_host()
        renewed = _name_servers(machine.path / "root", names)
        helper_is_new = not network.serves(group, leader.pid, names.needs_ipv6) or not network.answers(machine.path)
        if helper_is_new:
            group.kill()
            network.start_helper(machine.path, group, leader.pid, names.needs_ipv6)
        return network.converge_forwards(machine.path, spec.ports) or helper_is_new or renewed

    def _lowers(self, machine: MachineFolder) -> Sequence[Path]:
        record = machine.record()
        if record is None:
            raise PermanentError(f"machine {machine.name} does not exist", "install again")
        layer = [self._layers.path(record.layer)] if record.layer is not None else []
        lowers = [*layer, self._base.path(record.base)]
        for lower in lowers:
            if not lower.is_dir():
                raise PermanentError(f"{lower}, on which machine {machine.name} stands, is gone", "uninstall, install")
        return lowers

    def _note_processes(self, machine: MachineFolder) -> None:
        # for people: we ourselves ask the control groups, which cannot be out of date
        members = [*self._group(machine).processes(), *self._network_group(machine).processes()]
        outer = [one for one in members if is_in_our_namespace(one.pid) or is_namespace_init(one.pid)]
        write_atomic(machine.path / PROCESSES, json.dumps([asdict(one) for one in outer]).encode())

    def _group(self, machine: MachineFolder) -> Group:
        return Group(f"cloudify-scipion-{machine.identity}.machine")

    def _network_group(self, machine: MachineFolder) -> Group:
        return Group(f"cloudify-scipion-{machine.identity}.network")


def _still_real(path: Path) -> Path:
    """The path, again without a symlink: whoever may write in a data space could have put one there meanwhile."""
    return real_folder(Path("/"), str(path.relative_to("/")))


def _seed(root: Path, spec: MachineSpec) -> None:
    own = {
        "/etc/hostname": f"{spec.hostname}\n",
        "/etc/hosts": f"127.0.0.1 localhost\n127.0.1.1 {spec.hostname}\n::1 localhost\n",
        RESOLV_CONF: resolving.of_this_host().text(),
    }
    with folder(root) as opened:
        for path, text in own.items():
            write_inside(opened, path, text.encode(), 0o644)
        for seed in spec.seed:
            write_inside(opened, seed.path, seed.content, seed.mode)


def _name_servers(root: Path, names: resolving.Resolving) -> bool:
    """Tell a running machine which name servers this host has by now. True if it knew others."""
    with folder(root) as opened:
        if read_inside(opened, RESOLV_CONF, len(names.text()) + 1) == names.text().encode():
            return False
        write_inside(opened, RESOLV_CONF, names.text().encode(), 0o644)
    return True
