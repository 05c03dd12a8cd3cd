"""System calls that Python lacks; and how long is waited for a file system that has no time for one."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import struct
import time
from collections.abc import Callable
from typing import NamedTuple, ParamSpec, TypeVar

from cloudify_scipion.agent.ports.facts import within

WAITS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.4, 0.8)
"""Seconds between the tries of what a file system had no time for: together as long as it may be busy with others."""
BUSY = (errno.EAGAIN, errno.EINTR, errno.ETIMEDOUT, errno.EBUSY)
"""What it says then."""
UNSUPPORTED = (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP)
"""What a file system says to a call that it does not have."""
_NOREPLACE, _EXCHANGE = 1, 2
# of statx(2): linux/stat.h
_NOFOLLOW, _FORCE_SYNC, _MASK = 0x100, 0x2000, 0x7FF
_INO_AT, _SIZE_AT, _CTIME_AT, _MTIME_AT = 32, 40, 96, 112

_WAITED = "waited_for"
_libc = ctypes.CDLL(None, use_errno=True)
Asked = ParamSpec("Asked")
Answer = TypeVar("Answer")


def patient(do: Callable[Asked, Answer], /, *arguments: Asked.args, **named: Asked.kwargs) -> Answer:
    """Do something, and again while a file system has no time for it. Raises OSError in the end.

    An error is waited for once: who does that again around what was patient already gets it at once.
    """
    for seconds in WAITS:
        try:
            return do(*arguments, **named)
        except OSError as error:
            if error.errno not in BUSY or was_waited_for(error):
                raise
        time.sleep(seconds)
    try:
        return do(*arguments, **named)
    except OSError as error:
        note_in_vain(error)
        raise


def note_in_vain(error: OSError) -> None:
    """Mark the error of the last try: nobody waits for it again."""
    vars(error)[_WAITED] = True


def close_read(fd: int) -> None:
    """Close what was only read: whatever the file system says to that, nothing is lost."""
    with contextlib.suppress(OSError):
        os.close(fd)


def was_waited_for(error: OSError) -> bool:
    """Whether all tries were in vain already."""
    return _WAITED in vars(error)


def renameat2(old_folder: int, old: bytes, new_folder: int, new: bytes) -> None:
    """Move from one open folder into another. Raises FileExistsError if something is there already."""
    if _libc.renameat2(old_folder, old, new_folder, new, _NOREPLACE) != 0:
        raise _error(os.fsdecode(new))


def exchange(one_folder: int, one: bytes, other_folder: int, other: bytes) -> None:
    """Let two paths of one file system change places, in one step."""
    if _libc.renameat2(one_folder, one, other_folder, other, _EXCHANGE) != 0:
        raise _error(os.fsdecode(other))


class Told(NamedTuple):
    """Facts of a file; times in nanoseconds since 1970."""

    size: int
    mtime: int
    ctime: int
    ino: int


def statx(folder: int, name: bytes) -> Told:
    """What is in an open folder, not from the kernel's cache."""
    buffer = ctypes.create_string_buffer(256)
    if _libc.statx(folder, name, _NOFOLLOW | _FORCE_SYNC, _MASK, buffer) != 0:
        raise _error(os.fsdecode(name))
    ino, size = (struct.unpack_from("=Q", buffer, at)[0] for at in (_INO_AT, _SIZE_AT))
    mtime, ctime = (_nanoseconds(*struct.unpack_from("=qI", buffer, at)) for at in (_MTIME_AT, _CTIME_AT))
    return Told(within(size), mtime, ctime, ino)


def _nanoseconds(seconds: int, more: int) -> int:
    return within(seconds * 1_000_000_000 + more)


def fallocate(fd: int, size: int) -> None:
    """Have room for so many bytes of an open file; nothing to do for a file system that cannot do that."""
    done = size <= 0 or _libc.fallocate(fd, 0, ctypes.c_int64(0), ctypes.c_int64(size)) == 0
    if not done and ctypes.get_errno() not in UNSUPPORTED:
        raise _error()


def syncfs(fd: int) -> None:
    """Return when all of an open folder's file system is on stable storage, where it can tell."""
    if _libc.syncfs(fd) != 0 and ctypes.get_errno() not in UNSUPPORTED:
        raise _error()


def _error(*name: str) -> OSError:
    number = ctypes.get_errno()
    return OSError(number, os.strerror(number), *name)
