"""Copies of databases, made by processes of their own: what they hang at or die of costs one copy, and no lock."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import socket
import subprocess
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from cloudify_scipion.agent.plan.names import split
from cloudify_scipion.agent.ports.databases.copier import COPY, GROUP, MESSAGE, RECOVER
from cloudify_scipion.agent.ports.databases.copying import Limits
from cloudify_scipion.agent.ports.databases.locking import LeftBehind, Locked, Unreadable
from cloudify_scipion.agent.ports.read_tree import ReadTree

COPIERS = 2
"""How many there are at most: one large database does not keep all others waiting."""
STALL_SECONDS = 60.0
"""How long one may say nothing."""
COMMAND = (
    "import sys; sys.path.insert(0, sys.argv[1]); from cloudify_scipion.agent.ports.databases.copier import main; "
    "main(int(sys.argv[2]))"
)
_HOME = Path(os.path.abspath(__file__)).parents[4]  # noqa: PTH100 - it may be inside an archive
_KINDS = {kind.__name__: kind for kind in (Locked, Unreadable, LeftBehind)}


class NoScratch(OSError):
    """A copy cannot be written on the volume, or not be read again: there is no room, say."""


@dataclass
class Pool:
    """The processes; started when they are needed."""

    _idle: queue.LifoQueue[_Copier | None] = field(default_factory=lambda: _filled(COPIERS))

    def copy(self, tree: ReadTree, path: bytes, fd: int, copy: Path, limits: Limits) -> None:
        """Write a database, open as `fd`, to `copy` as of one moment.

        Raises Locked, Unreadable, LeftBehind, NoScratch.
        """
        self._ask(COPY, tree, path, fd, copy, limits)

    def recover(self, tree: ReadTree, path: bytes, fd: int, copy: Path) -> None:
        """Write a database whose writer died, or keeps it locked, to `copy`: as it was when it was last committed.

        Raises Locked, Unreadable, NoScratch.
        """
        self._ask(RECOVER, tree, path, fd, copy, Limits())

    def group(self, tree: ReadTree, path: bytes, fd: int, copy: Path) -> list[bytes]:
        """Copy it and what lies beside it as they are; returns the ends of the names of that. Raises as `recover`."""
        return [os.fsencode(end) for end in self._ask(GROUP, tree, path, fd, copy, Limits())]

    def _ask(self, do: str, tree: ReadTree, path: bytes, fd: int, copy: Path, limits: Limits) -> list[str]:
        above, name = split(path)
        folder = tree.folder(above)  # kept open until the answer comes
        asked = {"do": do, "name": os.fsdecode(name), "copy": str(copy), "limits": asdict(limits)}
        copier = self._idle.get()
        try:
            copier = copier or _Copier()
            answer = copier.answer(asked, [folder.fd, fd])
        except BaseException:
            if copier:
                copier.kill()
            copier = None
            raise
        finally:
            self._idle.put(copier)
        return _done(answer)


def _filled(size: int) -> queue.LifoQueue[_Copier | None]:
    made: queue.LifoQueue[_Copier | None] = queue.LifoQueue()
    for _ in range(size):
        made.put(None)
    return made


def _done(answer: dict[str, Any]) -> list[str]:
    if "kind" in answer:
        raise _KINDS[answer["kind"]](answer["text"])
    if "of" in answer:
        raise NoScratch(answer["errno"], f"{answer['text']}, in {answer['of']}")
    if "errno" in answer:
        raise OSError(answer["errno"], answer["text"])
    return list(answer["done"])


class _Copier:
    """One process. Its standard input is the line on which it hangs: when we end, it does."""

    def __init__(self) -> None:
        self._channel, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-B", "-S", "-c", COMMAND, str(_HOME), str(theirs.fileno())],
                stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, pass_fds=[theirs.fileno()], cwd="/",
            )  # fmt: skip
        self._channel.settimeout(STALL_SECONDS)

    def answer(self, asked: dict[str, Any], fds: list[int]) -> dict[str, Any]:
        """Let it do something. Raises Locked where it hangs or dies."""
        try:
            socket.send_fds(self._channel, [json.dumps(asked).encode()], fds)
            while data := self._channel.recv(MESSAGE):
                if answer := json.loads(data):
                    return dict(answer)
        except TimeoutError as error:
            raise Locked(f"its copy has not got on for {STALL_SECONDS:.0f} s") from error
        except (BrokenPipeError, ConnectionResetError) as error:
            raise Locked("who was to copy it has died") from error
        raise Locked("who was to copy it has died")

    def kill(self) -> None:
        """End it, whatever it does."""
        self._channel.close()
        self._process.kill()
        if self._process.stdin:
            self._process.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(1.0)  # one that hangs in the kernel is not waited for


POOL = Pool()
"""That of this process."""
