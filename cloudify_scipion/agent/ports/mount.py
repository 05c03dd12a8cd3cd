"""Whether something is mounted at a folder: a folder that only waits for its mount looks like an empty data space."""

from __future__ import annotations

import os
from pathlib import Path


def is_mount(folder: int, path: Path) -> bool:
    """Whether the open folder of that path is another mount than the one above; also one of the same file system."""
    above = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        return _mount_of(folder) != _mount_of(above)
    finally:
        os.close(above)


def is_mounted(path: Path) -> bool:
    """The same of a path, which is false where nothing is there. Asks nothing of what is mounted."""
    try:
        folder = os.open(path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        return is_mount(folder, path)
    finally:
        os.close(folder)


def mounted_as(folder: int) -> str:
    """What is mounted at an open folder: the kind of file system, its source and its options."""
    number = _mount_of(folder).split()[1]
    for line in Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="replace").splitlines():
        if line.split(" ", 1)[0] == number:
            return line.partition(" - ")[2]
    return ""


def _mount_of(fd: int) -> str:
    lines = Path(f"/proc/self/fdinfo/{fd}").read_text(encoding="ascii").splitlines()
    return next(line for line in lines if line.startswith("mnt_id:"))
