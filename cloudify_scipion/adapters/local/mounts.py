"""Mount points of this process's mount namespace, and the few mounts that we make."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cloudify_scipion.adapters.commands import run
from cloudify_scipion.errors import CommandFailed, PermanentError

BUSY_SECONDS = 5.0
_OCTAL = re.compile(r"\\([0-7]{3})")


@dataclass(frozen=True)
class Mount:
    """One line of mountinfo. `device` is "major:minor"; `options` are those of the file system, not of the mount."""

    device: str
    root: str
    point: Path
    kind: str
    source: str
    options: str


def parse_mountinfo(text: str) -> list[Mount]:
    """Read /proc/PID/mountinfo; lines that make no sense are left out."""
    found = []
    for line in text.splitlines():
        left, _, right = line.partition(" - ")
        fields, tail = left.split(" "), right.split(" ")
        if len(fields) >= 6 and len(tail) >= 3:
            point = Path(_plain(fields[4]))
            found.append(Mount(fields[2], _plain(fields[3]), point, tail[0], _plain(tail[1]), _plain(tail[2])))
    return found


def mounts(pid: int | str = "self") -> list[Mount]:
    """The mounts that a process sees, oldest first; none if it is gone."""
    try:
        return parse_mountinfo(Path(f"/proc/{pid}/mountinfo").read_text(errors="surrogateescape"))
    except (FileNotFoundError, ProcessLookupError, OSError):
        return []


def mounted_at(point: Path) -> Mount | None:
    """The topmost mount exactly at `point`."""
    real = point.resolve()
    return next((mount for mount in reversed(mounts()) if mount.point == real), None)


def mounted_below(folder: Path) -> Sequence[Mount]:
    """Mounts at `folder` or anywhere below it."""
    real = folder.resolve()
    return [mount for mount in mounts() if mount.point.is_relative_to(real)]


def holding_file_system(path: Path) -> Path:
    """Mount point of the file system that holds `path`."""
    real = path.resolve()
    points = [mount.point for mount in mounts() if real.is_relative_to(mount.point)]
    return max(points, key=lambda point: len(point.parts), default=Path("/"))


def unmount(point: Path) -> bool:
    """Unmount whatever is mounted exactly at `point`. True if anything was; PermanentError while it is in use."""
    changed = False
    deadline = time.monotonic() + BUSY_SECONDS
    while mounted_at(point) is not None:
        try:
            run(["umount", str(point)])
            changed = True
        except CommandFailed as error:
            if time.monotonic() > deadline:
                raise PermanentError(
                    f"{point} is in use and cannot be unmounted: {error.output.strip()}", f"fuser -vm {point}"
                ) from error
            time.sleep(0.2)
    return changed


def _plain(text: str) -> str:
    return _OCTAL.sub(lambda match: chr(int(match[1], 8)), text)
