"""The operations, as they should be: each is one system call on the backing store.

Arguments are libfuse's (`struct fuse_operations` of libfuse 3): `info` is a pointer to the open file, or NULL; `path`
is None where there is one. One limit is
libfuse's (bindfs has it too): the attributes of an open file whose name is gone can be neither read nor set (ESTALE).
"""

from __future__ import annotations

import ctypes
import os
from dataclasses import dataclass, field
from typing import Any

from . import libc
from .binding import c_stat, fuse_get_context
from .store import Store

_PLUS = 1
"""FUSE_READDIR_PLUS: the kernel wants attributes with the names."""
_FILL_PLUS = 2
_NOT_BACKING = os.O_DIRECT | os.O_NOATIME | os.O_CREAT | os.O_EXCL
_SETGID = 0o2000


@dataclass
class Handle:
    """An open file or folder."""

    path: bytes
    inode: int = 0
    first_write: int | None = None
    names: list[bytes] = field(default_factory=list)


class Passthrough:
    """A correct file system over a store."""

    def __init__(self, store: Store):
        self.store = store
        self.handles: dict[int, Handle] = {}
        self._gives_away = os.geteuid() == 0

    # what every answer passes, so that it can be changed

    def shown(self, path: bytes, stat: Any) -> None:
        """The attributes that are about to be answered."""
        if self.store.is_list(path):
            stat.st_mode, stat.st_nlink = 0o40555, 2

    def listed(self, path: bytes, names: list[bytes]) -> list[bytes]:
        """The names that are about to be answered."""
        return names

    def opened(self, handle: Handle, info: Any) -> None:
        """A file that was just opened."""

    # names

    def getattr(self, path: bytes | None, stat: Any, info: Any) -> None:
        if info:
            descriptor = info.contents.fh
            libc.fstat(descriptor, stat)
            path = self.handles[descriptor].path
        else:
            assert path is not None
            with self.store.place(path) as (folder, name):
                libc.fstatat(folder, name, stat, libc.NOFOLLOW)
        self.shown(path, stat.contents)

    def readlink(self, path: bytes, buffer: Any, size: int) -> None:
        with self.store.place(path) as (folder, name):
            buffer[libc.readlinkat(folder, name, buffer, size - 1)] = 0

    def mknod(self, path: bytes, mode: int, device: int) -> None:
        with self.store.place(path) as (folder, name):
            libc.mknodat(folder, name, mode, device)
            self._give(folder, name)

    def mkdir(self, path: bytes, mode: int) -> None:
        with self.store.place(path) as (folder, name):
            libc.mkdirat(folder, name, mode)
            self._give(folder, name)

    def symlink(self, target: bytes, path: bytes) -> None:
        with self.store.place(path) as (folder, name):
            libc.symlinkat(target, folder, name)
            self._give(folder, name)

    def link(self, old: bytes, new: bytes) -> None:
        with self.store.place(old) as (folder, name), self.store.place(new) as (new_folder, new_name):
            libc.linkat(folder, name, new_folder, new_name, 0)

    def unlink(self, path: bytes) -> None:
        with self.store.place(path) as (folder, name):
            libc.unlinkat(folder, name, 0)

    def rmdir(self, path: bytes) -> None:
        with self.store.place(path) as (folder, name):
            libc.unlinkat(folder, name, libc.REMOVEDIR)

    def rename(self, old: bytes, new: bytes, flags: int) -> None:
        with self.store.place(old) as (folder, name), self.store.place(new) as (new_folder, new_name):
            libc.renameat2(folder, name, new_folder, new_name, flags)

    def chmod(self, path: bytes | None, mode: int, info: Any) -> None:
        if info:
            libc.fchmod(info.contents.fh, mode)
            return
        assert path is not None
        with self.store.place(path) as (folder, name):
            libc.fchmodat(folder, name, mode, libc.NOFOLLOW)

    def chown(self, path: bytes | None, user: int, group: int, info: Any) -> None:
        if info:
            libc.fchown(info.contents.fh, user, group)
            return
        assert path is not None
        with self.store.place(path) as (folder, name):
            libc.fchownat(folder, name, user, group, libc.NOFOLLOW)

    def utimens(self, path: bytes | None, times: Any, info: Any) -> None:
        if info:
            libc.futimens(info.contents.fh, times)
            return
        assert path is not None
        with self.store.place(path) as (folder, name):
            libc.utimensat(folder, name, times, libc.NOFOLLOW)

    def statfs(self, path: bytes, answer: Any) -> None:
        libc.fstatvfs(self.store.top, answer)

    # files

    def create(self, path: bytes, mode: int, info: Any) -> None:
        flags = info.contents.flags
        with self.store.place(path) as (folder, name):
            try:
                new = os.O_CREAT | os.O_EXCL
                descriptor = libc.openat(folder, name, flags & ~_NOT_BACKING | new | os.O_CLOEXEC, mode)
            except FileExistsError:
                if flags & os.O_EXCL:
                    raise
                self._open(folder, name, path, info)
                return
            self._give(folder, name, descriptor)
        self._remember(descriptor, path, info)

    def open(self, path: bytes, info: Any) -> None:
        with self.store.place(path) as (folder, name):
            self._open(folder, name, path, info)

    def _open(self, folder: int, name: bytes, path: bytes, info: Any) -> None:
        flags = info.contents.flags & ~_NOT_BACKING | os.O_NOFOLLOW | os.O_CLOEXEC
        self._remember(libc.openat(folder, name, flags, 0), path, info)

    def _remember(self, descriptor: int, path: bytes, info: Any) -> None:
        handle = self.handles[descriptor] = Handle(path)
        info.contents.fh = descriptor
        self.opened(handle, info)

    def read(self, path: bytes | None, buffer: Any, size: int, offset: int, info: Any) -> int:
        return libc.pread(info.contents.fh, buffer, size, offset)

    def write(self, path: bytes | None, buffer: Any, size: int, offset: int, info: Any) -> int:
        return libc.pwrite(info.contents.fh, buffer, size, offset)

    def truncate(self, path: bytes | None, size: int, info: Any) -> None:
        if info:
            libc.ftruncate(info.contents.fh, size)
            return
        assert path is not None
        with self.store.place(path) as (folder, name):
            descriptor = libc.openat(folder, name, os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC, 0)
            try:
                libc.ftruncate(descriptor, size)
            finally:
                os.close(descriptor)

    def fallocate(self, path: bytes | None, mode: int, offset: int, size: int, info: Any) -> None:
        libc.fallocate(info.contents.fh, mode, offset, size)

    def flush(self, path: bytes | None, info: Any) -> None:
        """Nothing is kept back, so there is nothing to do at a close."""

    def fsync(self, path: bytes | None, data_only: int, info: Any) -> None:
        (libc.fdatasync if data_only else libc.fsync)(info.contents.fh)

    def release(self, path: bytes | None, info: Any) -> None:
        descriptor = info.contents.fh
        del self.handles[descriptor]
        os.close(descriptor)

    # folders

    def opendir(self, path: bytes, info: Any) -> None:
        with self.store.place(path) as (folder, name):
            flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
            descriptor = libc.openat(folder, name, flags, 0)
        self.handles[descriptor] = Handle(path)
        info.contents.fh = descriptor

    def readdir(self, path: bytes | None, buffer: Any, fill: Any, offset: int, info: Any, flags: int) -> None:
        """One call answers one buffer of the kernel's; `offset` is how many names it has."""
        descriptor = info.contents.fh
        handle = self.handles[descriptor]
        if offset == 0:
            found = self.store.names(descriptor, handle.path)
            handle.names = [b".", b"..", *self.listed(handle.path, found)]
        stat, plus = c_stat(), _FILL_PLUS if flags & _PLUS else 0
        pointer = ctypes.pointer(stat)
        parent = handle.path.rstrip(b"/") + b"/"
        for number in range(offset, len(handle.names)):
            name = handle.names[number]
            try:
                if number < 2:
                    libc.fstat(descriptor, pointer)
                elif self.store.is_list(handle.path):
                    self.getattr(parent + name, pointer, None)
                else:
                    libc.fstatat(descriptor, name, pointer, libc.NOFOLLOW)
                    self.shown(parent + name, stat)
            except FileNotFoundError:
                continue
            if fill(buffer, name, pointer, number + 1, plus):
                break

    def releasedir(self, path: bytes | None, info: Any) -> None:
        self.release(path, info)

    def fsyncdir(self, path: bytes | None, data_only: int, info: Any) -> None:
        libc.fsync(info.contents.fh)

    def _give(self, folder: int, name: bytes, descriptor: int | None = None) -> None:
        """What root makes for somebody else is theirs; its group stays where the folder says so."""
        if not self._gives_away:
            return
        user, group, _ = fuse_get_context()
        if (user, group) == (0, 0):
            return
        if os.fstat(folder).st_mode & _SETGID:
            group = 0xFFFFFFFF
        if descriptor is None:
            libc.fchownat(folder, name, user, group, libc.NOFOLLOW)
        else:
            libc.fchown(descriptor, user, group)


OPERATIONS = frozenset(
    name for name, value in vars(Passthrough).items() if callable(value) and not name.startswith("_")
) - {"shown", "listed", "opened"} | {"init"}
