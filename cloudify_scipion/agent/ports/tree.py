"""A folder in which others work meanwhile, and what changes it.

Everything that changes something is a method of its own, so that tests can end the agent at each of them.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Callable

from cloudify_scipion.agent.ports.calls import UNSUPPORTED, close_read, exchange, fallocate, patient, renameat2, syncfs
from cloudify_scipion.agent.ports.read_tree import Folder, ReadTree

_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_REWRITE = os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_REFUSED = (errno.EPERM, *UNSUPPORTED)
_SMALL = 1 << 20


class Tree(ReadTree):
    """Operations below one folder; paths are bytes, relative to it, the folder itself is b""."""

    def __init__(self, path: str | bytes) -> None:
        super().__init__(path)
        self._replaces = False
        self.uid = os.geteuid()
        """Whose new files are."""

    def create(self, path: bytes, mode: int = 0o600) -> int:
        """A descriptor to write a new file at `path`. Raises FileExistsError."""
        above, name = self.at(path)
        return os.open(name, _CREATE, mode, dir_fd=above.fd)

    def write(self, fd: int, data: bytes | memoryview) -> None:
        """Write all of `data`."""
        view = memoryview(data)
        while view:
            written = os.write(fd, view)
            if written == 0:
                raise OSError(errno.EIO, "nothing can be written")
            view = view[written:]

    def truncate(self, fd: int, size: int) -> None:
        """Let an open file have that size: what was not written is a hole."""
        os.ftruncate(fd, size)

    def reserve(self, fd: int, size: int) -> None:
        """Have room for so many bytes of a file, without writing them; nothing where that is not known."""
        fallocate(fd, size)

    def sync_file(self, fd: int) -> None:
        """Return when a file's content is on stable storage."""
        os.fsync(fd)

    def close(self, fd: int) -> None:
        """Close a written file: some file systems tell only now that they failed."""
        os.close(fd)

    def set_times(self, fd: int, mtime: int) -> None:
        """Set an open file's time of modification, in nanoseconds since 1970."""
        os.utime(fd, ns=(mtime, mtime))

    def set_mode(self, fd: int, mode: int) -> None:
        """Set an open file's permissions."""
        os.fchmod(fd, stat.S_IMODE(mode))

    def set_folder_mode(self, path: bytes, mode: int) -> None:
        """Set a folder's permissions, whatever the process's umask."""
        with self._listed(path) as fd:
            patient(os.fchmod, fd, stat.S_IMODE(mode))

    def chown(self, fd: int, uid: int, gid: int) -> None:
        """Give an open file to somebody."""
        os.fchown(fd, uid, gid)

    def touch(self, path: bytes) -> None:
        """Set a small file's time to now, where times can be set. Raises FileNotFoundError."""
        above, name = self.at(path)
        try:
            os.utime(name, dir_fd=above.fd, follow_symlinks=False)
        except OSError as error:
            if error.errno not in _REFUSED:
                raise

    def update(self, path: bytes, change: Callable[[bytes], bytes]) -> None:
        """Give a small file the content that `change` makes of its own, read past the kernel's cache.

        The same file stays, and is opened once. Raises FileNotFoundError, and whatever `change` raises.
        """
        above, name = self.at(path)
        fd = os.open(name, _REWRITE, dir_fd=above.fd)
        try:
            os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
            old = patient(os.pread, fd, _SMALL, 0)
            new = change(old)
            patient(os.pwrite, fd, new, 0)
            if len(new) < len(old):
                patient(os.ftruncate, fd, len(new))
        except BaseException:
            close_read(fd)  # what it says now is not what went wrong
            raise
        os.close(fd)

    def rename(self, old: bytes, new: bytes, replace: bool = False) -> None:
        """Move; what is at `new` is replaced only if that is wanted, else FileExistsError.

        Where the file system cannot promise that, it is looked at first: a short window remains.
        """
        source, target = self.at(old), self.at(new)
        if not replace:
            if self._moved_where_nothing_is(source, target):
                return
            if self.stat(new) is not None:
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), os.fsdecode(new))
        patient(os.rename, source[1], target[1], src_dir_fd=source[0].fd, dst_dir_fd=target[0].fd)

    def _moved_where_nothing_is(self, source: tuple[Folder, bytes], target: tuple[Folder, bytes]) -> bool:
        """Move as the file system promises to replace nothing; False where it cannot promise that."""
        if self._replaces:
            return False
        try:
            renameat2(source[0].fd, source[1], target[0].fd, target[1])
            return True
        except OSError as error:
            if error.errno not in UNSUPPORTED:
                raise
        self._replaces = True
        return False

    def unlink(self, path: bytes) -> None:
        """Remove a file or link; nothing to do when it is gone."""
        with contextlib.suppress(FileNotFoundError):
            above, name = self.at(path)
            os.unlink(name, dir_fd=above.fd)

    def rmdir(self, path: bytes) -> bool:
        """Remove an empty folder; False if it is not empty."""
        try:
            above, name = self.at(path)
            os.rmdir(name, dir_fd=above.fd)
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
            os.mkdir(name, mode, dir_fd=above.fd)
        except FileExistsError:
            facts = self.stat(path)
            if facts is None or not stat.S_ISDIR(facts.st_mode):
                raise
            return False
        return True

    def symlink(self, target: bytes, path: bytes) -> None:
        """Make a symbolic link."""
        above, name = self.at(path)
        os.symlink(target, name, dir_fd=above.fd)

    def link(self, old: bytes, new: bytes) -> None:
        """Make another name of a file."""
        (old_fd, old_name), (new_fd, new_name) = self.at(old), self.at(new)
        os.link(old_name, new_name, src_dir_fd=old_fd.fd, dst_dir_fd=new_fd.fd, follow_symlinks=False)

    def chown_link(self, path: bytes, uid: int, gid: int) -> None:
        """Give what is at `path`, not what it points to, to somebody."""
        above, name = self.at(path)
        os.chown(name, uid, gid, dir_fd=above.fd, follow_symlinks=False)

    def take(self, source: Tree, old: bytes, new: bytes) -> None:
        """Move a file of another tree of the same file system here. Raises FileExistsError if something is there."""
        (old_fd, old_name), (new_fd, new_name) = source.at(old), self.at(new)
        renameat2(old_fd.fd, old_name, new_fd.fd, new_name)

    def exchange(self, source: Tree, other: bytes, path: bytes) -> None:
        """Let what is at `path` change places with what another tree of the same file system has at `other`."""
        (other_fd, other_name), (fd, name) = source.at(other), self.at(path)
        exchange(other_fd.fd, other_name, fd.fd, name)

    def sync(self) -> None:
        """Return when all that was written is on stable storage."""
        with self._listed(b"") as fd:
            patient(syncfs, fd)
