"""Disks that are nearly full, told before a step dies of it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

DISKS = {
    "The disk with your data (ScipionUserData)": Path.home() / "ScipionUserData",
    "The machine's own disk (/, /tmp)": Path("/"),
}
STEPS = (99, 95, 90)
"""Percent that are worth a word: each is one text, so that a line that was hidden comes back when it gets worse."""


def told(name: str, percent: int, counts_files: bool = False) -> str:
    """What is said of a disk; empty where there is room. `counts_files`: it is the number of its files that counts."""
    step = next((step for step in STEPS if percent >= step), 0)
    if not step:
        return ""
    full, why = ("full of files", ", by the number of its files") if counts_files else ("full", "")
    if step == STEPS[0]:
        return f"{name} is {full}: steps that write will fail. Delete what you do not need, or ask for more room."
    what = f"{name} is more than {step} % full{why}"
    return f"{what}. Delete what you do not need before steps fail, or ask for more room."


def full_disks(disks: Mapping[str, Path] = DISKS) -> list[str]:
    """A sentence for each disk that is nearly full; one that cannot be asked has none."""
    return [text for name, path in disks.items() for use in _used(path) if (text := told(name, *use))]


def _used(path: Path) -> Iterator[tuple[int, bool]]:
    """Percent in use of its room, and of the files that it can hold; nothing where it cannot be asked."""
    try:
        found = os.statvfs(path)
    except OSError:
        return
    yield _percent(found.f_blocks - found.f_bfree, found.f_bavail), False
    yield _percent(found.f_files - found.f_ffree, found.f_favail), True


def _percent(used: int, left: int) -> int:
    """Rounded up."""
    return -(-used * 100 // max(1, used + left))
