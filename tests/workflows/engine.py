"""Cloudify's own engine for the local profile, with its state in files, over a fake installation."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cloudify.workflows import local

from cloudify_scipion.lifecycle.ports import Services
from tests.fakes.deployment import SITE, services_from, write_demo
from tests.fakes.kill import Reaper
from tests.fakes.world import World

KILLED = 9


@dataclass
class Engine:
    """Deployments of the demo's blueprint. `services` makes the ports of every operation."""

    world: World
    folder: Path
    site: Path = SITE
    services: Callable[[], Services] = field(init=False)

    def __post_init__(self) -> None:
        self.services = self.world.services
        self.blueprint = write_demo(self.folder / "blueprint", self.site)

    @property
    def _storage(self) -> Any:
        return local.FileStorage(str(self.folder / "profile"))

    def init(self, inputs: dict[str, Any] | None = None, name: str = "relion-2d") -> None:
        """As `cfy init`, and as the beginning of `cfy install`: an older deployment of that name is forgotten."""
        storage = self._storage
        if storage.get_blueprint(name) is not None:
            storage.remove_deployment(name)
            storage.remove_blueprint(name)
        local.init_env(str(self.blueprint), name=name, inputs=inputs, storage=storage)

    def execute(
        self, workflow: str, name: str = "relion-2d", reaper: Reaper | None = None, retries: int = 0, **parameters: Any
    ) -> None:
        """As `cfy executions start`."""
        environment = local.load_env(name, self._storage)
        try:
            with services_from(self.services, reaper):
                environment.execute(workflow, parameters, task_retries=retries, task_retry_interval=0)
        finally:
            self.world.end_process()

    def install(self, inputs: dict[str, Any] | None = None, name: str = "relion-2d") -> None:
        """As `cfy install`."""
        self.init(inputs, name)
        self.execute("install", name)

    def execute_killed(self, workflow: str, reaper: Reaper) -> str:
        """The same in a process that dies where the reaper says; returns where that was. The world lives on."""
        kept = self.folder / "world"

        def die() -> None:
            kept.write_bytes(pickle.dumps((reaper.name, self.world)))
            os._exit(KILLED)

        reaper.die = die
        child = os.fork()
        if child == 0:
            try:
                self.execute(workflow, reaper=reaper)
            finally:
                os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == KILLED, "it was not killed"
        where, world = pickle.loads(kept.read_bytes())
        self.world.__dict__.update(world.__dict__)
        return str(where)

    def runtime(self, node: str, name: str = "relion-2d") -> dict[str, Any]:
        (instance,) = self._storage.get_node_instances(name, node)
        return dict(instance.runtime_properties)

    def states(self, name: str = "relion-2d") -> set[str]:
        return {instance.state for instance in self._storage.get_node_instances(name)}

    def outputs(self, name: str = "relion-2d") -> dict[str, Any]:
        return dict(local.load_env(name, self._storage).outputs())
