"""The backing store: spaces are plain folders; a path becomes the descriptor of its folder and a name in it."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType

from . import libc

_LONGEST = 4000
"""Bytes of a path that one system call takes for sure (PATH_MAX is 4096)."""


class Place:
    """A name in an open folder, as the *at calls want it; closes the folder at the end."""

    __slots__ = ("folder", "name", "owned")

    def __init__(self, folder: int, name: bytes, owned: bool):
        self.folder, self.name, self.owned = folder, name, owned

    def __enter__(self) -> tuple[int, bytes]:
        return self.folder, self.name

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self.owned:
            os.close(self.folder)


class Store:
    """The spaces below a mount point: a list of them, or one that is the mount point itself."""

    def __init__(self, spaces: Mapping[str, Path], listed: bool = True):
        if not listed and len(spaces) != 1:
            raise ValueError("only one space can be the mount point")
        self.roots = {os.fsencode(name): _open(path) for name, path in spaces.items()}
        self.top = _empty_folder() if listed else next(iter(self.roots.values()))
        self.listed = listed

    def names(self, folder: int, path: bytes) -> list[bytes]:
        """The names in an open folder."""
        if self.is_list(path):
            return sorted(self.roots)
        return [os.fsencode(name) for name in os.listdir(folder)]

    def is_list(self, path: bytes) -> bool:
        """Whether this is the list of spaces, where nothing can be made."""
        return self.listed and path == b"/"

    def space(self, path: bytes) -> str:
        """The name of the space that a path is in; empty for the list."""
        name = path[1:].partition(b"/")[0] if self.listed else next(iter(self.roots))
        return os.fsdecode(name)

    def place(self, path: bytes) -> Place:
        """Where a path (absolute, from the mount point) is."""
        root, below = self.top, path[1:]
        if self.listed:
            name, _, rest = below.partition(b"/")
            if name in self.roots:
                root, below = self.roots[name], rest
            elif below:
                raise FileNotFoundError(2, "no such space")
        head, _, name = below.rpartition(b"/")
        if not head:
            return Place(root, name or b".", False)
        return Place(_descend(root, head), name, True)

    def files(self) -> Iterator[tuple[int, str]]:
        """Every entry of every space that is no folder: the descriptor of its folder, and its name."""
        for root in self.roots.values():
            for _, _, files, folder in os.fwalk(".", dir_fd=root):
                for name in files:
                    yield folder, name


def _open(folder: Path) -> int:
    return os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)


def _empty_folder() -> int:
    """Stands for the list of spaces: a folder that is in no other any more, so that nothing is left behind."""
    path = Path(tempfile.mkdtemp(prefix="oneclient-list-"))
    try:
        return _open(path)
    finally:
        path.rmdir()


def _descend(root: int, folder: bytes) -> int:
    """A descriptor of a folder below `root`, in as many steps as the length of its path needs."""
    if len(folder) <= _LONGEST:
        return libc.open_beneath(root, folder)
    cut = folder.rindex(b"/", 0, _LONGEST)
    middle = libc.open_beneath(root, folder[:cut])
    try:
        return _descend(middle, folder[cut + 1 :])
    finally:
        os.close(middle)
