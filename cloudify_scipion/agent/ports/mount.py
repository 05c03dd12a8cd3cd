"""Whether something is mounted at a folder: a folder that only waits for its mount looks like an empty data space."""

from __future__ import annotations

import os
import re
from pathlib import Path

_ESCAPED = re.compile(rb"\\([0-7]{3})")
"""How the kernel writes blanks in the paths of mounts."""


def is_mount(folder: int, path: Path) -> bool:
    """Whether the open folder of that path is another mount than the one above; also one of the same file system."""
    above = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        return _mount_of(folder) != _mount_of(above)
    finally:
        os.close(above)


def mounts_below(folder: int) -> list[bytes]:
    """Paths below an open folder at which something else is mounted, be it of the same file system; topmost only."""
    top = os.fsencode(Path(f"/proc/self/fd/{folder}").readlink())
    if not top.endswith(b"/"):
        top += b"/"
    found: list[bytes] = []
    for line in sorted(set(Path("/proc/self/mountinfo").read_bytes().splitlines())):
        where = _ESCAPED.sub(lambda code: bytes([int(code[1], 8)]), line.split(b" ")[4])
        if where.startswith(top):
            found.append(where[len(top) :])
    found.sort()
    return [path for path in found if not any(path.startswith(above + b"/") for above in found)]


def is_mounted(path: Path) -> bool:
    """Whether something is mounted at a path; not where nothing is there. Asks nothing of what is mounted."""
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


def is_read_only(path: Path) -> bool:
    """Whether what is mounted at a path cannot be written there by anybody."""
    return bool(os.statvfs(path).f_flag & os.ST_RDONLY)
