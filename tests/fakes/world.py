"""A whole fake installation: state that stays, and as many Services over it as processes would come by."""

from __future__ import annotations

import shutil
from copy import deepcopy
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from cloudify_scipion.adapters import lock
from cloudify_scipion.adapters.files import write_atomic
from cloudify_scipion.adapters.state import ProjectFolders
from cloudify_scipion.lifecycle.facts import Keys
from cloudify_scipion.lifecycle.ports import Services
from cloudify_scipion.lifecycle.record import Record, to_document
from tests.fakes.agent import CONFIG, Space
from tests.fakes.host import APPLIED, FakeHost, fake_provider
from tests.fakes.inside import FakeShell, Workflows
from tests.fakes.ports import FakeClock, FakeInventory, FakeProgress, FakePuppet, FakeSecrets, FakeWeb


class FastProjects(ProjectFolders):
    """The real project folders, but for ssh-keygen."""

    def keys(self, project: str) -> Keys:
        path = self.folder(project) / "ssh/login_ed25519.pub"
        if not path.exists():
            write_atomic(path, f"ssh-ed25519 AAAA{project}".encode())
        return Keys(path.read_text(), b"host private", "ssh-ed25519 BBBB")


@dataclass
class World:
    """`root` is the state root on disk; everything else is in memory."""

    root: Path
    host: FakeHost = field(default_factory=FakeHost)
    clock: FakeClock = field(default_factory=FakeClock)
    progress: FakeProgress = field(default_factory=FakeProgress)
    secrets: FakeSecrets = field(default_factory=FakeSecrets)
    puppet: FakePuppet = field(default_factory=FakePuppet)
    workflows: Workflows = field(default_factory=Workflows)
    sent: list[tuple[tuple[str, ...], bytes]] = field(default_factory=list)
    broken: dict[str, str] = field(default_factory=dict)
    mute: bool = False

    def services(self) -> Services:
        projects = FastProjects(self.root)
        return Services(
            projects=projects,
            provider=lambda site: fake_provider(self.host, projects, self.root, site),
            puppet=self.puppet,
            inventory=FakeInventory(self.host),
            secrets=self.secrets,
            clock=self.clock,
            progress=self.progress,
            connect=lambda record: self._shell(projects, record),
            web=FakeWeb(self.host, self.mute),
        )

    def _shell(self, projects: ProjectFolders, record: Record) -> FakeShell:
        record.port("ssh")
        login = projects.keys(record.project).login_public
        return FakeShell(self.host, self.clock, self.workflows, record, login, self.sent, self.broken)

    def record(self, project: str = "relion-2d") -> Record:
        record = FastProjects(self.root).load(project)
        assert record is not None
        return record

    def known(self, project: str = "relion-2d") -> bool:
        return FastProjects(self.root).load(project) is not None

    def write(self, name: str, content: bytes, project: str = "relion-2d") -> None:
        """A file of the user's, written on the running machine."""
        self.host.volumes[self.record(project).volume].files[name] = content

    def space(self, project: str = "relion-2d") -> Space:
        """The project's folder of the data space."""
        return self.host.spaces.setdefault(f"/fake/spaces/local/{project}", Space())

    def work(self, work: str, project: str = "relion-2d") -> int:
        """A work of the agent, as a timer starts it; returns its exit code."""
        shell = self.services().connect(self.record(project))
        assert isinstance(shell, FakeShell)
        return shell.agent().run(work)

    def wait(self, minutes: float, project: str = "relion-2d") -> None:
        """Time passes, minute by minute, for the machine's own watch over a seal, too."""
        shell = self.services().connect(self.record(project))
        assert isinstance(shell, FakeShell)
        for _ in range(int(minutes)):
            self.clock.sleep(60)
            shell.reopen()

    def facts(self) -> dict[str, Any]:
        """All that is there, without what differs from run to run: generations, times, the order of layers."""
        known = FastProjects(self.root).readable()
        records = [replace(r, generation=0, events=(), created="", expires="", saved={}) for r in known]
        return {
            "records": [to_document(record) for record in records],
            "machines": {
                n: [d.layer, _same(d.files), d.ports, d.volumes, d.running, d.network, sorted(d.units), d.read_only]
                for n, d in self.host.machines.items()
            },
            "lost": sorted(self.host.folderless),
            "volumes": {n: [v.size, v.files, v.attached, "seal.json" in v.agent] for n, v in self.host.volumes.items()},
            "spaces": {n: s.files for n, s in self.host.spaces.items()},
            "layers": {n: [layer.contents, _same(layer.files), layer.pins] for n, layer in self.host.layers.items()},
            "folders": sorted(str(p.relative_to(self.root)) for p in self.root.glob("projects/**/*") if p.is_file()),
        }

    def copy(self, root: Path) -> World:
        """The same installation once more, at another root."""
        shutil.copytree(self.root, root, dirs_exist_ok=True)
        parts = {f.name: deepcopy(getattr(self, f.name)) for f in fields(self) if f.name != "root"}
        return World(root, **parts)

    def end_process(self) -> None:
        end_process(self.root)

    def close(self) -> None:
        self.end_process()
        shutil.rmtree(self.root, ignore_errors=True)


def end_process(root: Path) -> None:
    """What the end of a process does: its locks of an installation are free."""
    for path in [*lock._HELD]:
        if root in path.parents:
            lock.release(path)


def _same(files: dict[str, bytes]) -> dict[str, bytes]:
    """A machine's files; what the agent is told differs from generation to generation, and memories of runs may."""
    remembered = {name: content for name, content in files.items() if not name.startswith(f"{APPLIED}/")}
    told = (CONFIG, "/etc/puppet-project-data")
    return {name: b"" if name in told else content for name, content in remembered.items()}
