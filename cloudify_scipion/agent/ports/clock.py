"""The time."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path


class Clock:
    """Wall clock for people and names; boot time, which counts suspended hours too, for everything that is decided."""

    def now(self) -> float:
        """Seconds since 1970; may jump."""
        return time.time()

    def elapsed(self) -> float:
        """Seconds since the machine booted; never jumps."""
        return time.clock_gettime(time.CLOCK_BOOTTIME)

    def boot(self) -> str:
        """Which boot of which machine `elapsed` counts from."""
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)

    def iso(self) -> str:
        """Now, in UTC, for people."""
        return datetime.fromtimestamp(self.now(), UTC).isoformat(timespec="seconds")

    def stamp(self) -> str:
        """Now, as part of a file name."""
        return datetime.fromtimestamp(self.now(), UTC).strftime("%Y%m%dT%H%M%SZ")

    def hour(self) -> str:
        """This hour, as part of a folder's name."""
        return datetime.fromtimestamp(self.now(), UTC).strftime("%Y%m%dT%H")
