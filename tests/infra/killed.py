"""Runs one verb of the real adapters in a process of its own that kills itself at a chosen call.

python -m tests.infra.killed STATE_ROOT VERB "MODULE:NAME:before|after:COUNT"
"""

from __future__ import annotations

import importlib
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cloudify_scipion.lifecycle.facts import MachineSpec, SeedFile, VolumeMount
from tests.realhost import RealHost

DIGEST = "c" * 64
SIZE = 100_000_000
SEED = SeedFile("/etc/seed/key", b"secret", 0o600)


def spec(port: int) -> MachineSpec:
    mounts = (VolumeMount("v", "user", "/home/scipion/ScipionUserData"),)
    return MachineSpec("m", "m", {"project": "m"}, {22: port}, None, mounts, (SEED,))


def verb(host: RealHost, name: str, port: int) -> bool:
    verbs: dict[str, Callable[[], bool]] = {
        "volume": lambda: host.volumes.create("v", SIZE, {"project": "m"}),
        "attach": lambda: bool(host.volumes.attach("v")),
        "create": lambda: host.machines.create(spec(port)),
        "start": lambda: host.machines.start(spec(port)),
        "stop": lambda: host.machines.stop("m"),
        "capture": lambda: host.machines.capture_layer(spec(port), DIGEST, {"scipion": "3"}),
        "delete": lambda: host.machines.delete("m"),
        "discard": lambda: host.volumes.delete("v"),
    }
    return verbs[name]()


def arm(point: str) -> None:
    """Make the COUNTth call of a function the last thing that this process does."""
    module_name, name, moment, count = point.split(":")
    holder: Any = importlib.import_module(f"cloudify_scipion.adapters.nspawn.{module_name}")
    *outer, last = name.split(".")
    for part in outer:
        holder = getattr(holder, part)
    original, calls = getattr(holder, last), [0]

    def deadly(*args: Any, **kwargs: Any) -> Any:
        calls[0] += 1
        if moment == "before" and calls[0] == int(count):
            os.kill(os.getpid(), signal.SIGKILL)
        result = original(*args, **kwargs)
        if moment == "after" and calls[0] == int(count):
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(holder, last, deadly)


if __name__ == "__main__":
    root, wanted, port, point = sys.argv[1:]
    arm(point)
    verb(RealHost(Path(root)), wanted, int(port))
