"""Hostile data spaces for tests: mounts the stand-in over a folder, makes it misbehave, and always unmounts.

with HostileSpace(backing, coarse_times=True) as space:
    (space.mountpoint / "a").write_bytes(b"1")
    space.set(drops_writes="zeros")         # see standin/misbehaviour.py for all there is
    space.calls()                           # {"getattr": 3, "create": 1, ...}
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

from tests.hostile.standin import orders
from tests.hostile.standin.provider import VARIABLE, control_socket

ROOT = Path(__file__).parents[2]
HOST = "provider.test"
TOKEN = "token-of-the-test"  # noqa: S105
COMMAND = (sys.executable, "-m", "tests.hostile.standin")


class HostileSpace:
    """A mount of `backing`, a folder that anybody may change directly (as OneData's web UI does).

    Two of them may have the same folder at once: they share no cache. `space_list`: the mount point is a list with the
    space `name` in it, as with OneData; else it is the space itself. `kernel_cache`: seconds for which the kernel may
    remember names and attributes (libfuse's own default is 1).
    """

    def __init__(
        self,
        backing: Path,
        *,
        name: str = "space",
        space_list: bool = False,
        kernel_cache: float = 0,
        space_read_only: bool = False,
        expires: float | None = None,
        options: tuple[str, ...] = ("-o", "allow_other"),
        **misbehaviours: Any,
    ):
        self.folder = Path(tempfile.mkdtemp(prefix="hostile-"))
        self.mountpoint = self.folder / "mount"
        self.space = self.mountpoint / name if space_list else self.mountpoint
        self.mountpoint.mkdir()
        self._options = options
        self._file = self.folder / "provider.json"
        self._socket = control_socket(self.folder, self.mountpoint)
        self._process: subprocess.Popen[bytes] | None = None
        provider = {
            "host": HOST,
            "tokens": {TOKEN: {"expires": expires}},
            "spaces": {name: {"path": os.fspath(backing.absolute()), "read_only": space_read_only}},
            "control": os.fspath(self.folder),
            "top": "list" if space_list else "space",
            "kernel_cache": kernel_cache,
            "misbehaviours": misbehaviours,
            "ends_with_input": True,
        }
        self._file.write_text(json.dumps(provider))

    @property
    def environment(self) -> dict[str, str]:
        """What the stand-in needs to find its provider."""
        path = os.pathsep.join(filter(None, (os.fspath(ROOT), os.environ.get("PYTHONPATH"))))
        return {**os.environ, VARIABLE: os.fspath(self._file), "PYTHONPATH": path}

    def __enter__(self) -> HostileSpace:
        try:
            self._mount()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _mount(self) -> None:
        log = self.folder / "log"
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                [*COMMAND, "-H", HOST, "-t", TOKEN, "-f", *self._options, os.fspath(self.mountpoint)],
                env=self.environment, cwd=ROOT, stdin=subprocess.PIPE, stdout=output, stderr=output,
                start_new_session=True,
            )  # fmt: skip
        deadline = time.monotonic() + 60
        while not self.is_mounted():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the stand-in does not mount: {log.read_text()}")
            time.sleep(0.01)

    def is_mounted(self) -> bool:
        """As the kernel has it; does not ask the mount itself, which may hang."""
        wanted = os.fspath(self.mountpoint)
        return any(line.split()[4] == wanted for line in Path("/proc/self/mountinfo").read_text().splitlines())

    def set(self, **misbehaviours: Any) -> None:
        """Changes these, and leaves the others as they are."""
        self._tell("set", misbehaviours)

    def good(self) -> None:
        """Nothing is wrong any more."""
        self._tell("good")

    def release(self) -> None:
        """What hangs goes on."""
        self._tell("release")

    def cut(self, seconds: float = 60) -> int:
        """The network breaks: files that this mount wrote in the last seconds become empty; how many they were."""
        return int(self._tell("cut", seconds))

    def calls(self) -> Mapping[str, int]:
        """How many calls the kernel made since the start or `reset_calls`, by kind."""
        return dict(self._tell("calls"))

    def reset_calls(self) -> Mapping[str, int]:
        """The same, and counts from nothing."""
        return dict(self._tell("calls", True))

    def die(self) -> None:
        """The client crashes: the mount stays, and answers ENOTCONN."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def close(self) -> None:
        """Unmounts, whatever hangs, and removes all but the backing folder."""
        if not self.folder.exists():
            return
        if self._process is not None:
            with suppress(OSError, ValueError):
                orders.tell(self._socket, "release", timeout=5)
            if self.is_mounted() and not self._unmounted("-u"):
                self._unmounted("-uz")
            self._end()
            if self.is_mounted():
                self._unmounted("-uz")
        for name in ("log", "provider.json", self._socket.name):
            (self.folder / name).unlink(missing_ok=True)
        self.mountpoint.rmdir()
        self.folder.rmdir()

    def _unmounted(self, how: str) -> bool:
        argv = ["fusermount3", "-q", how, os.fspath(self.mountpoint)]
        try:
            return subprocess.run(argv, check=False, timeout=10).returncode == 0
        except subprocess.TimeoutExpired:
            return False

    def _end(self) -> None:
        assert self._process is not None and self._process.stdin is not None
        try:
            self._process.wait(timeout=3)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdin.close()

    def _tell(self, order: str, value: Any = None) -> Any:
        return orders.tell(self._socket, order, value)
