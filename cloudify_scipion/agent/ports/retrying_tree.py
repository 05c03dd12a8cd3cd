"""A tree of which every operation is made again while the file system has no time for it.

An operation of several calls is patient with each of them as well (`calls.patient`): where every third call is refused,
three together never come to their end. What was waited for in vain is not waited for again, whoever is around it.

What a file system says to `close` and `sync_file` may be of what was written before, and is said once: whoever writes
the file has to write it again then (EAGAIN alone says that a sync was not tried). And to `exchange` twice would undo
what was done once.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable
from functools import wraps
from typing import Any

from cloudify_scipion.agent.ports.calls import WAITS, note_in_vain, patient, was_waited_for
from cloudify_scipion.agent.ports.tree import Tree

PATIENT = (
    "folder", "at", "stat", "fresh", "told", "mounted", "entries", "names", "kinds", "readlink", "open",
    "open_with_facts", "free", "room", "truncate", "reserve", "set_times", "set_mode", "set_folder_mode", "chown",
    "touch", "update", "rename", "unlink", "rmdir", "mkdir", "symlink", "link", "chown_link", "take", "sync",
)  # fmt: skip
PLAIN = ("close", "exchange", "avoid", "forget", "leave", "unseen_in")


class RetryingTree(Tree):
    """All that another tree does, patiently."""

    def __init__(self, plain: Tree) -> None:
        self._plain = plain

    def __getattr__(self, name: str) -> Any:
        """What the other tree knows."""
        return getattr(self._plain, name)

    def create(self, path: bytes, mode: int = 0o600) -> int:
        """A descriptor to write a new file at `path`, a name that nobody else has. Raises FileExistsError.

        What is at the path after a busy answer counts as this call's own.
        """
        first = True

        def create() -> int:
            nonlocal first
            try:
                return self._plain.create(path, mode)
            except FileExistsError:
                if first:
                    raise
            except OSError:
                first = False
                raise
            self._plain.unlink(path)  # it was made, and then the kernel could not look at it
            return self._plain.create(path, mode)

        try:
            return patient(create)
        except OSError as error:
            if was_waited_for(error):
                with contextlib.suppress(OSError):
                    self._plain.unlink(path)
            raise

    def write(self, fd: int, data: bytes | memoryview) -> None:
        """Write all of `data`, going on where a try has ended."""
        whole, begin = memoryview(data), os.lseek(fd, 0, os.SEEK_CUR)
        patient(lambda: self._plain.write(fd, whole[os.lseek(fd, 0, os.SEEK_CUR) - begin :]))

    def sync_file(self, fd: int) -> None:
        """Return when a file's content is on stable storage. EAGAIN alone says that it was not even tried."""
        for seconds in WAITS:
            with contextlib.suppress(BlockingIOError):
                return self._plain.sync_file(fd)
            time.sleep(seconds)
        try:
            return self._plain.sync_file(fd)
        except BlockingIOError as error:
            note_in_vain(error)
            raise


def _delegated(name: str, patiently: bool) -> Callable[..., Any]:
    @wraps(getattr(Tree, name))
    def method(self: RetryingTree, *arguments: Any, **named: Any) -> Any:
        do = getattr(self._plain, name)
        return patient(do, *arguments, **named) if patiently else do(*arguments, **named)

    return method


for _name in (*PATIENT, *PLAIN):
    setattr(RetryingTree, _name, _delegated(_name, _name in PATIENT))


def open_tree(path: str | bytes) -> Tree:
    """The tree of a folder. Raises OSError."""
    return RetryingTree(patient(Tree, path))
