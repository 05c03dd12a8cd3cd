"""The process that copies databases, one after the other, as it is told; it ends with the one that has started it."""

from __future__ import annotations

import errno
import json
import os
import socket
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cloudify_scipion.agent.ports.databases.copying import Limits, Source, Unwritable, copy_database
from cloudify_scipion.agent.ports.databases.group import copy_group, recover, remove_group
from cloudify_scipion.agent.ports.databases.locking import LeftBehind, Locked, Unreadable

MESSAGE = 1 << 16
"""Bytes of the longest message."""
ALIVE_SECONDS = 1.0
"""How often it says that it is alive, where it can."""
COPY, GROUP, RECOVER = "copy", "group", "recover"


def main(channel: int) -> None:
    """Answer until nobody asks any more."""
    os.umask(0o077)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    with socket.socket(fileno=channel) as asked:
        while True:
            data, fds, _, _ = socket.recv_fds(asked, MESSAGE, 2)
            if not data:
                return
            try:
                answer = _answer(json.loads(data), fds, _Alive(asked))
            finally:
                for fd in fds:
                    os.close(fd)
            asked.send(json.dumps(answer).encode())


class _Alive:
    """Says from time to time that something goes on."""

    def __init__(self, channel: socket.socket) -> None:
        self._channel, self._said = channel, time.monotonic()

    def __call__(self) -> None:
        if time.monotonic() - self._said > ALIVE_SECONDS:
            self._channel.send(b"{}")
            self._said = time.monotonic()


def _answer(asked: dict[str, Any], fds: list[int], alive: Callable[[], None]) -> dict[str, Any]:
    """What became of it: `done`, or the kind of what is in the way, and its text."""
    source, copy = Source(fds[0], asked["name"], fds[1]), Path(asked["copy"])
    try:
        if asked["do"] == COPY:
            copy_database(source, copy, Limits(**asked["limits"]), alive)
        elif asked["do"] == RECOVER:
            recover(source, copy, alive)
        else:
            return {"done": copy_group(source, copy, alive)}
        return {"done": []}
    except (Locked, Unreadable, LeftBehind) as error:
        answer: dict[str, Any] = {"kind": type(error).__name__, "text": str(error)}
    except sqlite3.Error as error:  # of the copy: it is ours, and nobody else opens it
        full = getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_FULL
        answer = {"errno": errno.ENOSPC if full else errno.EIO, "text": str(error), "of": str(copy.parent)}
    except Unwritable as error:
        answer = {"errno": error.errno or errno.EIO, "text": error.strerror, "of": str(copy.parent)}
    except OSError as error:
        answer = {"errno": error.errno or errno.EIO, "text": error.strerror or str(error)}
    remove_group(copy)
    return answer


def _end_with_parent() -> None:
    """Its end of the pipe is closed when it ends, however it does."""
    while os.read(0, 1):
        pass
    os._exit(0)
