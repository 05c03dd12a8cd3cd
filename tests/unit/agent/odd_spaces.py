"""Data spaces that are full, or fail for some of their paths, as long as a test wants it."""

from __future__ import annotations

import errno
import os
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cloudify_scipion.agent.ports.read_tree import Folder
from cloudify_scipion.agent.ports.tree import Tree

BY_PATH = (
    "create", "rename", "unlink", "mkdir", "rmdir", "symlink", "stat", "open", "open_with_facts", "readlink", "entries",
)  # fmt: skip


@dataclass
class Manners:
    """How a data space behaves just now: `quota` bytes (0: no end), and the calls that fail at a path, and how."""

    space: Path
    quota: int = 0
    broken: dict[bytes, tuple[str, int]] = field(default_factory=dict)
    fold: Callable[[bytes], bytes] = bytes
    """Two names are one there if this makes them the same."""
    refuses: Callable[[bytes], bool] = lambda _: False
    """Whether it cannot hold a name."""

    def tree(self, path: str) -> Tree:
        if path != str(self.space):
            return Tree(path)
        return _with_manners(OddTree(path, self) if self.is_odd() else Tree(path), self)

    def is_odd(self) -> bool:
        """Whether it tells names apart, or holds them, in its own way."""
        return self.fold is not bytes or self.refuses(ODD)

    def real(self, path: bytes) -> bytes:
        """How the data space spells a path, as far as it is there."""
        found = b""
        for name in path.split(b"/") if self.fold is not bytes and path else [path]:
            where = os.fsencode(self.space) + b"/" + found
            names = os.listdir(where) if os.path.isdir(where) else []  # noqa: PTH112, PTH208 - bytes
            spelled = next((other for other in names if self.fold(other) == self.fold(name)), name)
            found += b"/" * bool(found) + spelled
        return found

    def used(self) -> int:
        """Bytes of all files."""
        return sum(Path(where, name).lstat().st_size for where, _, names in os.walk(self.space) for name in names)

    def look(self, call: str, paths: tuple[object, ...]) -> None:
        """Raises OSError where the call fails."""
        for path in paths:
            if isinstance(path, bytes) and self.broken.get(path, ("", 0))[0] == call:
                number = self.broken[path][1]
                raise OSError(number, os.strerror(number), os.fsdecode(path))


ODD = b":"


def composed(name: bytes) -> bytes:
    """As file systems compare that take a letter and its accent for one character."""
    return unicodedata.normalize("NFC", os.fsdecode(name)).encode("utf-8", "surrogateescape")


def refused(name: bytes) -> bool:
    """As Windows's file systems do."""
    return bool(set(name) & set(b':*?"<>|\\')) or name.endswith((b".", b" ")) or len(name) > 143


class OddTree(Tree):
    """Finds names as such a data space does, and refuses to make some."""

    def __init__(self, path: str, manners: Manners) -> None:
        super().__init__(path)
        self._manners = manners

    def folder(self, path: bytes) -> Folder:
        return super().folder(self._manners.real(path))

    def at(self, path: bytes) -> tuple[Folder, bytes]:
        return super().at(self._manners.real(path))

    def create(self, path: bytes, mode: int = 0o600) -> int:
        self._must_be_held(path)
        return super().create(path, mode)

    def rename(self, old: bytes, new: bytes, replace: bool = False) -> None:
        self._must_be_held(new)
        super().rename(old, new, replace)

    def mkdir(self, path: bytes, mode: int = 0o755) -> bool:
        self._must_be_held(path)
        return super().mkdir(path, mode)

    def symlink(self, target: bytes, path: bytes) -> None:
        self._must_be_held(path)
        super().symlink(target, path)

    def _must_be_held(self, path: bytes) -> None:
        if self._manners.refuses(path.rpartition(b"/")[2]):
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL), os.fsdecode(path))


def _with_manners(tree: Tree, manners: Manners) -> Tree:
    def wrap(name: str, plain: Callable[..., Any]) -> Callable[..., Any]:
        def method(*arguments: Any, **named: Any) -> Any:
            manners.look(name, arguments[:2])
            return plain(*arguments, **named)

        return method

    def write(fd: int, data: bytes | memoryview) -> None:
        if manners.quota and manners.used() + len(data) > manners.quota:
            raise OSError(errno.EDQUOT, os.strerror(errno.EDQUOT))
        plain(fd, data)

    plain = tree.write
    for name in BY_PATH:
        setattr(tree, name, wrap(name, getattr(tree, name)))
    tree.write = write  # type: ignore[method-assign]
    return tree
