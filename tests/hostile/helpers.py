"""What the tests of misbehaviours share."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest


@contextmanager
def fails(name: str) -> Iterator[None]:
    """What is done inside fails with the error of this name."""
    with pytest.raises(OSError, match=".") as raised:
        yield
    assert raised.value.errno == getattr(errno, name), raised.value


def write(path: Path, content: bytes, *, sync: bool = False) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    try:
        while content:
            content = content[os.write(descriptor, content) :]
        if sync:
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def never_done(waiting: Future[Any]) -> None:
    with pytest.raises(TimeoutError):
        waiting.result(timeout=0.3)
