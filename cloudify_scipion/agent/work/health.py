"""Whether the mounts answer. A hung mount cannot be asked in this process: it would hang, too."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

SECONDS = 12.0
"""How long a mount may take; check_status is to notice within 20 s."""
MARK = ".cloudify-scipion/space.json"
_PROBE = """
import os, sys
path, mark, writable, mounted = sys.argv[1], sys.argv[2], sys.argv[3] == "w", sys.argv[4] == "m"
def mount_of(one):
    fd = os.open(one, os.O_PATH)
    return [line for line in open("/proc/self/fdinfo/%d" % fd) if line.startswith("mnt_id")]
if mounted and mount_of(path) == mount_of(os.path.dirname(path)): sys.exit("is not mounted")
facts = os.statvfs(path)
names = os.listdir(path)
if mark and not os.path.exists(os.path.join(path, mark)): sys.exit("is empty or another folder: it lacks " + mark)
if not mark and not writable and not names: sys.exit("is empty")
if writable and facts.f_flag & os.ST_RDONLY: sys.exit("is read-only")
if mark: open(os.path.join(path, mark), "rb").read()
"""


def problems(
    space: str, datasets: Sequence[str], *, mounted: bool = False, marked: bool = True, seconds: float = SECONDS
) -> list[str]:
    """What is wrong with the mounts, one line each; all are asked at the same time.

    `mounted` says that the space must be a mount, `marked` that it has our mark, as after the first pull.
    """
    asked = [(space, MARK if marked else "", "w", "m" if mounted else "")]
    asked += [(path, "", "r", "") for path in datasets]
    probes = [(words[0], _start(words)) for words in asked]
    return [line for path, probe in probes for line in _answer(path, probe, seconds)]


def _start(words: Sequence[str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", _PROBE, *words],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip


def _answer(path: str, probe: subprocess.Popen[str], seconds: float) -> list[str]:
    try:
        _, said = probe.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        probe.kill()  # it ends when the mount does; nobody waits for it
        return [f"{path} hangs: it did not answer within {seconds:.0f} s"]
    if probe.returncode == 0:
        return []
    last = said.strip().splitlines()[-1] if said.strip() else "does not answer"
    if not Path("/").joinpath(path).is_mount() and "No such file" in last:
        return [f"{path} is absent"]
    return [f"{path} {last.replace(os.linesep, ' ')}"]
