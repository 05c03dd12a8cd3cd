"""A folder in which others work meanwhile: no path leads out of it, whatever they put in a path's way.

Every path is opened part by part from the folder's own descriptor, and no symbolic link is ever followed. Here it is
only looked at.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import threading
from collections.abc import Iterable, Iterator, Mapping

from cloudify_scipion.agent.plan.names import joined, split
from cloudify_scipion.agent.ports.calls import BUSY, Told, patient, statx
from cloudify_scipion.agent.ports.mount import mounted_as

_FOLDER = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_LISTED = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_MAX_FOLDERS = 512
NOTHING = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)
"""Nothing is at a path: also where a file or a link stands where a folder was."""


Entries = list[tuple[bytes, os.stat_result]]
"""Of a folder: names, each with the facts of what it names."""


class NotAFile(OSError):
    """What is at the path is no regular file."""


class Folder:
    """An open folder; closed when nobody has it any more."""

    def __init__(self, fd: int) -> None:
        self.fd = fd

    def __del__(self) -> None:
        with contextlib.suppress(OSError):
            os.close(self.fd)


class ReadTree:
    """Looking below one folder; paths are bytes, relative to it, the folder itself is b"".

    Open folders are kept until `forget`; whoever moves one meanwhile, moves what is written into it.
    """

    def __init__(self, path: str | bytes) -> None:
        self.path = os.fsencode(path)
        self._root = Folder(os.open(self.path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC))
        self._folders: dict[bytes, Folder] = {}
        self._lock = threading.Lock()
        self.avoided: frozenset[bytes] = frozenset()
        """What listings leave out, and do not look at: other people's mounts, say."""
        self.unseen: dict[bytes, OSError] = {}
        """What listings had to leave out, and why."""

    def avoid(self, paths: Iterable[bytes]) -> None:
        """Leave these out of listings from now on, instead of those before."""
        self.avoided = frozenset(paths)

    def leave(self) -> None:
        """Close everything."""
        self.forget()
        self._root = Folder(-1)

    def folder(self, path: bytes) -> Folder:
        """The folder at `path`, opened part by part."""
        known = self._folders  # of now: what is opened before `forget` is not known after it
        found, todo = self._open_above(path, known)
        for inside, name in reversed(todo):
            found = Folder(patient(os.open, name, _FOLDER, dir_fd=found.fd))
            with self._lock:
                if len(known) >= _MAX_FOLDERS:
                    known.clear()
                known[inside] = found
        return found

    def _open_above(self, path: bytes, known: Mapping[bytes, Folder]) -> tuple[Folder, list[tuple[bytes, bytes]]]:
        """The lowest folder on the way to `path` that is open, and (path, name) of those below it, deepest first."""
        todo: list[tuple[bytes, bytes]] = []
        while path:
            with self._lock:
                found = known.get(path)
            if found is not None:
                return found, todo
            above, name = split(path)
            todo.append((path, _downward(name, path)))
            path = above
        return self._root, todo

    def at(self, path: bytes) -> tuple[Folder, bytes]:
        """The folder that a path is in, and its name there.

        Whoever uses the descriptor keeps the folder meanwhile: once closed, its number may be another folder's.
        """
        above, name = split(path)
        return self.folder(above), _downward(name, path) if path else name

    def forget(self) -> None:
        """Open every folder again from now on."""
        self._folders = {}

    def stat(self, path: bytes) -> os.stat_result | None:
        """What is at `path` (a link itself, not what it points to), None if there is nothing."""
        try:
            above, name = self.at(path)
            return os.stat(name or b".", dir_fd=above.fd, follow_symlinks=False)
        except OSError as error:
            if error.errno in NOTHING:
                return None
            raise

    def fresh(self, path: bytes) -> tuple[int, int] | None:
        """Size and time (ns) of what is at `path`, past the kernel's cache of them; None if there is nothing."""
        told = self.told(path)
        return told[:2] if told else None

    def told(self, path: bytes) -> Told | None:
        """All facts of what is at `path`, past the kernel's cache of them; None if there is nothing."""
        try:
            above, name = self.at(path)
            return statx(above.fd, name)
        except OSError as error:
            if error.errno in NOTHING:
                return None
            raise

    def mounted(self) -> str:
        """What is mounted where the folder is: kind, source, options."""
        return mounted_as(self._root.fd)

    def entries(self, path: bytes) -> Entries:
        """The entries of a folder, by name, each with its facts; what vanishes meanwhile is left out.

        So is what is `avoided`, and what cannot be looked at: that is `unseen` then.
        """
        found = []
        with self._listed(path) as fd:
            for entry in patient(_scan, fd):
                name = os.fsencode(entry.name)
                if self.avoided and joined(path, name) in self.avoided:
                    continue
                try:
                    found.append((name, _facts(entry)))
                except FileNotFoundError:
                    continue
                except OSError as error:
                    self.unseen[joined(path, name)] = error
        found.sort()
        return found

    def unseen_in(self, path: bytes) -> list[tuple[bytes, OSError]]:
        """What could not be looked at in a folder, by name, since the last time that this was asked."""
        if not self.unseen:
            return []
        with self._lock:
            inside = [unseen for unseen in self.unseen if split(unseen)[0] == path]
            return [(split(unseen)[1], self.unseen.pop(unseen)) for unseen in inside]

    def names(self, path: bytes) -> list[bytes]:
        """The names in a folder, sorted."""
        with self._listed(path) as fd:
            return sorted(os.fsencode(name) for name in patient(os.listdir, fd))  # noqa: PTH208 - a descriptor

    def kinds(self, path: bytes) -> list[tuple[bytes, str]]:
        """The names in a folder, sorted, each with the kind (`ports.facts.kind`) of what it names; no facts."""
        with self._listed(path) as fd:
            found = [(os.fsencode(entry.name), _kind(entry)) for entry in patient(_scan, fd)]
        return sorted(found)

    @contextlib.contextmanager
    def _listed(self, path: bytes) -> Iterator[int]:
        """A descriptor of a folder for more than a way to what is in it."""
        folder = self.folder(path)
        fd = patient(os.open, b".", _LISTED, dir_fd=folder.fd)
        try:
            yield fd
        finally:
            os.close(fd)

    def readlink(self, path: bytes) -> bytes:
        """What a symbolic link says."""
        above, name = self.at(path)
        return os.readlink(name, dir_fd=above.fd)

    def open(self, path: bytes) -> int:
        """A descriptor to read the regular file at `path`. Raises NotAFile for anything else."""
        return self.open_with_facts(path)[0]

    def open_with_facts(self, path: bytes) -> tuple[int, os.stat_result]:
        """A descriptor to read the regular file at `path`, and its facts. Raises NotAFile for anything else."""
        above, name = self.at(path)
        fd = patient(os.open, name, _READ, dir_fd=above.fd)
        try:
            facts = patient(os.fstat, fd)
            if not stat.S_ISREG(facts.st_mode):
                raise NotAFile(errno.EINVAL, "not a regular file", os.fsdecode(path))
        except OSError:
            os.close(fd)
            raise
        return fd, facts

    def free(self) -> int:
        """Bytes that may still be written."""
        return self.room()[0]

    def room(self) -> tuple[int, int]:
        """Bytes that may still be written, and bytes of the whole file system, as far as it tells."""
        facts = os.statvfs(f"/proc/self/fd/{self._root.fd}")
        return facts.f_bavail * facts.f_frsize, facts.f_blocks * facts.f_frsize


def _facts(entry: os.DirEntry[str]) -> os.stat_result:
    try:  # one call for each file of a project, of which none ends the listing: waited for here, and where it helps
        return entry.stat(follow_symlinks=False)
    except OSError as error:
        if error.errno not in BUSY:
            raise
        return patient(entry.stat, follow_symlinks=False)


def _kind(entry: os.DirEntry[str]) -> str:
    if entry.is_symlink():
        return "l"
    if entry.is_dir(follow_symlinks=False):
        return "d"
    return "f" if entry.is_file(follow_symlinks=False) else "?"


def _scan(fd: int) -> list[os.DirEntry[str]]:
    with os.scandir(fd) as entries:
        return list(entries)


def _downward(name: bytes, path: bytes) -> bytes:
    """A name that leads to what is in a folder. Raises OSError for others."""
    if name in (b"", b".", b"..") or b"\0" in name:
        raise OSError(errno.EINVAL, "no path that leads down from here", os.fsdecode(path))
    return name
