"""A whole installation on a toy site: what stays is on disk, and every process gets ports of its own over it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from cloudify_scipion.adapters.providers import PROVIDERS, make_provider
from cloudify_scipion.lifecycle.ports import Services
from cloudify_scipion.lifecycle.record import Record
from cloudify_scipion.project import providers
from cloudify_scipion.project.documents import Findings
from cloudify_scipion.project.providers import ProviderFacts
from cloudify_scipion.project.schema import schema
from tests.fakes.inside import Workflows
from tests.fakes.ports import FakeClock, FakeInventory, FakeProgress, FakePuppet, FakeSecrets
from tests.fakes.world import FastProjects, end_process
from tests.toy.inside import ToyShell, ToyView, ToyWeb
from tests.toy.machines import ToyHost
from tests.toy.provider import ToyProvider

SITE = Path(__file__).parent / "site.yaml"
SAID = {
    "description": "folders of this host",
    "properties": {"shelf": {"description": "The folder of the state root that holds them.", "type": "string"}},
}
"""What a site file may say of it."""


@contextmanager
def registered() -> Iterator[None]:
    """All that the package has to be told of a new provider: who makes it, and what a site file of it may say."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(PROVIDERS, "toy", ToyProvider)
        patch.setitem(providers.PROVIDERS, "toy", ProviderFacts(SAID, folders=True, rules=_rules))
        schema.cache_clear()
        yield
    schema.cache_clear()


def _rules(site: Mapping[str, Any]) -> Findings:
    if site.get("shelf") == "toy":
        yield "$.shelf", "this is the provider's name"


@dataclass
class ToyInstallation:
    """`root` is the state root. What the machines' agents do, and Puppet, is faked; where it happens is not."""

    root: Path
    view: ToyView = field(init=False)
    clock: FakeClock = field(default_factory=FakeClock)
    progress: FakeProgress = field(default_factory=FakeProgress)
    puppet: FakePuppet = field(default_factory=FakePuppet)
    workflows: Workflows = field(default_factory=Workflows)

    def __post_init__(self) -> None:
        self.view = ToyView(ToyHost(self.root / "shelf-1"))

    def services(self) -> Services:
        projects = FastProjects(self.root)

        def connect(record: Record) -> ToyShell:
            endpoint = str(services.of(record).endpoint(record, "ssh"))
            login = projects.keys(record.project).login_public
            return ToyShell(
                self.view.as_fake, self.clock, self.workflows, record, login, [], {}, endpoint=endpoint
            )  # fmt: skip

        services = Services(
            projects=projects,
            provider=lambda site: make_provider(services, self.root, site),
            puppet=self.puppet,
            inventory=FakeInventory(self.view.as_fake),
            secrets=FakeSecrets(),
            clock=self.clock,
            progress=self.progress,
            connect=connect,
            web=ToyWeb(self.view.host),
        )
        return services

    def record(self, project: str = "relion-2d") -> Record:
        record = FastProjects(self.root).load(project)
        assert record is not None
        return record

    def known(self, project: str = "relion-2d") -> bool:
        return FastProjects(self.root).load(project) is not None

    def end_process(self) -> None:
        end_process(self.root)
