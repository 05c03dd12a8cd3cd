"""A control group per machine, and starting programs in it: the kernel's own list of what belongs to a machine.


Without a group of its own each, two machines would share one and systemd inside them would fight over it.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from cloudify_scipion.adapters.commands import clean_environment, run
from cloudify_scipion.adapters.local import launch
from cloudify_scipion.adapters.local.mounts import Mount, mounts
from cloudify_scipion.adapters.local.process import Process, identify, send, wait_gone
from cloudify_scipion.errors import PermanentError

KILL_SECONDS = 10.0


def hierarchies(seen: Iterable[Mount]) -> list[Path]:
    """Roots of the hierarchies that systemd uses: the unified one, and systemd's own where both exist (hybrid)."""
    roots = []
    for mount in seen:
        named = mount.kind == "cgroup" and "name=systemd" in mount.options.split(",")
        if (mount.kind == "cgroup2" or named) and mount.point not in roots:
            roots.append(mount.point)
    return roots


class Group:
    """The group `name` in every hierarchy that systemd uses."""

    def __init__(self, name: str) -> None:
        self.name = name

    def folders(self) -> list[Path]:
        """Where it is, or would be."""
        return [root / self.name for root in hierarchies(mounts())]

    def make(self) -> Sequence[Path]:
        """Make it; returns its folders. Raises PermanentError on a host without control groups."""
        folders = self.folders()
        if not folders:
            raise PermanentError("this host has no control groups mounted", "mount -t cgroup2 cgroup2 /sys/fs/cgroup")
        for folder in folders:
            folder.mkdir(exist_ok=True)
        return folders

    def processes(self) -> list[Process]:
        """The living processes in it and below, lowest number first."""
        numbers: set[int] = set()
        for folder in self.folders():
            for inner in [folder, *_below(folder)]:
                numbers.update(_members(inner))
        return [process for pid in sorted(numbers) if (process := identify(pid)) is not None]

    def kill(self) -> bool:
        """Kill everything in it and wait. True if there was anything; PermanentError if something will not die."""
        deadline = time.monotonic() + KILL_SECONDS
        killed = False
        while processes := self.processes():
            killed = True
            for process in processes:
                send(process, signal.SIGKILL)
            if not wait_gone(processes, 1.0) and time.monotonic() > deadline:
                numbers = ", ".join(str(process.pid) for process in processes)
                raise PermanentError(f"processes {numbers} of {self.name} do not end", "look for hung mounts: dmesg")
        return killed

    def remove(self) -> bool:
        """Kill what is in it and remove its folders. True if there were any; PermanentError if something keeps them."""
        there = [folder for folder in self.folders() if folder.is_dir()]
        deadline = time.monotonic() + KILL_SECONDS
        for folder in there:
            while not _removed(folder):
                if time.monotonic() > deadline:
                    raise PermanentError(f"control group {folder} is still in use")
                self.kill()  # also what a starter that was killed itself has left behind just now
                time.sleep(0.05)
        return bool(there)


def _below(folder: Path) -> list[Path]:
    try:
        inner = [entry for entry in folder.iterdir() if entry.is_dir()]
    except OSError:
        return []
    return [found for entry in inner for found in (entry, *_below(entry))]


def _members(folder: Path) -> list[int]:
    try:
        text = (folder / "cgroup.procs").read_text()
    except OSError:
        return []
    # 0 stands for a process of another PID namespace, which is none of ours
    return [int(word) for word in text.split() if word != "0"]


def _removed(folder: Path) -> bool:
    try:
        for inner in reversed(_below(folder)):
            inner.rmdir()
        folder.rmdir()
    except FileNotFoundError:
        return not folder.exists()
    except OSError:
        return False
    return True


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
