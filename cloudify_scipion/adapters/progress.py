"""Progress in plain words: one line per step, and a sign of life while a step goes on."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

SIGN_OF_LIFE_SECONDS = 10.0


class LineProgress:
    """Implements the port Progress over any function that writes a line."""

    def __init__(self, write: Callable[[str], object], interval: float = SIGN_OF_LIFE_SECONDS) -> None:
        self._write = write
        self._interval = interval
        self._waiting = ""

    def say(self, message: str) -> None:
        """Report one line."""
        self._write(message)

    def waiting(self, what: str) -> None:
        """What the step that goes on waits for, such as a file of a mirror; empty if for nothing."""
        self._waiting = what

    @contextmanager
    def during(self, message: str) -> Iterator[None]:
        """Report `message` now, that it still goes on at every interval, and how long it took at the end."""
        self._write(f"{message} ...")
        began, done = time.monotonic(), threading.Event()
        thread = threading.Thread(target=self._repeat, args=(message, began, done), daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()
            self._waiting = ""
        self._write(f"{message}: done in {time.monotonic() - began:.0f} s")

    def _repeat(self, message: str, began: float, done: threading.Event) -> None:
        while not done.wait(self._interval):
            waiting = f", waiting for {self._waiting}" if self._waiting else ""
            self._write(f"{message}: still at it after {time.monotonic() - began:.0f} s{waiting}")
