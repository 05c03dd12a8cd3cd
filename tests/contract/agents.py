"""An agent, its volume and its data space: the fake one, and the real one in plain folders."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Callable
from contextlib import nullcontext, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol
from unittest import mock

from cloudify_scipion.agent import cli
from tests.fakes.agent import FakeAgent, Space, Ways
from tests.unit.agent.rig import OWNER, Rig

THEIRS = {**OWNER, "deployment": "theirs"}


class Agent(Protocol):
    """What the host sees of an agent, and what happens to it."""

    def run(self, work: str) -> int:
        """Do a work; returns its exit code."""

    def status(self) -> dict[str, Any]:
        """What `status --json` prints."""

    def write(self, name: str, content: bytes) -> None:
        """A file of the user's."""

    def delete(self, name: str) -> None:
        """The user removes one."""

    def web(self, name: str, content: bytes) -> None:
        """A file in the data space, put there by others."""

    def saved(self) -> dict[str, bytes]:
        """The data space's files."""

    def close(self) -> None:
        """The working copy is read-only from now on."""

    def is_sealed(self) -> bool:
        """Whether a seal lies on the volume."""

    def lose_space(self) -> None:
        """The data space is not mounted any more."""

    def change_volume(self) -> None:
        """Another project's volume is mounted."""

    def take_space(self) -> None:
        """Another deployment takes the data space."""

    def write_what_is_refused(self) -> str:
        """A file of the user's that cannot be saved; returns its name."""

    def rot(self, name: str) -> None:
        """What the data space holds of a file is not what was written."""


@dataclass
class Fake:
    """The one that tests of the host's side use."""

    config: dict[str, Any] = field(
        default_factory=lambda: {"project": "p1", "volume": "v1", "generation": 1, "fenced": True, "owner": OWNER}
    )
    mark: dict[str, object] = field(default_factory=lambda: {"version": 1, "volume": "v1", "project": "p1"})
    files: dict[str, bytes] = field(default_factory=dict)
    state: dict[str, bytes] = field(default_factory=dict)
    space: Space = field(default_factory=Space)
    ways: Ways = field(default_factory=Ways)
    read_only: bool = False

    def _agent(self) -> FakeAgent:
        now = "2026-11-29T12:00:00+00:00"
        return FakeAgent(self.config, self.mark, self.files, self.state, self.space, self.ways, self.read_only, now, "")

    def run(self, work: str) -> int:
        return self._agent().run(work)

    def status(self) -> dict[str, Any]:
        told: dict[str, Any] = json.loads(json.dumps(self._agent().status()))
        return told

    def write(self, name: str, content: bytes) -> None:
        self.files[name] = content

    def delete(self, name: str) -> None:
        del self.files[name]

    def web(self, name: str, content: bytes) -> None:
        self.space.files[name] = content

    def saved(self) -> dict[str, bytes]:
        return dict(self.space.files)

    def close(self) -> None:
        self.read_only = True

    def is_sealed(self) -> bool:
        return "seal.json" in self.state

    def lose_space(self) -> None:
        self.space.away = "the data space is not mounted"

    def change_volume(self) -> None:
        self.mark["volume"] = "v2"

    def take_space(self) -> None:
        self.space.lease = {"owner": THEIRS, "generation": 1}

    def write_what_is_refused(self) -> str:
        self.write("refused", b"content")
        self.ways.unsavable.add("refused")
        return "refused"

    def rot(self, name: str) -> None:
        self.space.files[name] = b"bitrot!"


class Real:
    """The program, in plain folders."""

    def __init__(self, folder: Path) -> None:
        self.rig = Rig(folder / "volume", folder / "space")
        self._folder = folder
        self._closed = False

    def _command(self, *words: str) -> tuple[int, str]:
        path = self.rig.root / "config.json"
        path.write_text(json.dumps(self.rig.document()))
        out, read_only = io.StringIO(), mock.patch("cloudify_scipion.agent.work.world.is_read_only", lambda _: True)
        with redirect_stdout(out), redirect_stderr(out), read_only if self._closed else nullcontext():
            return cli.main(["--config", str(path), *words]), out.getvalue()

    def run(self, work: str) -> int:
        return self._command("run", work)[0]

    def status(self) -> dict[str, Any]:
        told: dict[str, Any] = json.loads(self._command("status", "--json")[1])
        return told

    def write(self, name: str, content: bytes) -> None:
        self.rig.write(name, content)

    def delete(self, name: str) -> None:
        (self.rig.user / name).unlink()

    def web(self, name: str, content: bytes) -> None:
        self.rig.web(name, content, age=100)

    def saved(self) -> dict[str, bytes]:
        return self.rig.saved()

    def close(self) -> None:
        self._closed = True

    def is_sealed(self) -> bool:
        return (self.rig.state / "seal.json").exists()

    def lose_space(self) -> None:
        shutil.rmtree(self.rig.space)

    def change_volume(self) -> None:
        self.rig.mark.write_text(json.dumps({"version": 1, "volume": "v2", "project": "p2"}))

    def take_space(self) -> None:
        Rig(self._folder / "theirs", self.rig.space, owner=THEIRS).pull()

    def write_what_is_refused(self) -> str:
        self.write(".cloudify-scipion", b"a name that is ours there")
        return ".cloudify-scipion"

    def rot(self, name: str) -> None:
        (self.rig.space / name).write_bytes(b"bitrot!")


MAKERS: dict[str, Callable[[Path], Agent]] = {"fake": lambda _: Fake(), "real": Real}
