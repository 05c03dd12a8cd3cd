"""How long a whole work waits for others' locks: seconds in all, not for each database."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

TOTAL_SECONDS = 4.0
FIRST_SECONDS, AGAIN_SECONDS = 1.0, 0.1
"""For one database; the second for those that were locked the last time."""


@dataclass
class Patience:
    """What is left of it."""

    left: float = TOTAL_SECONDS
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def share(self, again: bool) -> float:
        """Seconds that may be waited for one database."""
        with self._lock:
            return max(0.0, min(AGAIN_SECONDS if again else FIRST_SECONDS, self.left))

    @contextmanager
    def spending(self, error: type[Exception]) -> Iterator[None]:
        """What ends with that error was waited for in vain."""
        since = time.monotonic()
        try:
            yield
        except error:
            with self._lock:
                self.left -= time.monotonic() - since
            raise
