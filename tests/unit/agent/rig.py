"""A machine with a volume, a data space and the agent, in plain folders, with a clock that tests set."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from cloudify_scipion.agent.config import Config, config_from
from cloudify_scipion.agent.ports.clock import Clock
from cloudify_scipion.agent.ports.index import Index
from cloudify_scipion.agent.ports.retrying_tree import RetryingTree
from cloudify_scipion.agent.ports.tree import Tree
from cloudify_scipion.agent.work.lease import lease
from cloudify_scipion.agent.work.pull import pull
from cloudify_scipion.agent.work.pull.find_new import Pulled
from cloudify_scipion.agent.work.push import push
from cloudify_scipion.agent.work.push.tally import Saved
from cloudify_scipion.agent.work.seal import seal, verify
from cloudify_scipion.agent.work.seal.verify import Verified
from cloudify_scipion.agent.work.telling import Progress
from cloudify_scipion.agent.work.world import World

OWNER = {"installation": "i1", "tenant": "local", "deployment": "demo"}


@dataclass
class TestClock(Clock):
    """Starts well after the files that a test makes, so that nothing is young; goes on only when it is told to."""

    __test__ = False
    ahead: float = 100.0
    since_boot: float = 1000.0
    boot_id: str = "boot-1"

    def now(self) -> float:
        return time.time() + self.ahead

    def elapsed(self) -> float:
        return self.since_boot

    def boot(self) -> str:
        return self.boot_id

    def sleep(self, seconds: float) -> None:
        self.pass_time(seconds)

    def pass_time(self, seconds: float) -> None:
        self.ahead += seconds
        self.since_boot += seconds


@dataclass
class Rig:
    """One machine of a project. Its volume is `root`, the project's folder in the data space `space`."""

    root: Path
    space: Path
    machine: str = "m1"
    generation: int = 1
    owner: dict[str, str] = field(default_factory=lambda: dict(OWNER))
    project: str = "p1"
    fenced: bool = True
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    trash_bytes: int = 0
    trash_days: int = 7
    verify: str = ""
    syncs_whole: bool = True
    grant: str = ""
    clock: TestClock = field(default_factory=TestClock)
    workers: int = 2
    trees: Callable[[str], Tree] = Tree
    indexes: Callable[[Path], Index] = Index
    closed: bool = True
    """Whether nobody can write to the working copy where it is sealed, whatever the kernel says."""

    def __post_init__(self) -> None:
        for folder in ("user", "agent", "agent/tmp", "agent/results", "run/requests"):
            (self.root / folder).mkdir(parents=True, exist_ok=True)
        self.space.mkdir(parents=True, exist_ok=True)
        self.mark = self.root / "volume.json"
        if not self.mark.exists():
            self.mark.write_text(json.dumps({"version": 1, "volume": "v1", "project": self.project}))

    @property
    def user(self) -> Path:
        return self.root / "user"

    @property
    def state(self) -> Path:
        return self.root / "agent"

    def config(self) -> Config:
        return config_from(self.document())

    def document(self) -> dict[str, Any]:
        return {
            "version": 1, "project": self.project, "owner": self.owner, "machine": self.machine,
            "generation": self.generation, "fenced": self.fenced, "volume": "v1", "mark": str(self.mark),
            "tree": str(self.user), "state": str(self.state), "user_path": str(self.user), "user": os.getuid(),
            "run": str(self.root / "run"), "include": self.include, "exclude": self.exclude,
            "space": {"kind": "any", "path": str(self.space), "verify": self.verify, "grant": self.grant,
                      "syncs_whole": self.syncs_whole},
            "trash_bytes": self.trash_bytes, "trash_days": self.trash_days,
        }  # fmt: skip

    @contextmanager
    def world(self) -> Iterator[World]:
        trees = [RetryingTree(self.trees(str(folder))) for folder in (self.user, self.state, self.space)]
        index = self.indexes(self.state / "index.sqlite")
        world = World(self.config(), *trees, index, self.clock, Progress(None, "test"), self.workers)
        if self.closed:
            world = replace(world, is_closed=lambda _: True)
        world.session.beat = lambda: lease.beat_when_due(world)
        try:
            yield world
        finally:
            index.close()
            for tree in (world.tree, world.state, world.space):
                tree.leave()

    def pull(self) -> Pulled:
        with self.world() as world:
            return pull.pull(world)

    def scan(self) -> Pulled:
        with self.world() as world:
            push.ready(world)
            return pull.scan(world)

    def push(self) -> Saved:
        with self.world() as world:
            return push.push(world)

    def verify_all(self) -> Verified:
        with self.world() as world:
            lease.renew(world)
            return verify.verify(world)

    def seal(self) -> seal.Seal:
        with self.world() as world:
            push.ready(world)
            return seal.seal(world)

    def alarms(self) -> list[str]:
        with self.world() as world:
            return [text for _, _, text in world.index.people.events(kind="alarm")]

    def events(self) -> list[str]:
        with self.world() as world:
            return [text for _, _, text in world.index.people.events()]

    def questions(self) -> list[str]:
        with self.world() as world:
            return [question["id"] for question in world.index.people.questions()]

    def answer(self, name: str, word: str) -> None:
        with self.world() as world:
            assert world.index.people.answer(name, word)
            world.index.commit()

    # what a test writes

    def write(self, path: str, content: bytes | str = b"content", age: float = 3600.0) -> Path:
        return write(self.user / path, content, age)

    def web(self, path: str, content: bytes | str = b"content", age: float = 0.0) -> Path:
        return write(self.space / path, content, age)

    def saved(self) -> dict[str, bytes]:
        return contents(self.space)

    def local(self) -> dict[str, bytes]:
        return contents(self.user)

    def trash(self) -> dict[str, bytes]:
        return contents(self.space / ".cloudify-scipion/trash", hidden=True)


def write(path: Path, content: bytes | str, age: float = 0.0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    when = time.time() - age
    os.utime(path, (when, when))
    return path


def contents(folder: Path, hidden: bool = False) -> dict[str, bytes]:
    """All files below a folder; links as `-> TARGET`. Our own folder only if `hidden`."""
    found: dict[str, bytes] = {}
    for where, folders, files in os.walk(folder):
        if not hidden and ".cloudify-scipion" in folders:
            folders.remove(".cloudify-scipion")
        for name in [*files, *(f for f in folders if Path(where, f).is_symlink())]:
            path = Path(where, name)
            key = str(path.relative_to(folder))
            if not path.is_symlink() and not path.is_file():
                continue  # pipes, sockets, devices
            found[key] = b"-> " + os.fsencode(path.readlink()) if path.is_symlink() else path.read_bytes()
    return found
