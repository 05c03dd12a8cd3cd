"""Started as a program of its own: joins control groups, leaves the caller's session, and becomes another program.

    python3 -I -S launch.py PLAN PROGRAM ARGUMENT...

PLAN is JSON: groups, cwd, log, env and, for a container, keep. It returns at once; the program runs on without a parent
that would have to wait for it. It imports nothing of ours, and uses no thread, so that joining before the fork is safe.

A container keeps a copy of every mount that there is when it starts. Where the host does not propagate unmounting,
other projects' volumes would stay in use for as long as it runs. So a program with `keep` starts in a mount namespace
without the mounts of other machines and volumes: all but those at the paths in `keep`.
"""

from __future__ import annotations

import ctypes
import json
import os
import re
import sys

_CLONE_NEWNS = 0x20000
_MS_REC_SLAVE = 0x4000 | 0x80000
_MNT_DETACH = 2


def main(plan: str, *argv: str) -> None:
    """Follow `plan`; only an error before the fork is reported by the exit code, later ones stand in the log."""
    wanted = json.loads(plan)
    for group in wanted["groups"]:
        with open(f"{group}/cgroup.procs", "w") as stream:  # noqa: PTH123 - starts faster without pathlib
            stream.write("0")
    log = os.open(wanted["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    nothing = os.open(os.devnull, os.O_RDONLY)
    if os.fork():
        os._exit(0)
    os.setsid()
    for source, target in ((nothing, 0), (log, 1), (log, 2)):
        os.dup2(source, target)
    if wanted.get("keep") is not None:
        leave_mounts(wanted["keep"])
    os.umask(0o022)
    os.chdir(wanted["cwd"])
    os.execvpe(argv[0], list(argv), wanted["env"])


def leave_mounts(keep: list[str]) -> None:
    """Enter a mount namespace of our own, without the mounts that belong to other machines."""
    libc = ctypes.CDLL(None, use_errno=True)
    _must(libc.unshare(_CLONE_NEWNS))
    _must(libc.mount(None, b"/", None, _MS_REC_SLAVE, None))
    with open("/proc/self/mountinfo", "rb") as stream:  # noqa: PTH123
        points = others(stream.read(), [os.fsencode(path) for path in keep])
    for point in reversed(points):
        _must(libc.umount2(point, _MNT_DETACH))


def others(mountinfo: bytes, keep: list[bytes]) -> list[bytes]:
    """Mount points of machines' roots and of volumes, in any state root, that are not in `keep`."""
    points = []
    for line in mountinfo.splitlines():
        left, _, right = line.partition(b" - ")
        point = re.sub(rb"\\([0-7]{3})", lambda match: bytes([int(match[1], 8)]), left.split(b" ")[4])
        source = right.split(b" ")[1]
        volume = source.startswith(b"/dev/loop") and b"/volumes/mnt/" in point
        if (volume or source == b"cloudify-scipion") and point not in keep:
            points.append(point)
    return points


def _must(result: int) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


if __name__ == "__main__":
    main(*sys.argv[1:])
