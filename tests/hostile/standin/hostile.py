"""The operations, as they should not be."""

from __future__ import annotations

import ctypes
import os
import stat as modes
import tempfile
import time
from collections.abc import Callable
from contextlib import nullcontext, suppress
from errno import EINVAL, ENOSPC
from typing import Any

from . import libc
from .gate import Gate, is_text
from .misbehaviour import Misbehaviours, failure
from .passthrough import Handle, Passthrough
from .store import Store

_BLOCK = 1 << 20


class Hostile(Passthrough):
    """Does what the settings say. `gate` must be set before the first call."""

    gate: Gate

    def __init__(self, store: Store, ready: Callable[[Any, Any], None]):
        super().__init__(store)
        self.init = ready
        self.written: dict[int, float] = {}
        self.room: int | None = None
        self._seen: dict[bytes, tuple[float, bytes]] = {}
        self._memory: dict[int, Any] = {}

    @property
    def settings(self) -> Misbehaviours:
        return self.gate.settings

    def changed(self, before: Misbehaviours) -> None:
        """The settings are no longer what they were."""
        if self.settings.enospc_after != before.enospc_after:
            self.room = self.settings.enospc_after
        if not self.settings.stale_attributes:
            self._seen.clear()
        if not self.settings.writer_sees_writes:
            self._memory.clear()

    def cut(self, seconds: float) -> int:
        """The network breaks: what this mount wrote in the last seconds is empty afterwards; how many files."""
        self._memory.clear()
        since = time.monotonic() - seconds
        lost = {inode for inode, at in self.written.items() if at >= since}
        count = 0
        for folder, name in self.store.files() if lost else ():
            found = os.stat(name, dir_fd=folder, follow_symlinks=False)
            if found.st_ino in lost and modes.S_ISREG(found.st_mode) and found.st_size:
                os.close(os.open(name, os.O_WRONLY | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder))
                count += 1
        return count

    # attributes

    def getattr(self, path: bytes | None, stat: Any, info: Any) -> None:
        if self.settings.stale_attributes:
            known = self.handles[info.contents.fh].path if info else path
            until, old = self._seen.get(known or b"", (0.0, b""))
            if time.monotonic() < until:
                ctypes.memmove(stat, old, len(old))
                return
        super().getattr(path, stat, info)

    def shown(self, path: bytes, stat: Any) -> None:
        super().shown(path, stat)
        if stat.st_ino in self._memory:
            stat.st_size = os.fstat(self._memory[stat.st_ino].fileno()).st_size
        if self.settings.coarse_times:
            stat.st_atimespec.tv_nsec = stat.st_mtimespec.tv_nsec = stat.st_ctimespec.tv_nsec = 0
        if self.settings.stale_attributes:
            now = time.monotonic()
            until, old = self._seen.get(path, (0.0, b""))
            if now < until:
                ctypes.memmove(ctypes.byref(stat), old, len(old))
            else:
                self._seen[path] = now + self.settings.stale_attributes, bytes(stat)

    def listed(self, path: bytes, names: list[bytes]) -> list[bytes]:
        if self.settings.empty:
            return []
        return [name for name in names if is_text(name)] if self.settings.no_odd_names else names

    def _forget(self, path: bytes) -> None:
        """Attributes may be old, but a name that this mount took away is gone."""
        if self._seen:
            for known in [known for known in self._seen if known == path or known.startswith(path + b"/")]:
                del self._seen[known]

    def unlink(self, path: bytes) -> None:
        super().unlink(path)
        self._forget(path)

    def rmdir(self, path: bytes) -> None:
        super().rmdir(path)
        self._forget(path)

    def statfs(self, path: bytes, answer: Any) -> None:
        super().statfs(path, answer)
        if self.room is not None:
            free = answer.contents
            free.f_bavail = free.f_bfree = min(free.f_bavail, self.room // (free.f_frsize or 1))

    # content

    def opened(self, handle: Handle, info: Any) -> None:
        if self.settings.direct_io or self.settings.stale_attributes:
            info.contents.direct_io = 1
        if self._memory and info.contents.flags & os.O_TRUNC:
            remembered = self._memory.get(os.fstat(info.contents.fh).st_ino)
            if remembered is not None:
                os.ftruncate(remembered.fileno(), 0)

    def create(self, path: bytes, mode: int, info: Any) -> None:
        super().create(path, mode, info)
        if self._memory:
            self._memory.pop(os.fstat(info.contents.fh).st_ino, None)

    def read(self, path: bytes | None, buffer: Any, size: int, offset: int, info: Any) -> int:
        descriptor = info.contents.fh
        if self._memory:
            remembered = self._memory.get(os.fstat(descriptor).st_ino)
            descriptor = descriptor if remembered is None else remembered.fileno()
        return libc.pread(descriptor, buffer, size, offset)

    def write(self, path: bytes | None, buffer: Any, size: int, offset: int, info: Any) -> int:
        descriptor = info.contents.fh
        handle = self.handles[descriptor]
        handle.inode = handle.inode or os.fstat(descriptor).st_ino
        self.written[handle.inode] = time.monotonic()
        if self.room is not None:
            size = min(size, self.room)
            if not size:
                raise OSError(ENOSPC, "no space left")
            self.room -= size
        if self.settings.drops_writes and self.settings.concerns(handle.path):
            return self._drop(handle, buffer, size, offset, descriptor)
        if self.settings.fails_at:
            start = os.fstat(descriptor).st_size if info.contents.flags & os.O_APPEND else offset
            handle.first_write = start if handle.first_write is None else min(start, handle.first_write)
        return libc.pwrite(descriptor, buffer, size, offset)

    def _drop(self, handle: Handle, buffer: Any, size: int, offset: int, descriptor: int) -> int:
        if self.settings.writer_sees_writes:
            remembered = self._memory.get(handle.inode)
            if remembered is None:
                remembered = self._memory[handle.inode] = tempfile.TemporaryFile()  # noqa: SIM115
                readable = os.open(f"/proc/self/fd/{descriptor}", os.O_RDONLY | os.O_CLOEXEC)
                _copy(readable, remembered.fileno(), os.fstat(readable).st_size)
                os.close(readable)
            libc.pwrite(remembered.fileno(), buffer, size, offset)
        if self.settings.drops_writes == "zeros" and os.fstat(descriptor).st_size < offset + size:
            os.ftruncate(descriptor, offset + size)
        return size

    def truncate(self, path: bytes | None, size: int, info: Any) -> None:
        if self._memory or self.settings.drops_writes:
            found = self._stored(path, info)
            if found.st_ino in self._memory:
                os.ftruncate(self._memory[found.st_ino].fileno(), size)
            known = path or self.handles[info.contents.fh].path
            if self.settings.drops_writes == "empty" and self.settings.concerns(known):
                size = min(size, found.st_size)
        super().truncate(path, size, info)

    def _stored(self, path: bytes | None, info: Any) -> os.stat_result:
        if info:
            return os.fstat(info.contents.fh)
        with self.store.place(path or b"/") as (folder, name):
            return os.stat(name, dir_fd=folder, follow_symlinks=False)

    def flush(self, path: bytes | None, info: Any) -> None:
        with suppress(OSError) if self.settings.fails_at == "fsync" else nullcontext():
            if self.settings.fails_at:
                self._lose(info.contents.fh)

    def fsync(self, path: bytes | None, data_only: int, info: Any) -> None:
        if self.settings.fails_at == "fsync":
            self._lose(info.contents.fh)
        super().fsync(path, data_only, info)

    def _lose(self, descriptor: int) -> None:
        """What was written through an open file since the last time is lost; raises if there was any."""
        handle = self.handles[descriptor]
        if handle.first_write is None or not self.settings.concerns(handle.path):
            return
        os.ftruncate(descriptor, min(handle.first_write, os.fstat(descriptor).st_size))
        handle.first_write = None
        raise failure(self.settings.fails_with)

    # renames

    def rename(self, old: bytes, new: bytes, flags: int) -> None:
        if flags and self.settings.no_rename_flags:
            raise OSError(EINVAL, "no flags")
        if self.settings.rename_copies and self.settings.concerns(old) and self._copies(old, new, flags):
            return
        super().rename(old, new, flags)
        self._forget(old)

    def _copies(self, old: bytes, new: bytes, flags: int) -> bool:
        """Renames by copying; False for what is no file (and for flags, which this client would not know)."""
        with self.store.place(old) as (folder, name), self.store.place(new) as (new_folder, new_name):
            found = os.stat(name, dir_fd=folder, follow_symlinks=False)
            if flags or not modes.S_ISREG(found.st_mode):
                return False
            source = libc.openat(folder, name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, 0)
            create = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
            try:
                target = libc.openat(new_folder, new_name, create, 0o600)
                try:
                    _copy(source, target, found.st_size // 2)
                    self._stop("half", old)
                    _copy(source, target, found.st_size, found.st_size // 2)
                    os.fchown(target, found.st_uid, found.st_gid)
                    os.fchmod(target, modes.S_IMODE(found.st_mode))
                    os.utime(target, ns=(found.st_atime_ns, found.st_mtime_ns))
                    self.written[os.fstat(target).st_ino] = time.monotonic()
                finally:
                    os.close(target)
            finally:
                os.close(source)
            self._stop("copied", old)
            libc.unlinkat(folder, name, 0)
        self._forget(old)
        return True

    def _stop(self, point: str, path: bytes) -> None:
        if self.settings.rename_stops != point:
            return
        if self.settings.rename_then == "die":
            os._exit(70)
        if self.settings.rename_then == "error":
            raise failure("EIO")
        with self.gate.released:
            self.gate.released.wait_for(lambda: self.settings.rename_stops != point)


def _copy(source: int, target: int, end: int, start: int = 0) -> None:
    while start < end:
        block = os.pread(source, min(_BLOCK, end - start), start)
        if not block:
            return
        start += os.pwrite(target, block, start)
