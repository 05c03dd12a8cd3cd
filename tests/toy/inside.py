"""The inside of a toy machine: the commands that the use cases run, on the files of its folder."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, MutableMapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

from cloudify_scipion.adapters.files import write_atomic
from cloudify_scipion.errors import MachineUnreachable
from cloudify_scipion.lifecycle.facts import CommandResult
from cloudify_scipion.lifecycle.layout import AGENT_FOLDER, MARK, USER_FOLDER
from tests.fakes.agent import Space, Ways
from tests.fakes.host import APPLIED, Disk, FakeHost, Layer, Volume, Work
from tests.fakes.inside import GATEWAY, FakeShell
from tests.toy.machines import ToyHost, ToyLayers
from tests.toy.provider import DOMAIN
from tests.toy.volumes import ToyVolumes


class FolderFiles(MutableMapping[str, bytes]):
    """The files below a folder by their paths in it; `top` is what a path begins with. Mounts are not followed."""

    def __init__(self, folder: Path, top: str = "") -> None:
        self._folder, self._top = folder, top

    def __getitem__(self, name: str) -> bytes:
        try:
            return self._path(name).read_bytes()
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
            raise KeyError(name) from error

    def __setitem__(self, name: str, content: bytes) -> None:
        self._path(name).parent.mkdir(parents=True, exist_ok=True)
        self._path(name).write_bytes(content)

    def __delitem__(self, name: str) -> None:
        self[name]
        self._path(name).unlink()

    def __iter__(self) -> Iterator[str]:
        for folder, _, names in os.walk(self._folder):
            yield from (f"{self._top}{Path(folder, name).relative_to(self._folder)}" for name in sorted(names))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __ior__(self, other: dict[str, bytes]) -> FolderFiles:
        self.update(other)
        return self

    def _path(self, name: str) -> Path:
        return self._folder / name.removeprefix(self._top)


class _Spaces(dict[str, Space]):
    """Projects' folders of data spaces, by path; who has the lease of one stands beside it."""

    def __missing__(self, path: str) -> Space:
        lease = Path(f"{path}.lease")
        kept = json.loads(lease.read_text()) if lease.exists() else None
        self[path] = Space(cast(dict[str, bytes], FolderFiles(Path(path))), lease=kept)
        return self[path]

    def keep(self) -> None:
        """Leave to other processes what this one has changed."""
        for path, space in self.items():
            write_atomic(Path(f"{path}.lease"), json.dumps(space.lease).encode())


@dataclass
class ToyView:
    """A toy host as the fake inside of a machine sees a host."""

    host: ToyHost
    agents: Ways = field(default_factory=Ways)
    spaces: _Spaces = field(default_factory=_Spaces)
    default: str = "3.1.3-3"

    @property
    def volumes(self) -> dict[str, Volume]:
        volumes = ToyVolumes(self.host.root)
        return {name: _volume(volumes.content(name)) for name in volumes.all()}

    @property
    def layers(self) -> dict[str, Layer]:
        return {}  # a machine has all files of its layer itself

    @property
    def store(self) -> dict[str, str]:
        return ToyLayers(self.host).store

    @store.setter
    def store(self, kept: dict[str, str]) -> None:
        ToyLayers(self.host).store = kept

    @property
    def as_fake(self) -> FakeHost:
        return cast(FakeHost, self)


def _volume(content: Path) -> Volume:
    files, agent = FolderFiles(content / USER_FOLDER), FolderFiles(content / AGENT_FOLDER)
    mark = json.loads((content / MARK).read_text())
    return Volume(0, {}, cast(dict[str, bytes], files), True, mark, cast(dict[str, bytes], agent))


@dataclass
class ToyShell(FakeShell):
    """The port Shell of a machine with an address of its own; what its systemd knows is in the folder, too."""

    endpoint: str = ""

    @cached_property
    def _toy(self) -> ToyHost:
        return cast(ToyView, self.host).host

    def disk(self) -> Disk:
        return self._open or self._load()

    def run(
        self, argv: Sequence[str], *, stdin: bytes | None = None, timeout: float = 60.0, expect: Sequence[int] = (0,)
    ) -> CommandResult:
        with self._opened():
            return super().run(argv, stdin=stdin, timeout=timeout, expect=expect)

    def stream(self, argv: Sequence[str], on_line: Callable[[str], None], timeout: float) -> CommandResult:
        with self._opened():
            return super().stream(argv, on_line, timeout)

    @contextmanager
    def _opened(self) -> Iterator[None]:
        """What a command changes is kept; one inside another works on the same."""
        if self._open:
            yield
            return
        self._open = disk = self._load()
        try:
            yield
        finally:
            self._open = None
            self._store(disk)
            cast(ToyView, self.host).spaces.keep()

    _open: Disk | None = None

    def _load(self) -> Disk:
        name, host = self.record.machine, self._toy
        if self.endpoint != f"{name}.{DOMAIN}:22" or not host.network(name).exists():
            raise MachineUnreachable(f"SSH to {name} failed: Connection refused")
        told, folder = host.told(name), host.disk(name)
        files = cast(dict[str, bytes], FolderFiles(folder, "/"))
        if files["/root/.ssh/authorized_keys"].decode().strip() != self.login_public:
            raise MachineUnreachable(f"SSH to {name} failed: Permission denied")
        disk = Disk({}, None, files, volumes=tuple(told["volumes"]), running=True, network=True)
        disk.folders = {target: (path, False) for target, path in told["mounts"].items()}
        if host.units(name).exists():
            state: dict[str, Any] = json.loads(host.units(name).read_text())
            disk.units, disk.read_only, disk.lost = state["units"], state["read_only"], state["lost"]
            disk.works = {name: Work(*work) for name, work in state["works"].items()}
        else:  # it has just booted
            for name in [name for name in files if name.startswith(f"{APPLIED}/project-")]:
                del files[name]
        disk.enabled = set(json.loads(host.enabled(name).read_text())) if host.enabled(name).exists() else set()
        return disk

    def _store(self, disk: Disk) -> None:
        works = {name: [work.began, work.code] for name, work in disk.works.items()}
        state = {"units": disk.units, "works": works, "read_only": disk.read_only, "lost": disk.lost}
        write_atomic(self._toy.units(self.record.machine), json.dumps(state).encode())
        write_atomic(self._toy.enabled(self.record.machine), json.dumps(sorted(disk.enabled)).encode())


@dataclass
class ToyWeb:
    """The port Web: the gateway of the machine that has the address."""

    host: ToyHost

    def answers(self, url: str, fingerprint: str) -> bool:
        parts = urlsplit(url)
        name = str(parts.hostname).removesuffix(f".{DOMAIN}")
        units = self.host.units(name)
        if parts.port != 6080 or not self.host.network(name).exists() or not units.exists():
            return False
        wanted = FolderFiles(self.host.disk(name), "/").get("/etc/cloudify-desktop/fingerprint", b"").decode()
        right = wanted == fingerprint if parts.scheme == "https" else not wanted
        return right and GATEWAY in json.loads(units.read_text())["units"]
