"""Whether the mounts answer: asked in a process for each, since one that asks a hung mount hangs, too."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence

from cloudify_scipion.agent.work.space.check import MARK

SECONDS = 12.0
"""How long all mounts together may take; check_status is to notice within 20 s."""
_GRACE = 0.2
"""So long one is waited for that has ended by then, as most have."""
_PROBE = """
import errno, os, sys
path, mark = sys.argv[1], sys.argv[2]
try:
    os.statvfs(path)
    names = os.listdir(path)
    if not mark:
        sys.exit(0 if names else "is empty")
    file = os.path.join(path, mark)
    try:
        open(file, "rb").read()
    except FileNotFoundError:
        sys.exit("is empty or another folder: it lacks " + mark)
    if len(sys.argv) > 3:
        try:
            os.utime(file)
        except OSError as error:
            if error.errno in (errno.EROFS, errno.EACCES):
                sys.exit("is read-only")
            if error.errno not in (errno.EPERM, errno.ENOSYS, errno.ENOTSUP):
                raise
except FileNotFoundError:
    sys.exit("is absent")
except OSError as error:
    sys.exit("does not answer: " + os.strerror(error.errno))
"""


def problems(space: str, datasets: Sequence[str], seconds: float = SECONDS, second: str = "") -> list[str]:
    """What is wrong with the mounts, one line each; all are asked at once. `second` is another way to `space`."""
    mark = os.fsdecode(MARK)
    asked = [[space, mark, "writable"]] if space else []
    asked += [[second, mark]] if second else []
    asked += [[path, ""] for path in datasets]
    until = time.monotonic() + seconds
    probes = [(arguments[0], _start(arguments)) for arguments in asked]
    return [line for path, probe in probes for line in _answer(path, probe, until, seconds)]


def _start(arguments: Sequence[str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", _PROBE, *arguments],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip


def _answer(path: str, probe: subprocess.Popen[str], until: float, seconds: float) -> list[str]:
    try:
        _, said = probe.communicate(timeout=max(_GRACE, until - time.monotonic()))
    except subprocess.TimeoutExpired:
        probe.kill()  # it ends when the mount does; nobody waits for it
        return [f"{path} hangs: it did not answer within {seconds:.0f} s"]
    if probe.returncode == 0:
        return []
    return [f"{path} {said.strip().splitlines()[-1] if said.strip() else 'does not answer'}"]
