"""Locks held by a live process: an flock, never a file's mere existence."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from cloudify_scipion.adapters.files import make_private
from cloudify_scipion.errors import ProjectBusy

_HELD: dict[Path, int] = {}
"""Descriptors of the locks of this process: they live as long as the process does, which is the execution."""


class Locks:
    """Project locks and short critical sections."""

    def hold(self, path: Path, project: str, purpose: str) -> None:
        """Take the lock until this process ends; again in the same process does nothing.

        Raises ProjectBusy, naming the holder's process and since when it holds the lock.
        """
        if path in _HELD:
            return
        make_private(path.parent)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(descriptor, 4096, 0).decode(errors="replace")
            os.close(descriptor)
            raise _busy(project, holder) from None
        _HELD[path] = descriptor
        now = datetime.now(UTC).isoformat(timespec="seconds")
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps({"pid": os.getpid(), "since": now, "purpose": purpose}).encode(), 0)

    @contextmanager
    def briefly(self, path: Path) -> Iterator[None]:
        """Wait for the lock and hold it for a few lines."""
        make_private(path.parent)
        with path.open("a") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX)
            yield


def release(path: Path) -> None:
    """Give a lock back before the process ends; for commands that do several things, and for tests."""
    descriptor = _HELD.pop(path, None)
    if descriptor is not None:
        os.close(descriptor)


def _busy(project: str, holder: str) -> ProjectBusy:
    try:
        facts = json.loads(holder)
        who = f"process {facts['pid']} ({facts['purpose']}) since {facts['since']}"
    except (ValueError, KeyError):
        who = "another process"
    return ProjectBusy(f"project '{project}' is in use: {who}", "wait until it ends, then run the command again")
