"""Reading, writing and removing in trees of others, without ever following a symlink or crossing a mount point."""

from __future__ import annotations

import ctypes
import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from cloudify_scipion.adapters.local.mounts import mounted_below
from cloudify_scipion.errors import PermanentError


def remove_tree(path: Path) -> bool:
    """Remove `path` and all below. True if it was there.

    Raises PermanentError, before anything is removed, if something is mounted at or below it; what is mounted is never
    touched, not even if it appears while this runs.
    """
    if not os.path.lexists(path):
        return False
    refuse_mounts(path)
    with folder(path.parent) as parent:
        remove_entry(parent, path.name)
    return True


def refuse_mounts(path: Path) -> None:
    """Raise PermanentError if something is mounted at or below `path`."""
    if path.is_symlink() or not path.is_dir():
        return
    points = " ".join(str(mount.point) for mount in reversed(mounted_below(path)))
    if points:
        raise PermanentError(f"{path} is not removed, because something is mounted there: {points}", f"umount {points}")


def remove_entry(parent: int, name: str) -> None:
    """Remove an entry of an open folder, with all below it if it is a folder; nothing if it is not there."""
    try:
        if not stat.S_ISDIR(os.lstat(name, dir_fd=parent).st_mode):
            os.unlink(name, dir_fd=parent)
            return
        with open_folder(parent, name) as inner:
            remove_children(inner)
        os.rmdir(name, dir_fd=parent)
    except FileNotFoundError:
        return


def remove_children(opened: int) -> None:
    """Remove every entry of an open folder."""
    for name in os.listdir(opened):
        remove_entry(opened, name)


def tree_size(path: Path) -> int:
    """Bytes that the files at and below `path` take on disk; hard links are counted once."""
    seen: set[tuple[int, int]] = set()
    total = 0
    for _, _, files, opened in os.fwalk(path):
        for name in files:
            facts = os.lstat(name, dir_fd=opened)
            if facts.st_nlink == 1 or (facts.st_dev, facts.st_ino) not in seen:
                seen.add((facts.st_dev, facts.st_ino))
                total += facts.st_blocks * 512
    return total


_SYS_OPENAT2 = 437
_RESOLVE_NO_XDEV = 0x01
_RESOLVE_NO_SYMLINKS = 0x04
_RESOLVE_BENEATH = 0x08
_RESOLVE_IN_ROOT = 0x10
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_LIBC = ctypes.CDLL(None, use_errno=True)


class _OpenHow(ctypes.Structure):
    _fields_ = [("flags", ctypes.c_uint64), ("mode", ctypes.c_uint64), ("resolve", ctypes.c_uint64)]


@contextmanager
def folder(path: Path) -> Iterator[int]:
    """A descriptor of one of our own folders."""
    descriptor = os.open(path, _FOLDER)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def open_folder(parent: int, name: str) -> Iterator[int]:
    """A descriptor of the folder `name` of `parent`. PermanentError if something is mounted there; never a symlink."""
    try:
        descriptor = _openat2(parent, name, _RESOLVE_NO_XDEV | _RESOLVE_NO_SYMLINKS | _RESOLVE_BENEATH)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        where = Path(f"/proc/self/fd/{parent}").readlink() / name
        raise PermanentError(f"{where} is left alone: something is mounted there", f"umount {where}") from error
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def real_folder(root: Path, inside: str = "") -> Path:
    """The folder `inside` of `root`, as a path. PermanentError if it is none, or a symlink leads to it.

    On a volume and in a data space, others could have put one there.
    """
    path = root / inside if inside else root
    try:
        with folder(root) as top:
            os.close(_openat2(top, inside or ".", _RESOLVE_NO_SYMLINKS | _RESOLVE_BENEATH))
    except OSError as error:
        raise PermanentError(f"{path} is not a folder, or a symlink leads to it: {error.strerror}") from error
    return path


def open_inside(root: int, path: PurePosixPath) -> int:
    """Open a folder of a machine's tree; symlinks mean what they mean inside the machine; no mount is crossed."""
    return _openat2(root, str(path), _RESOLVE_IN_ROOT | _RESOLVE_NO_XDEV)


def write_inside(root: int, path: str, content: bytes, mode: int) -> None:
    """Write a file of root's into a machine's tree, whole or not at all; missing folders get 0755, a secret's 0700."""
    target = PurePosixPath("/") / path
    parent = _make_folders(root, target.parent, 0o755 if mode & 0o007 else 0o700)
    temporary = f".{target.name}.cloudify-scipion"
    try:
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600, dir_fd=parent)
        with os.fdopen(handle, "wb") as stream:
            os.fchown(handle, 0, 0)
            os.fchmod(handle, mode)
            stream.write(content)
        os.rename(temporary, target.name, src_dir_fd=parent, dst_dir_fd=parent)
    finally:
        os.close(parent)


def read_inside(root: int, path: str, most: int) -> bytes:
    """The first `most` bytes of a file of a machine's tree; nothing of what is no file there, or a symlink."""
    target = PurePosixPath("/") / path
    try:
        parent = open_inside(root, target.parent)
    except OSError:
        return b""
    try:
        handle = os.open(target.name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=parent)
    except OSError:
        return b""
    finally:
        os.close(parent)
    with os.fdopen(handle, "rb") as stream:
        return stream.read(most) if stat.S_ISREG(os.fstat(handle).st_mode) else b""


def _make_folders(root: int, path: PurePosixPath, mode: int) -> int:
    try:
        return open_inside(root, path)
    except FileNotFoundError:
        parent = _make_folders(root, path.parent, mode)
        try:
            os.mkdir(path.name, mode, dir_fd=parent)
        finally:
            os.close(parent)
        made = open_inside(root, path)
        os.fchmod(made, mode)  # whatever the caller's umask is: the machine's users need it
        return made


def _openat2(parent: int, name: str, resolve: int) -> int:
    how = _OpenHow(_FOLDER, 0, resolve)
    opened = int(_LIBC.syscall(_SYS_OPENAT2, parent, os.fsencode(name), ctypes.byref(how), ctypes.sizeof(how)))
    if opened >= 0:
        return opened
    number = ctypes.get_errno()
    if number == errno.ENOSYS:
        raise PermanentError("this kernel is too old: openat2 is missing", "use Linux 5.6 or newer")
    raise OSError(number, os.strerror(number), name)
