"""A tree of which one path refuses one call for ever, as a bad disk, a strange mount or a foreign owner makes it."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cloudify_scipion.agent.ports.tree import Tree

BY_PATH = (
    "stat", "fresh", "entries", "names", "readlink", "open", "open_with_facts", "create", "touch", "rename", "unlink",
    "rmdir", "mkdir", "symlink", "link", "chown_link",
)  # fmt: skip
IN_PULLS = ("told", "kinds", "set_folder_mode", "take", "exchange")
"""By path as well; not in what a push does."""
_READ = os.read
BY_DESCRIPTOR = ("write", "sync_file", "close", "set_times", "set_mode", "chown", "truncate")


@dataclass
class Broken:
    """What is wrong: `call` fails with `error` for `path` and, if `below`, for all below it.

    What has a descriptor only is known by the content that was written first, which begins with `mark`.
    """

    call: str
    error: int
    path: bytes
    mark: bytes = b"BAD"
    below: bool = False
    hit: int = 0
    bad: set[int] = field(default_factory=set)
    root: str = ""

    def tree(self, path: str) -> Tree:
        made, self.root = BrokenTree(path), path
        made.broken = self
        return made

    def concerns(self, *paths: Any) -> bool:
        return any(
            isinstance(path, bytes) and (path == self.path or (self.below and path.startswith(self.path + b"/")))
            for path in paths
        )

    def read(self, fd: int, length: int) -> bytes:
        """Instead of os.read."""
        opened = bytes(Path(f"/proc/self/fd/{fd}").readlink()) if self.call == "read" else b""
        if self.concerns(opened.removeprefix(os.fsencode(self.root) + b"/")):
            self.refuse()
        return _READ(fd, length)

    def refuse(self) -> None:
        self.hit += 1
        raise OSError(self.error, os.strerror(self.error))


class BrokenTree(Tree):
    """Asks `broken` before each call."""

    broken: Broken


def _by_path(name: str) -> Callable[..., Any]:
    plain = getattr(Tree, name)

    def method(self: BrokenTree, *arguments: Any, **named: Any) -> Any:
        if self.broken.call == name and self.broken.concerns(*arguments):
            self.broken.refuse()
        answer = plain(self, *arguments, **named)
        if name == "create":
            self.broken.bad.discard(answer)  # the number of a file that was closed by others
        return answer

    return method


def _by_descriptor(name: str) -> Callable[..., Any]:
    plain = getattr(Tree, name)

    def method(self: BrokenTree, fd: int, *arguments: Any) -> Any:
        broken = self.broken
        if name == "write" and bytes(arguments[0][: len(broken.mark)]) == broken.mark:
            broken.bad.add(fd)
        concerned = fd in broken.bad
        if name == "close":
            broken.bad.discard(fd)
            plain(self, fd)
        if broken.call == name and concerned:
            broken.refuse()
        return None if name == "close" else plain(self, fd, *arguments)

    return method


for _name in (*BY_PATH, *IN_PULLS):
    setattr(BrokenTree, _name, _by_path(_name))
for _name in BY_DESCRIPTOR:
    setattr(BrokenTree, _name, _by_descriptor(_name))
