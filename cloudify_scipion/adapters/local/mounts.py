"""Mount points of this process's mount namespace, the few mounts that we make, and loop devices of files."""

from __future__ import annotations

import errno
import json
import os
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


def parse_loops(text: str, device: int, inode: int) -> list[Path]:
    """Loop devices in losetup's JSON whose file is `inode` of `device` (a st_dev number)."""
    if not text.strip():
        return []
    numbers = f"{os.major(device)}:{os.minor(device)}"
    entries = json.loads(text)["loopdevices"]
    return [Path(e["name"]) for e in entries if e["back-ino"] == inode and e["back-maj:min"].strip() == numbers]


def loops_of(image: Path) -> list[Path]:
    """The loop devices that stand on this very file; none if it is not there."""
    try:
        facts = image.stat()
    except OSError:
        return []
    listed = run(["losetup", "--list", "--json", "--output", "NAME,BACK-INO,BACK-MAJ:MIN"]).stdout
    return parse_loops(listed, facts.st_dev, facts.st_ino)


def is_exclusive(device: Path) -> bool:
    """Whether nothing has the device mounted, in this or any other mount namespace."""
    try:
        os.close(os.open(device, os.O_RDONLY | os.O_EXCL | os.O_CLOEXEC))
    except OSError as error:
        if error.errno == errno.EBUSY:
            return False
        raise
    return True


def users_of(known: Mount) -> Sequence[str]:
    """Processes of other mount namespaces that have the device of `known` mounted elsewhere: one per namespace.

    A mount at the same place is the system's own copy for one of its services; it goes when ours goes.
    """
    own = Path("/proc/self/ns/mnt").readlink()
    seen, users = {own}, []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            namespace, program = (entry / "ns/mnt").readlink(), (entry / "comm").read_text().strip()
        except OSError:
            continue
        if namespace not in seen:
            seen.add(namespace)
            if any(mount.device == known.device and mount.point != known.point for mount in mounts(entry.name)):
                users.append(f"process {entry.name} ({program})")
    return users


def free(device: Path, seconds: float) -> None:
    """Give the device back, after at most `seconds` in which something may still have it mounted."""
    deadline = time.monotonic() + seconds
    while not is_exclusive(device) and time.monotonic() < deadline:
        time.sleep(0.1)
    # Where the host does not propagate unmounting, any mount namespace made meanwhile holds an idle copy of our mount;
    # then the kernel frees the device as soon as that goes, and `attach` uses this device until then.
    run(["losetup", "--detach", str(device)])
