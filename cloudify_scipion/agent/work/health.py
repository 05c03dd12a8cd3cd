"""Whether the mounts answer. A hung mount cannot be asked in this process: it would hang, too."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Sequence

SECONDS = 12.0
"""How long a mount may take; check_status is to notice within 20 s."""
_PROBE = """
import os, sys
path, mark, writable = sys.argv[1], sys.argv[2], sys.argv[3] == "w"
try:
    facts = os.statvfs(path)
    names = os.listdir(path)
    if mark and not os.path.exists(os.path.join(path, mark)): sys.exit("is empty or another folder: it lacks " + mark)
    if not mark and not names: sys.exit("is empty")
    if writable and facts.f_flag & os.ST_RDONLY: sys.exit("is read-only")
    if mark: open(os.path.join(path, mark), "rb").read()
except FileNotFoundError: sys.exit("is absent")
except OSError as error: sys.exit("errs: " + error.strerror)
"""


def problems(space: str, datasets: Sequence[str], seconds: float = SECONDS) -> list[str]:
    """What is wrong with the mounts, one line each; all are asked at the same time."""
    asked = [(space, ".cloudify-scipion/space.json", "w")] if space else []
    asked += [(path, "", "r") for path in datasets]
    end = time.monotonic() + seconds
    probes = [(path, _start(path, mark, mode)) for path, mark, mode in asked]
    return [line for path, probe in probes for line in _answer(path, probe, end, seconds)]


def _start(path: str, mark: str, mode: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", _PROBE, path, mark, mode],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip


def _answer(path: str, probe: subprocess.Popen[str], end: float, seconds: float) -> list[str]:
    try:
        _, said = probe.communicate(timeout=max(0.5, end - time.monotonic()))
    except subprocess.TimeoutExpired:
        probe.kill()  # it ends when the mount does; nobody waits for it
        return [f"{path} hangs: it did not answer within {seconds:.0f} s"]
    if probe.returncode == 0:
        return []
    last = said.strip().splitlines()[-1] if said.strip() else "does not answer"
    return [f"{path} {last}"]
