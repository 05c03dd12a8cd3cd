"""A machine of a project whose data space is a hostile mount: works are run as systemd runs them, by the command."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

from cloudify_scipion.agent import cli
from cloudify_scipion.agent.commands import opening, run
from tests.hostile.space import HostileSpace
from tests.unit.agent.rig import Rig, contents, write

RESERVED = ".cloudify-scipion"
MANY = 12
"""Small files of the project that the tests save: more than there are threads."""


@dataclass
class Ended:
    """How a work ended, as its result tells everybody."""

    code: int
    message: str
    next_step: str
    facts: dict[str, Any]


@dataclass
class Machine(Rig):
    """`backing` is the project's folder as the provider has it: there `web` writes, there is looked what is saved."""

    backing: Path = Path("/nowhere")
    syncs_whole: bool = False
    grant: str = "the operator lets the token's owner write there"

    def web(self, path: str, content: bytes | str = b"content", age: float = 0.0) -> Path:
        return write(self.backing / path, content, age)

    def saved(self) -> dict[str, bytes]:
        return contents(self.backing)

    def trash(self) -> dict[str, bytes]:
        return contents(self.backing / RESERVED / "trash", hidden=True)

    def everything(self) -> set[bytes]:
        """All contents of the project that the data space has anywhere."""
        found = contents(self.backing, hidden=True).items()
        ours = [f"{RESERVED}/{folder}" for folder in ("lease/", "manifest/", "tmp/", "space.json", "seal.json")]
        return {content for path, content in found if not path.startswith(tuple(ours))}

    def conflicts(self) -> list[str]:
        return sorted(path for path in {**self.saved(), **self.local()} if ".conflict-" in path)

    def work(self, name: str) -> Ended:
        """`scipion-data run NAME`, and what it says."""
        file = self.root / "config.json"
        file.write_text(json.dumps(self.document()))
        before = os.umask(0o022)
        try:
            with (
                patch.object(opening, "Clock", lambda: self.clock),
                patch.object(run, "Clock", lambda: self.clock),
                patch("cloudify_scipion.agent.work.world.is_read_only", lambda _: True),
            ):
                code = cli.main(["--config", str(file), "run", name])
        finally:
            os.umask(before)
        told = json.loads((self.state / f"results/{name}.json").read_bytes())
        assert told["code"] == code
        return Ended(code, told["message"], told["next"], told["facts"])

    def start(self, name: str) -> Future[Ended]:
        """The same in a thread of its own, which a hung mount may keep."""
        future: Future[Ended] = Future()

        def run() -> None:
            try:
                future.set_result(self.work(name))
            except BaseException as error:  # noqa: BLE001 - for whoever waits
                future.set_exception(error)

        threading.Thread(target=run, daemon=True).start()
        return future

    def done(self, *names: str) -> Ended:
        """Works that must succeed."""
        for name in names:
            ended = self.work(name)
            assert (ended.code, ended.message) == (0, ""), (name, ended)
        return ended

    def refused(self, name: str, codes: int | tuple[int, ...], *words: str) -> Ended:
        """A work that must fail with that exit code, saying these words."""
        ended = self.work(name)
        assert ended.code in ((codes,) if isinstance(codes, int) else codes), ended
        assert all(word in ended.message for word in words), (name, ended)
        assert ended.next_step, ended
        return ended


def fill(machine: Machine) -> None:
    """A project with everything that is hard to keep."""
    for number in range(MANY):
        machine.write(f"small/{number}", f"small {number}")
    machine.write("large", os.urandom(3_000_000))
    machine.write("empty", b"")
    machine.write("with space/ü/µ", b"text")
    machine.write("line\nbreak", b"odd")
    odd = os.fsencode(machine.user) + b"/odd \xff/file"
    os.makedirs(os.path.dirname(odd))  # noqa: PTH103, PTH120 - bytes
    Path(os.fsdecode(odd)).write_bytes(b"odder")
    (machine.user / "link").symlink_to("small/0")
    os.link(machine.user / "small/1", machine.user / "hard link")
    (machine.user / "folder/empty").mkdir(parents=True)
    machine.write("script", b"#!/bin/sh").chmod(0o755)


def change(machine: Machine) -> None:
    """Changes of all kinds; of every file that is changed or deleted the first version must be kept."""
    machine.write("small/2", b"changed 2", age=60)
    machine.write("large", os.urandom(2_000_000), age=60)
    (machine.user / "small/3").unlink()
    (machine.user / "small/4").rename(machine.user / "moved")
    (machine.user / "with space").rename(machine.user / "moved folder")
    machine.write("new/one", b"new")


@contextmanager
def on(mounted: HostileSpace, folder: Path, backing: Path, **named: Any) -> Iterator[Machine]:
    """A machine on a mount of `backing`, and a second mount for its `verify`."""
    project = backing / "project"
    project.mkdir(exist_ok=True)
    with HostileSpace(backing) as second:
        yield Machine(
            folder, mounted.space / "project", verify=str(second.mountpoint / "project"), backing=project, **named
        )
