"""Data spaces that are folders of this host: opened name by name, so that no symlink in them leads elsewhere."""

from __future__ import annotations

import errno
import os
from pathlib import Path, PurePosixPath

from cloudify_scipion.adapters.files import make_private
from cloudify_scipion.errors import PermanentError, ReadOnlyDataSpace
from cloudify_scipion.lifecycle.facts import FolderMount

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_READ_ONLY = (errno.EROFS, errno.EACCES, errno.EPERM)
_MARK = ".cloudify-scipion/space.json"
"""By which a project's folder is known."""
_MODE = 0o700
"""Of folders that we make: on the machine, the agent reads them whatever their mode, and nobody else should."""


class HostFolders:
    """The folders of data spaces; those without a root lie below `own`, by name."""

    def __init__(self, own: Path) -> None:
        self._own = own

    def ensure(self, mount: FolderMount) -> Path:
        """The folder that is to be mounted, absolute and without symlinks; made if absent, unless it is only read.

        Raises PermanentError if it is not there, or a symlink is in the way.
        """
        space, path, make = mount.space, mount.path, not mount.read_only
        top = self._root(space, mount.root)
        steps = PurePosixPath(path).parts
        if not steps or PurePosixPath(path).is_absolute() or ".." in steps:
            raise PermanentError(f"{path!r} is not a folder below the data space '{space}'", "correct the source")
        opened = os.open(top, _FOLDER)
        for number, step in enumerate(steps):
            if make:
                _must_be_nobodys(opened, space, PurePosixPath(*steps[:number]).as_posix(), path)
            opened = _step(opened, step, make, space, path)
        os.close(opened)
        return top.joinpath(*steps)

    def _root(self, space: str, root: str) -> Path:
        if not root:
            make_private(self._own / space)
            return (self._own / space).resolve()
        if not Path(root).is_dir():
            what = f"the folder {root} of the data space '{space}' is not there"
            raise PermanentError(what, "mount it, or correct the site file")
        return Path(root).resolve()


def _must_be_nobodys(opened: int, space: str, above: str, path: str) -> None:
    """Raise PermanentError if an open folder above a project's is that of another project, which would pull it. Closes
    the folder then."""
    try:
        os.stat(_MARK, dir_fd=opened, follow_symlinks=False)
    except OSError:
        return
    os.close(opened)
    raise PermanentError(
        f"{space}:{path} lies in the folder of another project, {space}:{above}",
        "name a folder in data.project.source that is in no other project's",
    )


def _step(opened: int, name: str, make: bool, space: str, path: str) -> int:
    """Open a folder in an open one, which is closed, whatever happens."""
    try:
        if make:
            _make(opened, name, space, path)
        return os.open(name, _FOLDER, dir_fd=opened)
    except OSError as error:
        why = f"{name!r} in it is not a folder of its own ({error.strerror})"
        raise PermanentError(
            f"{space}:{path} cannot be used: {why}", "correct the source, or put the folder there"
        ) from error
    finally:
        os.close(opened)


def _make(opened: int, name: str, space: str, path: str) -> None:
    """Make a folder in an open one, unless it is there."""
    try:
        os.mkdir(name, _MODE, dir_fd=opened)
        os.fsync(opened)
    except FileExistsError:
        pass
    except OSError as error:
        if error.errno not in _READ_ONLY:
            raise
        said = f"{name!r} of {path!r} cannot be made: {error.strerror}"
        next_step = "make the space's folder writable for root of this host, or name another space"
        raise ReadOnlyDataSpace.found(space, said, next_step) from error
