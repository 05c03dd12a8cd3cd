"""A folder of this machine in which one call fails for ever for one path, however it is made: what has no port.

The agent's own folder is used through the ports, `pathlib`, `tempfile` and SQLite. So calls are broken where all of
them come together: in `os`, `io` and `sqlite3`, within this process.
"""

from __future__ import annotations

import builtins
import ctypes
import errno
import io
import os
import re
import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from cloudify_scipion.agent.ports import calls
from cloudify_scipion.agent.ports.databases import copier, pool
from cloudify_scipion.agent.ports.databases.copying import Limits
from cloudify_scipion.agent.ports.read_tree import ReadTree

BY_PATH = ("open", "stat", "lstat", "unlink", "rename", "mkdir", "listdir", "scandir", "chmod", "utime", "statvfs",
           "symlink", "chown", "readlink")  # fmt: skip
BY_DESCRIPTOR = ("write", "read", "fsync", "close", "ftruncate", "fchmod", "fchown", "posix_fallocate")
SQL = {errno.EIO: sqlite3.SQLITE_IOERR, errno.ENOSPC: sqlite3.SQLITE_FULL, errno.EDQUOT: sqlite3.SQLITE_FULL,
       errno.EROFS: sqlite3.SQLITE_READONLY, errno.EACCES: sqlite3.SQLITE_CANTOPEN,
       errno.EUCLEAN: sqlite3.SQLITE_CORRUPT}  # fmt: skip
"""What SQLite makes of an error; of all others SQLITE_IOERR."""
Where = tuple[str, str]


@dataclass
class Sick:
    """`call` fails with `error` at `place`, a path below `folder` in which numbers are `#`. All calls are noted."""

    folder: Path
    call: str = ""
    place: str = ""
    error: int = errno.EIO
    also: Mapping[Where, int] = field(default_factory=dict)
    """Other calls that fail, with their errors."""
    seen: set[Where] = field(default_factory=set)
    hit: int = 0

    def place_of(self, path: Any, folder: int | None = None) -> str | None:
        """What is meant by a path, or an open file; None if that is elsewhere."""
        if isinstance(path, int):
            path = _READLINK(f"/proc/self/fd/{path}")
        name = os.fsdecode(path)
        if folder is not None and not name.startswith("/"):
            name = f"{_READLINK(f'/proc/self/fd/{folder}')}/{name}"
        top = str(self.folder)
        if name != top and not name.startswith(top + "/"):
            return None
        below = name.removeprefix(top).removesuffix("/.").strip("/").removesuffix(" (deleted)") or "."
        return re.sub(r"^tmp/(trial-)?.*?(-wal|-shm|-journal)?$", r"tmp/\1#\2", below)

    def ask(self, call: str, path: Any, folder: int | None = None) -> None:
        """Note the call; raise the error, if it is the one."""
        place = self.place_of(path, folder)
        if place is not None:
            self.seen.add((call, place))
            number = self.error if (call, place) == (self.call, self.place) else self.also.get((call, place), 0)
            if number:
                self.hit += 1
                name = () if isinstance(path, int) or call in BY_DESCRIPTOR else (os.fsdecode(path),)
                raise OSError(number, os.strerror(number), *name)

    def ask_database(self, call: str, path: str) -> None:
        """The same as SQLite tells it."""
        try:
            self.ask(call, path)
        except OSError as error:
            told = sqlite3.OperationalError(f"as of {error.strerror}")
            told.sqlite_errorcode = SQL.get(error.errno or 0, sqlite3.SQLITE_IOERR)
            raise told from None


_READLINK = os.readlink


def make_sick(sick: Sick, patch: pytest.MonkeyPatch) -> None:
    """Have all calls pass through `sick`; the copies of databases are made in this process."""
    for name in BY_PATH:
        patch.setattr(os, name, _by_path(sick, name))
    patch.setattr(os, "remove", os.unlink)
    for name in BY_DESCRIPTOR:
        patch.setattr(os, name, _by_descriptor(sick, name))
    for module in (io, builtins):
        patch.setattr(module, "open", _opening(sick, io.open if module is io else builtins.open))
    patch.setattr(calls, "_libc", _Libc(sick))
    patch.setattr(sqlite3, "connect", _connecting(sick, sqlite3.connect))
    patch.setattr("cloudify_scipion.agent.work.databases.save.POOL", Here())


def _by_path(sick: Sick, name: str) -> Callable[..., Any]:
    plain = getattr(os, name)

    def call(*given: Any, **named: Any) -> Any:
        folder = named.get("dir_fd", named.get("src_dir_fd"))
        if given or named.get("path") is not None:
            sick.ask(name, given[1] if name == "symlink" else given[0], folder)
        if name == "rename":
            sick.ask("rename to", given[1], named.get("dst_dir_fd"))
        return plain(*given, **named)

    return call


def _by_descriptor(sick: Sick, name: str) -> Callable[..., Any]:
    plain = getattr(os, name)

    def call(fd: int, *given: Any) -> Any:
        try:
            sick.ask(name, fd)
        finally:
            if name == "close":
                plain(fd)
        return None if name == "close" else plain(fd, *given)

    return call


def _opening(sick: Sick, plain: Callable[..., Any]) -> Callable[..., Any]:
    def call(path: Any, *given: Any, **named: Any) -> Any:
        if isinstance(path, int):
            return plain(path, *given, **named)
        sick.ask("open", path)
        opened = plain(path, *given, **named)
        return opened if sick.place_of(path) is None else _File(sick, path, opened)

    return call


class _File:
    """What `open` gives back."""

    def __init__(self, sick: Sick, path: Any, opened: Any) -> None:
        self._sick, self._path, self._opened = sick, path, opened

    def __getattr__(self, name: str) -> Any:
        if name in ("read", "write"):
            self._sick.ask(name, self._path)
        return getattr(self._opened, name)

    def __enter__(self) -> _File:
        return self

    def __exit__(self, *_: object) -> None:
        self._opened.close()
        self._sick.ask("close", self._path)


class _Libc:
    """The calls that Python lacks."""

    def __init__(self, sick: Sick) -> None:
        self._sick, self._plain = sick, calls._libc

    def __getattr__(self, name: str) -> Any:
        return getattr(self._plain, name)

    def renameat2(self, one: int, old: bytes, other: int, new: bytes, flags: int) -> int:
        try:
            self._sick.ask("rename", old, one)
            self._sick.ask("rename to", new, other)
        except OSError as error:
            ctypes.set_errno(error.errno or errno.EIO)
            return -1
        return int(self._plain.renameat2(one, old, other, new, flags))


def _connecting(sick: Sick, plain: Callable[..., Any]) -> Callable[..., Any]:
    class Connection(sqlite3.Connection):
        """One that knows where its file is."""

        path = ""

        def execute(self, text: str, *given: Any) -> sqlite3.Cursor:
            if self.path:
                sick.ask_database("COMMIT" if text == "COMMIT" else "execute", self.path)
            return super().execute(text, *given)

        def executemany(self, text: str, *given: Any) -> sqlite3.Cursor:
            sick.ask_database("execute", self.path)
            return super().executemany(text, *given)

    def call(path: Any, *given: Any, **named: Any) -> Any:
        name = os.fsdecode(path).removeprefix("file://").split("?")[0] if not named.get("uri") else ""
        if sick.place_of(name) is None:
            return plain(path, *given, **named)
        sick.ask_database("connect", name)
        opened = plain(path, *given, factory=Connection, **named)
        opened.path = name
        return opened

    return call


class Here:
    """Copies of databases, as the processes of the pool make them, in this one."""

    def copy(self, tree: ReadTree, path: bytes, fd: int, copy: Path, limits: Limits) -> None:
        self._ask(copier.COPY, tree, path, fd, copy, limits)

    def recover(self, tree: ReadTree, path: bytes, fd: int, copy: Path) -> None:
        self._ask(copier.RECOVER, tree, path, fd, copy, Limits())

    def group(self, tree: ReadTree, path: bytes, fd: int, copy: Path) -> list[bytes]:
        return [os.fsencode(end) for end in self._ask(copier.GROUP, tree, path, fd, copy, Limits())]

    def _ask(self, do: str, tree: ReadTree, path: bytes, fd: int, copy: Path, limits: Limits) -> list[str]:
        above, _, name = path.rpartition(b"/")
        folder = tree.folder(above)
        asked = {"do": do, "name": os.fsdecode(name), "copy": str(copy), "limits": vars(limits)}
        return pool._done(copier._answer(asked, [folder.fd, fd], lambda: None))
