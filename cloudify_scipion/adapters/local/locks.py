"""Short critical sections between processes, with a word to whoever has to wait."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

from cloudify_scipion.adapters.commands import shared_with_programs
from cloudify_scipion.adapters.files import make_private
from cloudify_scipion.lifecycle.ports import Progress


@contextmanager
def locked(path: Path, progress: Progress | None = None, reason: str = "") -> Iterator[None]:
    """Hold the lock `path`; it ends with this process and the programs that it runs. Says `reason` if it waits."""
    make_private(path.parent)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            with progress.during(f"waiting: {reason}") if progress else nullcontext():
                fcntl.flock(descriptor, fcntl.LOCK_EX)
        with shared_with_programs(descriptor):
            yield
    finally:
        os.close(descriptor)
