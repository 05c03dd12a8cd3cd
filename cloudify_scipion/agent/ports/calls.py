"""System calls: made again where a file system has no time for them, and those that Python lacks."""

from __future__ import annotations

import ctypes
import errno
import os
import struct
import time
from collections.abc import Callable
from typing import NamedTuple, ParamSpec, TypeVar

from cloudify_scipion.agent.ports.facts import within

TURNS = 7
UNSUPPORTED = (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP)
"""What a file system says to a call that it does not have."""
_FIRST_WAIT = 0.01
_NOREPLACE, _EXCHANGE = 1, 2
# of statx(2): linux/stat.h
_NOFOLLOW, _FORCE_SYNC, _MASK = 0x100, 0x2000, 0x7FF
_INO_AT, _SIZE_AT, _CTIME_AT, _MTIME_AT = 32, 40, 96, 112

_libc = ctypes.CDLL(None, use_errno=True)
Asked = ParamSpec("Asked")
Answer = TypeVar("Answer")


def patient(do: Callable[Asked, Answer], /, *arguments: Asked.args, **named: Asked.kwargs) -> Answer:
    """Make one call, and again while the answer is EAGAIN: then nothing was done. Raises BlockingIOError in the end."""
    for turn in range(TURNS - 1):
        try:
            return do(*arguments, **named)
        except BlockingIOError:
            wait(turn)
    return do(*arguments, **named)


def wait(turn: int) -> None:
    """Before the next of TURNS: longer each time."""
    time.sleep(_FIRST_WAIT * 2**turn)


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
