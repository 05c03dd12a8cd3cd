"""A machine's root: the base, a software layer if there is one, and the machine's own changes on top."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from cloudify_scipion.adapters.commands import run
from cloudify_scipion.adapters.local.mounts import mounted_at, mounted_below, mounts, unmount
from cloudify_scipion.errors import PermanentError

_FIXED = "redirect_dir=off,metacopy=off,index=off"
"""Kernels differ in these defaults; a layer must mean the same under all of them."""


def overlay_options(lowers: Sequence[str], upper: str, work: str) -> str:
    """Mount options; `lowers` from top to bottom. Relative to the state root, odd names need no escaping."""
    return f"lowerdir={':'.join(lowers)},upperdir={upper},workdir={work},{_FIXED}"


def mount_root(state: Path, machine: Path, lowers: Sequence[Path]) -> Path:
    """Mount the machine's root afresh and return where; `machine`/upper is there. The machine must not be running."""
    point = machine / "root"
    unmount_root(machine)
    for folder in (point, machine / "work"):
        folder.mkdir(mode=0o755, exist_ok=True)
    below = [str(lower.relative_to(state)) for lower in lowers]
    inside = machine.relative_to(state)
    options = overlay_options(below, str(inside / "upper"), str(inside / "work"))
    run(["mount", "-t", "overlay", "cloudify-scipion", "-o", options, str(point)], cwd=state)
    return point


def unmount_root(machine: Path) -> bool:
    """Unmount the machine's root, and nothing that is not an overlay. True if it was mounted."""
    point = machine / "root"
    mount = mounted_at(point)
    if mount is None:
        return False
    foreign = [other.point for other in mounted_below(point) if other.kind != "overlay" or other.point != mount.point]
    if foreign:
        points = " ".join(map(str, reversed(foreign)))
        raise PermanentError(f"something that is not ours is mounted in a machine's root: {points}", f"umount {points}")
    return unmount(point)


def lowers_in_use(below: Path) -> list[Path]:
    """Mount points of overlays that stand on something in `below`."""
    name = str(below)
    return [mount.point for mount in mounts() if mount.kind == "overlay" and _stands_on(mount.options, name)]


def _stands_on(options: str, name: str) -> bool:
    lowers = next((option[9:] for option in options.split(",") if option.startswith("lowerdir=")), "")
    return any(lower == name or lower.startswith(f"{name}/") for lower in lowers.split(":"))
