"""The demo's deployment without Cloudify's engine: its nodes as planned, its operations called one by one."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any

from cloudify.exceptions import NonRecoverableError
from cloudify.state import current_ctx
from cloudify.workflows import local

from cloudify_scipion.blueprint.render import WORKFLOW_FILE, render
from cloudify_scipion.catalogue.pins.file import FILE
from cloudify_scipion.lifecycle.ports import Services
from cloudify_scipion.operations import boundary
from cloudify_scipion.project.load import load_inputs
from cloudify_scipion.resources import plugin_description
from cloudify_scipion.workflows import boundary as workflows_boundary
from tests.fakes.kill import Reaper
from tests.fakes.world import World

ROOT = Path(__file__).resolve().parents[2]
DEMO, SITE = ROOT / "inputs/projects/relion-2d.json", ROOT / "inputs/sites/this-machine.yaml"
LOCK = b""
"""A lock file that the demo is rendered with; after a change, `planned.cache_clear()`."""
DISCARD: dict[str, Any] = {"volume_at_end": "discard"}
"""Inputs of a project whose volume goes at the end, saved or not."""
UNSAVED: dict[str, Any] = {"data": {}}
"""Inputs of a project that has no data space."""
LIFECYCLE = "cloudify.interfaces.lifecycle"
INSTALL = (
    ("volume", "precreate"), ("volume", "create"), ("machine", "create"), ("machine", "start"), ("software", "create"),
    ("working_copy", "create"), ("working_copy", "start"),
    ("scipion_project", "create"), ("scipion_project", "start"), ("desktop", "create"), ("desktop", "start"),
)  # fmt: skip
GATE = ("seal", "prestop")
UNINSTALL = (
    ("desktop", "stop"), ("scipion_project", "stop"), ("machine", "stop"), ("machine", "delete"), ("volume", "delete"),
)  # fmt: skip


def write_demo(out: Path, site: Path = SITE) -> Path:
    """The demo's blueprint folder for a site; returns its blueprint.yaml."""
    for name, content in _rendered(LOCK, site).items():
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        (out / name).write_bytes(content)
    return out / "blueprint.yaml"


@cache
def _rendered(lock: bytes, site: Path = SITE) -> Mapping[str, bytes]:
    loaded = load_inputs(DEMO, site)
    return render(loaded.project, loaded.site_document, plugin_description(), lock)


@cache
def planned(inputs: str = "{}") -> tuple[Mapping[str, Any], bytes]:
    """The nodes of the demo by id, all functions evaluated for these inputs (JSON), and the workflow's file."""
    with TemporaryDirectory() as folder:
        environment = local.init_env(str(write_demo(Path(folder, "demo"))), inputs=json.loads(inputs))
        nodes = environment.storage.get_nodes(evaluate_functions=True)
        return {node["id"]: node for node in nodes}, Path(folder, "demo", WORKFLOW_FILE).read_bytes()


@dataclass
class Deployment:
    """A deployment of the demo on `world`, with other `inputs`. Every operation gets Services of its own."""

    world: World
    inputs: dict[str, Any] = field(default_factory=dict)
    name: str = "relion-2d"
    tenant: str = "default_tenant"
    workflow: str = "install"
    local: bool = True
    workflow_file: bytes | None = None
    runtime: dict[str, dict[str, Any]] = field(default_factory=dict)
    log: list[str] = field(default_factory=list)

    def operation(
        self, node: str, name: str, reaper: Reaper | None = None, interface: str = LIFECYCLE, **given: Any
    ) -> Any:
        nodes, _ = planned(json.dumps(self.inputs))
        asked = nodes[node]["operations"][f"{interface}.{name}"]
        module, _, function = asked["operation"].rpartition(".")
        with self._context(node), services_from(self.world.services, reaper):
            return getattr(import_module(module), function)(**{**asked["inputs"], **given})

    def check(self, node: str) -> Any:
        return self.operation(node, "check_status", interface="cloudify.interfaces.validation")

    def run(
        self, operations: Sequence[tuple[str, str]], reaper: Reaper | None = None, ignore_failure: bool = False
    ) -> None:
        for node, name in operations:
            with suppress(*[NonRecoverableError] * ignore_failure):
                self.operation(node, name, reaper)

    def install(self, reaper: Reaper | None = None) -> None:
        self.workflow = "install"
        self.run(INSTALL, reaper)

    def uninstall(self, reaper: Reaper | None = None) -> None:
        self.workflow = "uninstall"
        self.run((GATE, *UNINSTALL), reaper)

    def __post_init__(self) -> None:
        if "data" in self.inputs:
            return
        if "site" in self.inputs:  # one without data spaces
            self.inputs = {**self.inputs, **UNSAVED}
        elif "project_id" in self.inputs:  # a folder of its own
            self.inputs = {**self.inputs, "data": {"project": {"source": f"local:{self.inputs['project_id']}"}}}

    @contextmanager
    def _context(self, node: str) -> Iterator[None]:
        nodes, _ = planned(json.dumps(self.inputs))
        properties = json.loads(json.dumps(nodes[node]["properties"]))
        logger = logging.Logger("operation")
        logger.addHandler(_Lines(self.log))
        current_ctx.set(
            SimpleNamespace(
                logger=logger,
                workflow_id=self.workflow,
                tenant_name=self.tenant,
                deployment=SimpleNamespace(id=self.name),
                node=SimpleNamespace(id=node, properties=properties),
                instance=self._instance(node),
                get_resource=self._resource,
                _context={"local": self.local},
            )
        )  # fmt: skip
        try:
            yield
        finally:
            current_ctx.clear()

    def _instance(self, node: str) -> SimpleNamespace:
        """The node's only instance, and those that it stands on."""
        nodes, _ = planned(json.dumps(self.inputs))
        targets = [SimpleNamespace(target=SimpleNamespace(instance=self._instance(related["target_id"])))
                   for related in nodes[node]["relationships"]]  # fmt: skip
        return SimpleNamespace(
            id=node, runtime_properties=self.runtime.setdefault(node, {}), update=lambda: None, relationships=targets
        )

    def _resource(self, name: str) -> bytes:
        if name == FILE:
            return LOCK
        return planned(json.dumps(self.inputs))[1] if self.workflow_file is None else self.workflow_file


@contextmanager
def services_from(make: Callable[[], Services], reaper: Reaper | None = None) -> Iterator[None]:
    """Every operation meanwhile gets these services, which kill it where the reaper says."""
    real = boundary.make_services

    def made(_: object) -> Services:
        return reaper.over(make()) if reaper else make()

    boundary.make_services = workflows_boundary.make_services = made
    try:
        yield
    finally:
        boundary.make_services = workflows_boundary.make_services = real


class _Lines(logging.Handler):
    def __init__(self, lines: list[str]) -> None:
        super().__init__()
        self._lines = lines

    def emit(self, record: logging.LogRecord) -> None:
        self._lines.append(record.getMessage())
