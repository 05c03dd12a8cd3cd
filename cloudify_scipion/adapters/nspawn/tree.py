"""Removing trees without ever following a symlink or crossing a mount point."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable
from pathlib import Path

from cloudify_scipion.adapters.nspawn.beneath import folder, open_child
from cloudify_scipion.adapters.nspawn.mounts import mounted_below
from cloudify_scipion.errors import PermanentError


def remove_tree(path: Path) -> bool:
    """Remove `path` and all below. True if it was there.

    Raises PermanentError, before anything is removed, if something is mounted at or below it; what is mounted is never
    touched, not even if it appears while this runs.
    """
    if not os.path.lexists(path):
        return False
    found = mounted_below(path) if path.is_dir() and not path.is_symlink() else []
    if found:
        points = ", ".join(str(mount.point) for mount in found)
        raise PermanentError(f"{path} is not removed: mounted below it is {points}", f"umount {points}")
    with folder(path.parent) as parent:
        remove_entry(parent, path.name)
    return True


def remove_entry(parent: int, name: str) -> None:
    """Remove an entry of an open folder, with all below it if it is a folder; nothing if it is not there."""
    try:
        if not stat.S_ISDIR(os.lstat(name, dir_fd=parent).st_mode):
            os.unlink(name, dir_fd=parent)
            return
        inner = _open(parent, name)
        try:
            remove_children(inner)
        finally:
            os.close(inner)
        os.rmdir(name, dir_fd=parent)
    except FileNotFoundError:
        return


def remove_children(opened: int, keep: Callable[[str], bool] = lambda name: False) -> None:
    """Remove every entry of an open folder whose name is not to be kept."""
    for name in os.listdir(opened):
        if not keep(name):
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


def _open(parent: int, name: str) -> int:
    try:
        return open_child(parent, name)
    except OSError as error:
        if error.errno == errno.EXDEV:
            where = Path(f"/proc/self/fd/{parent}").readlink() / name
            raise PermanentError(f"{where} is not removed: something is mounted there", f"umount {where}") from error
        raise
