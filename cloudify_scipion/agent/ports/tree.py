"""A folder in which others work meanwhile: no path leads out of it, whatever they put in a path's way.

Every path is opened part by part from the folder's own descriptor, and no symbolic link is ever followed. Everything
that changes something is a method of its own, so that tests can end the agent at each of them.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import stat
import struct
import threading
import time
from collections.abc import Callable, Iterator
from typing import ParamSpec, TypeVar

from cloudify_scipion.agent.plan.names import joined, split, whole_way

_FOLDER = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_LISTED = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_NOREPLACE = 1
_UNSUPPORTED = (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP)
_MAX_FOLDERS = 512
# of statx(2): linux/stat.h
_NOFOLLOW, _FORCE_SYNC, _MASK = 0x100, 0x2000, 0x7FF

_LATEST = 2**63 - 1
_REFUSED = (errno.EPERM, *_UNSUPPORTED)
_TURNS, _FIRST_WAIT = 7, 0.01
_SMALL = 1 << 20

_libc = ctypes.CDLL(None, use_errno=True)
Asked = ParamSpec("Asked")
Answer = TypeVar("Answer")


def patient(do: Callable[Asked, Answer], /, *arguments: Asked.args, **named: Asked.kwargs) -> Answer:
    """Make one call, and again while the answer is EAGAIN: then nothing was done. Raises BlockingIOError in the end."""
    for turn in range(_TURNS - 1):
        try:
            return do(*arguments, **named)
        except BlockingIOError:
            time.sleep(_FIRST_WAIT * 2**turn)
    return do(*arguments, **named)


def _renameat2(old_folder: int, old: bytes, new_folder: int, new: bytes) -> None:
    if _libc.renameat2(old_folder, old, new_folder, new, _NOREPLACE) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), os.fsdecode(new))


def _listed(fd: int) -> list[os.DirEntry[str]]:
    with os.scandir(fd) as entries:
        return list(entries)


def _statx(folder: int, name: bytes, buffer: ctypes.Array[ctypes.c_char]) -> None:
    if _libc.statx(folder, name, _NOFOLLOW | _FORCE_SYNC, _MASK, buffer) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), os.fsdecode(name))


class NotAFile(OSError):
    """What is at the path is no regular file."""


class Folder:
    """An open folder; closed when nobody has it any more."""

    def __init__(self, fd: int) -> None:
        self.fd = fd

    def __del__(self) -> None:
        with contextlib.suppress(OSError):
            os.close(self.fd)


class Tree:
    """Operations below one folder; paths are bytes, relative to it, the folder itself is b"".

    Open folders are kept until `forget`; whoever moves one meanwhile, moves what is written into it.
    """

    def __init__(self, path: str | bytes) -> None:
        self.path = os.fsencode(path)
        self._root = Folder(patient(os.open, self.path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC))
        self._folders: dict[bytes, Folder] = {}
        self._lock = threading.Lock()
        self._replaces = False
        self.uid = os.geteuid()
        """Whose new files are; `chown_to` gives them to somebody else."""

    def leave(self) -> None:
        """Close everything."""
        self.forget()
        self._root = Folder(-1)

    # looking

    def folder(self, path: bytes) -> Folder:
        """The folder at `path`, opened part by part."""
        if not path:
            return self._root
        todo, found = [], None
        while path and found is None:
            with self._lock:
                found = self._folders.get(path)
            if found is None:
                above, name = split(path)
                todo.append((path, _downward(name, path)))
                path = above
        found = found or self._root
        for inside, name in reversed(todo):
            found = Folder(patient(os.open, name, _FOLDER, dir_fd=found.fd))
            with self._lock:
                if len(self._folders) >= _MAX_FOLDERS:
                    self._folders.clear()
                self._folders[inside] = found
        return found

    def at(self, path: bytes) -> tuple[Folder, bytes]:
        """The folder that a path is in, and its name there.

        Whoever uses the descriptor keeps the folder meanwhile: once closed, its number may be another folder's.
        """
        above, name = split(path)
        return self.folder(above), _downward(name, path) if path else name

    def forget(self) -> None:
        """Open every folder again from now on."""
        with self._lock:
            self._folders.clear()

    def stat(self, path: bytes) -> os.stat_result | None:
        """What is at `path` (a link itself, not what it points to), None if there is nothing."""
        try:
            above, name = self.at(path)
            return patient(os.stat, name or b".", dir_fd=above.fd, follow_symlinks=False)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            if error.errno == errno.ELOOP:  # a link stands where a folder was
                return None
            raise

    def fresh(self, path: bytes) -> tuple[int, int] | None:
        """Size and time (ns) of what is at `path`, past the kernel's cache of them; None if there is nothing."""
        try:
            above, name = self.at(path)
        except FileNotFoundError:
            return None
        buffer = ctypes.create_string_buffer(256)
        try:
            patient(_statx, above.fd, name, buffer)
        except FileNotFoundError:
            return None
        size = struct.unpack_from("=Q", buffer, 40)[0]
        seconds, nanoseconds = struct.unpack_from("=qI", buffer, 112)
        return size, _within(seconds * 1_000_000_000 + nanoseconds)

    def entries(self, path: bytes) -> list[tuple[bytes, os.stat_result]]:
        """The entries of a folder, by name, each with its facts; what vanishes meanwhile is left out."""
        folder = self.folder(path)
        fd = patient(os.open, b".", _LISTED, dir_fd=folder.fd)
        try:
            found = []
            for entry in patient(_listed, fd):
                with contextlib.suppress(FileNotFoundError):
                    found.append((os.fsencode(entry.name), patient(entry.stat, follow_symlinks=False)))
        finally:
            os.close(fd)
        found.sort()
        return found

    def names(self, path: bytes) -> list[bytes]:
        """The names in a folder, sorted."""
        folder = self.folder(path)
        fd = patient(os.open, b".", _LISTED, dir_fd=folder.fd)
        try:
            return sorted(os.fsencode(name) for name in patient(os.listdir, fd))  # noqa: PTH208 - a descriptor
        finally:
            os.close(fd)

    def readlink(self, path: bytes) -> bytes:
        """What a symbolic link says."""
        above, name = self.at(path)
        return patient(os.readlink, name, dir_fd=above.fd)

    def open(self, path: bytes) -> int:
        """A descriptor to read the regular file at `path`. Raises NotAFile for anything else."""
        above, name = self.at(path)
        fd = patient(os.open, name, _READ, dir_fd=above.fd)
        try:
            if not stat.S_ISREG(patient(os.fstat, fd).st_mode):
                raise NotAFile(errno.EINVAL, "not a regular file", os.fsdecode(path))
        except OSError:
            os.close(fd)
            raise
        return fd

    def free(self) -> int:
        """Bytes that may still be written."""
        facts = patient(os.statvfs, self._real())
        return facts.f_bavail * facts.f_frsize

    def _real(self) -> str:
        return f"/proc/self/fd/{self._root.fd}"

    # changing

    def create(self, path: bytes, mode: int = 0o600) -> int:
        """A descriptor to write a new file at `path`. Raises FileExistsError."""
        above, name = self.at(path)
        for turn in range(_TURNS):
            try:
                return os.open(name, _CREATE, mode, dir_fd=above.fd)
            except BlockingIOError:
                time.sleep(_FIRST_WAIT * 2**turn)
            except FileExistsError:
                if turn == 0:
                    raise
                self.unlink(path)  # it was made, and then the kernel could not look at it
        with contextlib.suppress(OSError):
            self.unlink(path)
        raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN), os.fsdecode(path))

    def write(self, fd: int, data: bytes | memoryview) -> None:
        """Write all of `data`."""
        view = memoryview(data)
        while view:
            written = patient(os.write, fd, view)
            if written == 0:
                raise OSError(errno.EIO, "nothing can be written")
            view = view[written:]

    def sync_file(self, fd: int) -> None:
        """Return when a file's content is on stable storage."""
        patient(os.fsync, fd)

    def close(self, fd: int) -> None:
        """Close a written file: some file systems tell only now that they failed."""
        os.close(fd)

    def set_times(self, fd: int, mtime: int) -> None:
        """Set an open file's time of modification, in nanoseconds since 1970."""
        patient(os.utime, fd, ns=(mtime, mtime))

    def set_mode(self, fd: int, mode: int) -> None:
        """Set an open file's permissions."""
        patient(os.fchmod, fd, stat.S_IMODE(mode))

    def chown(self, fd: int, uid: int, gid: int) -> None:
        """Give an open file to somebody."""
        patient(os.fchown, fd, uid, gid)

    def touch(self, path: bytes, written: bool = False) -> None:
        """Set a small file's time to now. Raises FileNotFoundError.

        Where times cannot be set, or if `written`, the file is given the content that it has.
        """
        above, name = self.at(path)
        if not written:
            try:
                patient(os.utime, name, dir_fd=above.fd, follow_symlinks=False)
                return
            except OSError as error:
                if error.errno not in _REFUSED:
                    raise
        fd = patient(os.open, name, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=above.fd)
        try:
            patient(os.pwrite, fd, patient(os.pread, fd, _SMALL, 0), 0)
        except BaseException:
            os.close(fd)
            raise
        os.close(fd)

    def rename(self, old: bytes, new: bytes, replace: bool = False) -> None:
        """Move; what is at `new` is replaced only if that is wanted, else FileExistsError.

        Where the file system cannot promise that, it is looked at first: a short window remains.
        """
        (old_fd, old_name), (new_fd, new_name) = self.at(old), self.at(new)
        if replace:
            patient(os.rename, old_name, new_name, src_dir_fd=old_fd.fd, dst_dir_fd=new_fd.fd)
            return
        if not self._replaces:
            try:
                patient(_renameat2, old_fd.fd, old_name, new_fd.fd, new_name)
                return
            except OSError as error:
                if error.errno not in _UNSUPPORTED:
                    raise
            self._replaces = True
        if self.stat(new) is not None:
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), os.fsdecode(new))
        patient(os.rename, old_name, new_name, src_dir_fd=old_fd.fd, dst_dir_fd=new_fd.fd)

    def unlink(self, path: bytes) -> None:
        """Remove a file or link; nothing to do when it is gone."""
        with contextlib.suppress(FileNotFoundError):
            above, name = self.at(path)
            patient(os.unlink, name, dir_fd=above.fd)

    def rmdir(self, path: bytes) -> bool:
        """Remove an empty folder; False if it is not empty."""
        try:
            above, name = self.at(path)
            patient(os.rmdir, name, dir_fd=above.fd)
        except FileNotFoundError:
            return True
        except OSError as error:
            if error.errno in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR):
                return False
            raise
        finally:
            self.forget()
        return True

    def mkdir(self, path: bytes, mode: int = 0o755) -> bool:
        """Make a folder; False if one is there. Raises FileExistsError if something else is there."""
        above, name = self.at(path)
        try:
            patient(os.mkdir, name, mode, dir_fd=above.fd)
        except FileExistsError:
            facts = self.stat(path)
            if facts is None or not stat.S_ISDIR(facts.st_mode):
                raise
            return False
        return True

    def symlink(self, target: bytes, path: bytes) -> None:
        """Make a symbolic link."""
        above, name = self.at(path)
        patient(os.symlink, target, name, dir_fd=above.fd)

    def link(self, old: bytes, new: bytes) -> None:
        """Make another name of a file."""
        (old_fd, old_name), (new_fd, new_name) = self.at(old), self.at(new)
        patient(os.link, old_name, new_name, src_dir_fd=old_fd.fd, dst_dir_fd=new_fd.fd, follow_symlinks=False)

    def chown_link(self, path: bytes, uid: int, gid: int) -> None:
        """Give what is at `path`, not what it points to, to somebody."""
        above, name = self.at(path)
        patient(os.chown, name, uid, gid, dir_fd=above.fd, follow_symlinks=False)

    def moving_in(self, path: bytes) -> None:
        """A file of another tree is about to be moved here: a place where tests end the agent."""

    def sync(self) -> None:
        """Return when all that was written is on stable storage."""
        fd = patient(os.open, b".", _LISTED, dir_fd=self._root.fd)
        try:
            if _libc.syncfs(fd) != 0 and ctypes.get_errno() not in _UNSUPPORTED:
                number = ctypes.get_errno()
                raise OSError(number, os.strerror(number))
        finally:
            os.close(fd)


def _downward(name: bytes, path: bytes) -> bytes:
    """A name that leads to what is in a folder. Raises OSError for others."""
    if name in (b"", b".", b"..") or b"\0" in name:
        raise OSError(errno.EINVAL, "no path that leads down from here", os.fsdecode(path))
    return name


def make_folders(tree: Tree, path: bytes, mode: int = 0o755) -> None:
    """Make a folder and those above it, where they are not there."""
    for above in whole_way(path):
        tree.mkdir(above, mode)


def kind(facts: os.stat_result) -> str:
    """f (regular file), l (symbolic link), d (folder), or ? for pipes, sockets and devices."""
    mode = facts.st_mode
    return "f" if stat.S_ISREG(mode) else "d" if stat.S_ISDIR(mode) else "l" if stat.S_ISLNK(mode) else "?"


def mtime_of(facts: os.stat_result) -> int:
    """A file's time in nanoseconds, as far as an index can hold it (the years 1677 to 2262)."""
    return _within(facts.st_mtime_ns)


def _within(nanoseconds: int) -> int:
    return max(-_LATEST, min(nanoseconds, _LATEST))


def move_between(source: Tree, old: bytes, target: Tree, new: bytes) -> None:
    """Move a file into another tree of the same file system, where nothing may be in its way (FileExistsError)."""
    (old_fd, old_name), (new_fd, new_name) = source.at(old), target.at(new)
    target.moving_in(new)
    patient(_renameat2, old_fd.fd, old_name, new_fd.fd, new_name)


def read_all(tree: Tree, path: bytes) -> bytes | None:
    """The content of a small file, None if it is not there."""
    try:
        fd = tree.open(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    parts = []
    try:
        while data := patient(os.read, fd, _SMALL):  # a stream would take EAGAIN for the end
            parts.append(data)
    finally:
        os.close(fd)
    return b"".join(parts)


def write_new(tree: Tree, path: bytes, data: bytes, mode: int = 0o600) -> None:
    """A new small file with that content, on stable storage; or none."""
    fd = tree.create(path, mode)
    try:
        try:
            tree.write(fd, data)
            tree.sync_file(fd)
        except BaseException:
            os.close(fd)
            raise
        tree.close(fd)
    except OSError:
        with contextlib.suppress(OSError):
            tree.unlink(path)
        raise


def files_below(tree: Tree, path: bytes) -> Iterator[tuple[bytes, os.stat_result]]:
    """All that is below a folder and is no folder; nothing if the folder is not there."""
    facts = tree.stat(path)
    if facts is None or kind(facts) != "d":
        return
    for name, found in tree.entries(path):
        inside = joined(path, name)
        if kind(found) == "d":
            yield from files_below(tree, inside)
        else:
            yield inside, found
