"""Disks that are nearly full, told before a step dies of it."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

DISKS = {
    "The disk with your data (ScipionUserData)": Path.home() / "ScipionUserData",
    "The machine's own disk (/, /tmp)": Path("/"),
}
STEPS = (99, 95, 90)
"""Percent that are worth a word: each is one text, so that a line that was hidden comes back when it gets worse."""


def told(name: str, percent: int) -> str:
    """What is said of a disk; empty where there is room."""
    step = next((step for step in STEPS if percent >= step), 0)
    if not step:
        return ""
    if step == STEPS[0]:
        return f"{name} is full: steps that write will fail. Delete what you do not need, or ask for more room."
    return f"{name} is more than {step} % full. Delete what you do not need before steps fail, or ask for more room."


def full_disks(disks: Mapping[str, Path] = DISKS) -> list[str]:
    """A sentence for each disk that is nearly full; one that cannot be asked has none."""
    return [text for name, path in disks.items() for percent in _used(path) if (text := told(name, percent))]


def _used(path: Path) -> Iterable[int]:
    """Percent in use, rounded up; nothing where it cannot be asked."""
    try:
        usage = shutil.disk_usage(path)
    except OSError:
        return
    yield -(-usage.used * 100 // max(1, usage.used + usage.free))
