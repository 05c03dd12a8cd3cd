"""Loop devices, found by the file behind them and never by their name."""

from __future__ import annotations

import errno
import json
import os
import time
from collections.abc import Sequence
from pathlib import Path

from cloudify_scipion.adapters.commands import run
from cloudify_scipion.adapters.local.mounts import Mount, mounts


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
