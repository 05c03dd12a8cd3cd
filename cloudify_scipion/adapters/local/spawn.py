"""Long-running helpers: in a control group and a session of their own, outliving whoever started them."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from cloudify_scipion.adapters.commands import clean_environment, run
from cloudify_scipion.adapters.local import launch
from cloudify_scipion.adapters.local.cgroups import Group

LOG_LIMIT = 256 * 1024


def spawn(argv: Sequence[str], group: Group, cwd: Path, log: Path, keep: Sequence[Path] | None = None) -> None:
    """Start a program in `group`, its output added to `log`, with a clean environment; returns at once.

    With `keep`, in a mount namespace of its own that has none of the machines' and volumes' mounts but those.
    """
    folders = [str(path) for path in group.make()]
    trim_log(log)
    env = {**clean_environment(), "SHELL": "/bin/sh", "TERM": "linux"}
    kept = None if keep is None else [str(path.resolve()) for path in keep]
    plan = {"groups": folders, "cwd": str(cwd), "log": str(log), "env": env, "keep": kept}
    # a launcher without us would start something that nobody waits for, while somebody else cleans up
    with_us = ["setpriv", "--pdeathsig", "KILL", sys.executable, "-I", "-S"]
    run([*with_us, str(Path(launch.__file__)), json.dumps(plan), *argv], detaching=True)


def trim_log(log: Path, limit: int = LOG_LIMIT) -> None:
    """Keep the last half of a log that has grown beyond `limit` bytes."""
    try:
        size = log.stat().st_size
    except FileNotFoundError:
        return
    if size > limit:
        with log.open("r+b") as stream:
            stream.seek(size - limit // 2)
            kept = stream.read()
            stream.seek(0)
            stream.write(kept)
            stream.truncate()


def log_tail(log: Path, limit: int = 2000) -> str:
    """The end of a log, for an error message; empty if there is none."""
    try:
        with log.open("rb") as stream:
            stream.seek(max(0, os.fstat(stream.fileno()).st_size - limit))
            return stream.read().decode(errors="replace").strip()
    except FileNotFoundError:
        return ""
