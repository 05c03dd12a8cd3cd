"""Wires the ports of an installation."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from cloudify_scipion.adapters.clock import SystemClock
from cloudify_scipion.adapters.inventory import InventoryOverSsh
from cloudify_scipion.adapters.progress import LineProgress
from cloudify_scipion.adapters.providers import make_provider
from cloudify_scipion.adapters.puppet import PuppetOverSsh
from cloudify_scipion.adapters.secrets import FileSecrets
from cloudify_scipion.adapters.ssh import SshShell
from cloudify_scipion.adapters.ssh_keys import LOGIN, write_known_hosts
from cloudify_scipion.adapters.state import ProjectFolders, check_owner, state_root
from cloudify_scipion.adapters.web import GatewayProbe
from cloudify_scipion.lifecycle.ports import Services, Shell
from cloudify_scipion.lifecycle.record import Record
from cloudify_scipion.resources import made_files, puppet_folder


def make_services(write: Callable[[str], object], root: Path | None = None) -> Services:
    """All ports over one state root; `write` gets the lines of progress.

    Raises PermanentError, with the command to use, for anybody to whom the state root is closed.
    """
    root = root or state_root()
    check_owner(root)
    progress, projects = LineProgress(write), ProjectFolders(root)
    services: Services = Services(
        projects=projects,
        provider=lambda site: make_provider(services, root, site),
        puppet=PuppetOverSsh(puppet_folder(), progress, made_files),
        inventory=InventoryOverSsh(progress),
        secrets=FileSecrets(root / "secrets"),
        clock=SystemClock(),
        progress=progress,
        connect=lambda record: _connect(services, projects, record),
        web=GatewayProbe(),
    )
    return services


def _connect(services: Services, projects: ProjectFolders, record: Record) -> Shell:
    endpoint, folder = services.of(record).endpoint(record, "ssh"), projects.folder(record.project) / "ssh"
    known_hosts = write_known_hosts(folder, endpoint, projects.keys(record.project).host_public)
    return SshShell(record.machine, endpoint, folder / LOGIN, known_hosts)
