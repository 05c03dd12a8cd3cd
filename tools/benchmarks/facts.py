"""What the figures depend on: machine, commit, time, load."""

from __future__ import annotations

import os
import subprocess
import time
from datetime import UTC, datetime
from pathlib import Path

QUIET = 1.0
"""A load average below this disturbs nothing."""


def parse_memory(meminfo: str) -> float:
    """Memory in GB out of /proc/meminfo."""
    return next(int(line.split()[1]) * 1024 / 1e9 for line in meminfo.splitlines() if line.startswith("MemTotal:"))


def machine() -> str:
    """The machine in one line; nothing that tells which one it is."""
    memory = parse_memory(Path("/proc/meminfo").read_text(encoding="ascii"))
    debian = Path("/etc/debian_version").read_text(encoding="ascii").strip()
    return f"Machine: {os.cpu_count()} cores, {memory:.0f} GB of memory, Debian {debian}."


def commit(repository: Path) -> str:
    """The commit, marked when a file of the project that git knows was changed."""
    name = _git(repository, "rev-parse", "--short=10", "HEAD")
    measured = ("cloudify_scipion", "puppet", "plugin.yaml", "inputs", "tools")
    return f"{name}, changed" if _git(repository, "status", "--porcelain", "-uno", "--", *measured) else name


def now() -> str:
    """Date and time, UTC."""
    return f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC"


def load() -> float:
    """Load average of the last minute."""
    return os.getloadavg()[0]


def wait_until_quiet(minutes: float) -> None:
    """Return when the load average is below QUIET, or after `minutes`."""
    end = time.monotonic() + minutes * 60
    while load() >= QUIET and time.monotonic() < end:
        time.sleep(5)


def _git(repository: Path, *words: str) -> str:
    done = subprocess.run(["git", *words], cwd=repository, capture_output=True, text=True, check=True, timeout=30)
    return done.stdout.strip()
