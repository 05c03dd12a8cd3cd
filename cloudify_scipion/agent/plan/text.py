"""Text of others, which may be anything, and text for people."""

from __future__ import annotations

import json
from typing import Any

UNITS = ("kB", "MB", "GB", "TB")


def parse(text: bytes | str) -> Any:
    """What `json.loads` makes of it. Raises ValueError for everything else, also for what is nested too deeply."""
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def shown(size: int) -> str:
    """Such as `999 B`, `1.5 kB` or `12.0 GB`, in powers of 1000."""
    if size < 1000:
        return f"{size} B"
    power = next((power for power in range(1, len(UNITS)) if round(size / 1000**power, 1) < 1000), len(UNITS))
    return f"{size / 1000**power:.1f} {UNITS[power - 1]}"
