"""Runs one verb of the real adapters in a process of its own that kills itself at a chosen call.

python -m tests.infra.killed STATE_ROOT VERB PORT ["MODULE:NAME:before|after:COUNT"]

Without a point it lives, and prints as JSON how often each function of the verb's kill points was called.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cloudify_scipion.lifecycle.facts import MachineSpec, SeedFile, VolumeMount
from tests.infra.kill_points import KILL_POINTS, KillPoint, holder_of, kill_point
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
        "attach": lambda: bool(host.volumes.mount("v")),
        "create": lambda: host.machines.create(spec(port)),
        "start": lambda: host.machines.start(spec(port)),
        "stop": lambda: host.machines.stop("m"),
        "capture": lambda: host.machines.capture_layer(spec(port), DIGEST, {"scipion": "3"}),
        "delete": lambda: host.machines.delete("m"),
        "discard": lambda: host.volumes.delete("v"),
    }
    return verbs[name]()


def watch(function: str, called: Callable[[int, str], None]) -> None:
    """Have `called(COUNT, "before" or "after")` told of every call of a function."""
    holder, name = holder_of(function)
    original, calls = getattr(holder, name), [0]

    def watched(*args: Any, **kwargs: Any) -> Any:
        calls[0] += 1
        count = calls[0]
        called(count, "before")
        result = original(*args, **kwargs)
        called(count, "after")
        return result

    setattr(holder, name, watched)


def arm(at: KillPoint) -> None:
    """Make the COUNTth call of a function the last thing that this process does."""

    def called(count: int, moment: str) -> None:
        if (moment, count) == (at.moment, at.count):
            os.kill(os.getpid(), signal.SIGKILL)

    watch(at.function, called)


def counting(wanted: str) -> dict[str, int]:
    """How often each function at which this verb is killed has been called; the counts grow while it runs."""
    counts = {each.function: 0 for each in KILL_POINTS if each.verb == wanted}

    def count_for(function: str) -> Callable[[int, str], None]:
        def called(count: int, moment: str) -> None:
            if moment == "after":
                counts[function] = max(counts[function], count)

        return called

    for function in counts:
        watch(function, count_for(function))
    return counts


if __name__ == "__main__":
    root, wanted, port, *text = sys.argv[1:]
    if text:
        arm(kill_point(wanted, *text))
        verb(RealHost(Path(root)), wanted, int(port))
    else:
        counted = counting(wanted)
        verb(RealHost(Path(root)), wanted, int(port))
        print(json.dumps(counted))
