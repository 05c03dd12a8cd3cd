"""Wires the ports for machines on this host."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from cloudify_scipion.adapters.clock import SystemClock
from cloudify_scipion.adapters.inventory import InventoryOverSsh
from cloudify_scipion.adapters.local.access import Access
from cloudify_scipion.adapters.local.data_folders import HostFolders
from cloudify_scipion.adapters.local.layers import LayerCache
from cloudify_scipion.adapters.local.machine import NspawnMachines
from cloudify_scipion.adapters.local.volumes import LoopVolumes
from cloudify_scipion.adapters.progress import LineProgress
from cloudify_scipion.adapters.puppet import PuppetOverSsh
from cloudify_scipion.adapters.secrets import FileSecrets
from cloudify_scipion.adapters.ssh import SshShell
from cloudify_scipion.adapters.ssh_keys import LOGIN, write_known_hosts
from cloudify_scipion.adapters.state import ProjectFolders, state_root
from cloudify_scipion.adapters.web import GatewayProbe
from cloudify_scipion.lifecycle.ports import Services, Shell
from cloudify_scipion.lifecycle.record import Record
from cloudify_scipion.resources import made_files, puppet_folder


def local_services(write: Callable[[str], object], root: Path | None = None) -> Services:
    """All ports for the local provider; `write` gets the lines of progress."""
    root = root or state_root()
    progress, projects = LineProgress(write), ProjectFolders(root)
    return Services(
        projects=projects,
        machines=NspawnMachines(root, progress),
        volumes=LoopVolumes(root, progress),
        folders=HostFolders(root / "spaces"),
        layers=LayerCache(root),
        puppet=PuppetOverSsh(puppet_folder(), Access(), progress, made_files),
        inventory=InventoryOverSsh(Access(), progress),
        secrets=FileSecrets(root / "secrets"),
        clock=SystemClock(),
        progress=progress,
        connect=lambda record: _connect(projects, record),
        web=GatewayProbe(),
    )


def _connect(projects: ProjectFolders, record: Record) -> Shell:
    port, folder = record.port("ssh"), projects.folder(record.project) / "ssh"
    known_hosts = write_known_hosts(folder, port, projects.keys(record.project).host_public)
    return SshShell(record.machine, "127.0.0.1", port, folder / LOGIN, known_hosts)
