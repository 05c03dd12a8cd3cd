"""The provider `local`: containers, volumes and software layers on this very host."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cloudify_scipion.adapters.local.access import Access
from cloudify_scipion.adapters.local.addresses import local_endpoint, ports_of, reserve_ports
from cloudify_scipion.adapters.local.empty import remove_empty
from cloudify_scipion.adapters.local.hosttools import require_root
from cloudify_scipion.adapters.local.layers import LayerCache
from cloudify_scipion.adapters.local.machine import NspawnMachines
from cloudify_scipion.adapters.local.volumes import LoopVolumes
from cloudify_scipion.lifecycle.facts import Endpoint
from cloudify_scipion.lifecycle.ports import Services
from cloudify_scipion.lifecycle.record import Record


class LocalProvider:
    """Implements the port Provider below the state root; the site says which ports of the host there are."""

    fenced = True
    """A project's machine is ended before the next one begins, and both are on this host."""
    private = True
    """Services answer on the loopback."""

    def __init__(self, services: Services, root: Path, site: Mapping[str, Any]) -> None:
        self._projects, self._root, self._ports = services.projects, root, ports_of(site)
        self.machines = NspawnMachines(root, services.progress)
        self.volumes = LoopVolumes(root, services.progress)
        self.layers = LayerCache(root)
        self.access = Access()

    def require_access(self) -> None:
        """Raise PermanentError, with the command to use, unless this process is root's."""
        require_root()

    def reserve(self, record: Record, services: Sequence[str]) -> Mapping[str, int]:
        """Ports of this host's loopback."""
        return reserve_ports(self._projects, self._root, record, services, self._ports)

    def endpoint(self, record: Record, service: str) -> Endpoint:
        """Where a service answers on this host."""
        return local_endpoint(record, service)

    def remove_empty(self) -> bool:
        """Remove folders and lock files of ours that hold nothing."""
        return remove_empty(self._root)
