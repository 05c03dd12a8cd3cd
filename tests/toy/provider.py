"""A provider of the tests: machines, volumes and layers are folders, and whoever may write there may use it.

Every machine has a name of its own as its address, as on a cloud: no ports are reserved.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cloudify_scipion.errors import PermanentError
from cloudify_scipion.lifecycle.facts import Endpoint
from cloudify_scipion.lifecycle.machine import SERVES
from cloudify_scipion.lifecycle.ports import Services, Shell
from cloudify_scipion.lifecycle.record import Record
from tests.toy.machines import ToyHost, ToyLayers, ToyMachines
from tests.toy.volumes import ToyVolumes

DOMAIN = "toy.invalid"


class ToyAccess:
    """The port Access: nothing is behind a mirror."""

    def give(self, shell: Shell, folder: str, locked: bool = False) -> str:
        return f"{folder}/environment"

    def index_name(self) -> str:
        return "PyPI"


class ToyProvider:
    """Implements the port Provider below the folder of the state root that the site file names."""

    fenced = True
    private = False

    def __init__(self, services: Services, root: Path, site: Mapping[str, Any]) -> None:
        self.host = ToyHost(root / str(site.get("shelf", "toy")))
        self.machines, self.volumes = ToyMachines(self.host), ToyVolumes(self.host.root)
        self.layers, self.access = ToyLayers(self.host), ToyAccess()

    def require_access(self) -> None:
        """Everybody may."""

    def reserve(self, record: Record, services: Sequence[str]) -> Mapping[str, int]:
        return {}

    def endpoint(self, record: Record, service: str) -> Endpoint:
        if not self.machines.look(record.machine).exists:
            raise PermanentError(f"project '{record.project}' has no machine", "install it")
        return Endpoint(f"{record.machine}.{DOMAIN}", SERVES[service])

    def remove_empty(self) -> bool:
        root = self.host.root
        if any(root.glob("machines/*")) or self.volumes.all() or self.layers.list():
            return False
        shutil.rmtree(root, ignore_errors=True)
        return True
