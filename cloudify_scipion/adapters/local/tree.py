"""Removing trees without ever following a symlink or crossing a mount point."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from cloudify_scipion.adapters.local.beneath import folder, open_folder
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
