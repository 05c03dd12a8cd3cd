"""The stand-in's system calls, straight from libc: no path, stat or block of data is copied in Python."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable
from ctypes import c_char_p, c_int, c_int64, c_long, c_size_t, c_ssize_t, c_uint, c_void_p
from typing import Any

AT_FDCWD = -100
NOFOLLOW = 0x100
"""AT_SYMLINK_NOFOLLOW"""
REMOVEDIR = 0x200
"""AT_REMOVEDIR"""
_OPENAT2 = 437
_O_PATH = 0o10000000
_BENEATH, _NO_SYMLINKS = 0x08, 0x04

_library = ctypes.CDLL(None, use_errno=True)


class _OpenHow(ctypes.Structure):
    _fields_ = [("flags", ctypes.c_uint64), ("mode", ctypes.c_uint64), ("resolve", ctypes.c_uint64)]


def _checked(result: int, _function: Any, _arguments: Any) -> int:
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return result


def _call(name: str, *types: Any, result: Any = c_int) -> Callable[..., int]:
    function = getattr(_library, name)
    function.argtypes, function.restype, function.errcheck = types, result, _checked
    return function  # type: ignore[no-any-return]


fstat = _call("fstat", c_int, c_void_p)
fstatat = _call("fstatat", c_int, c_char_p, c_void_p, c_int)
fstatvfs = _call("fstatvfs", c_int, c_void_p)
openat = _call("openat", c_int, c_char_p, c_int, c_uint)
pread = _call("pread", c_int, c_void_p, c_size_t, c_int64, result=c_ssize_t)
pwrite = _call("pwrite", c_int, c_void_p, c_size_t, c_int64, result=c_ssize_t)
mkdirat = _call("mkdirat", c_int, c_char_p, c_uint)
mknodat = _call("mknodat", c_int, c_char_p, c_uint, ctypes.c_uint64)
unlinkat = _call("unlinkat", c_int, c_char_p, c_int)
symlinkat = _call("symlinkat", c_char_p, c_int, c_char_p)
linkat = _call("linkat", c_int, c_char_p, c_int, c_char_p, c_int)
renameat2 = _call("renameat2", c_int, c_char_p, c_int, c_char_p, c_uint)
readlinkat = _call("readlinkat", c_int, c_char_p, c_void_p, c_size_t, result=c_ssize_t)
fchmod = _call("fchmod", c_int, c_uint)
fchmodat = _call("fchmodat", c_int, c_char_p, c_uint, c_int)
fchown = _call("fchown", c_int, c_uint, c_uint)
fchownat = _call("fchownat", c_int, c_char_p, c_uint, c_uint, c_int)
ftruncate = _call("ftruncate", c_int, c_int64)
futimens = _call("futimens", c_int, c_void_p)
utimensat = _call("utimensat", c_int, c_char_p, c_void_p, c_int)
fallocate = _call("fallocate", c_int, c_int, c_int64, c_int64)
fsync = _call("fsync", c_int)
fdatasync = _call("fdatasync", c_int)
umount2 = _call("umount2", c_char_p, c_int)
_openat2 = _call("syscall", c_long, c_int, c_char_p, c_void_p, c_size_t, result=c_long)
_folder = _OpenHow(_O_PATH | os.O_DIRECTORY | os.O_CLOEXEC, 0, _BENEATH | _NO_SYMLINKS)


def open_beneath(root: int, folder: bytes) -> int:
    """A descriptor (O_PATH) of a folder below `root`; no symlink is followed on the way, so nobody can lead it out."""
    return _openat2(_OPENAT2, root, folder, ctypes.byref(_folder), ctypes.sizeof(_folder))
