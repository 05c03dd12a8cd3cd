"""Sizes for people."""

from __future__ import annotations

UNITS = ("kB", "MB", "GB", "TB")


def shown(size: int) -> str:
    """Such as `999 B`, `1.5 kB` or `12.0 GB`, in powers of 1000."""
    if size < 1000:
        return f"{size} B"
    power = next((power for power in range(1, len(UNITS)) if round(size / 1000**power, 1) < 1000), len(UNITS))
    return f"{size / 1000**power:.1f} {UNITS[power - 1]}"
