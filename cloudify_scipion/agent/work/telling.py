"""What a work tells people: how far it is, and what happened."""

from __future__ import annotations

import contextlib
import json
import os
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cloudify_scipion.agent.plan.names import readable
from cloudify_scipion.agent.ports.index import Index


@dataclass
class Progress:
    """What the work is doing, for `status`; written at most every second."""

    path: Path | None
    work: str
    phase: str = ""
    files_done: int = 0
    files_total: int = 0
    bytes_done: int = 0
    bytes_total: int = 0
    _began: float = field(default_factory=time.monotonic)
    _written: float = 0.0

    def start(self, phase: str, files: int = 0, size: int = 0) -> None:
        """A new part of the work."""
        self.phase, self.files_total, self.bytes_total = phase, files, size
        self.files_done = self.bytes_done = 0
        self._began = time.monotonic()
        self._write(force=True)

    def add(self, files: int, size: int) -> None:
        """So much more is done."""
        self.files_done += files
        self.bytes_done += size
        self._write()

    def document(self) -> dict[str, Any]:
        """For `status`; rate in bytes per second, time left in seconds or null."""
        seconds = time.monotonic() - self._began
        rate = self.bytes_done / seconds if seconds > 0 else 0.0
        left = (self.bytes_total - self.bytes_done) / rate if rate > 0 and self.bytes_total else None
        return {"work": self.work, "phase": self.phase, "files_done": self.files_done, "files_total": self.files_total,
                "bytes_done": self.bytes_done, "bytes_total": self.bytes_total, "rate": round(rate),
                "seconds_left": None if left is None else round(left), "pid": os.getpid()}  # fmt: skip

    def _write(self, force: bool = False) -> None:
        if self.path is None or not (force or time.monotonic() - self._written > 1.0):
            return
        self._written = time.monotonic()
        part = self.path.with_suffix(".part")
        with contextlib.suppress(OSError):  # nothing is saved the less for it
            part.write_text(json.dumps(self.document()))
            part.chmod(0o644)
            part.rename(self.path)


@dataclass
class Telling:
    """What was told and is not kept in the index yet; from any thread."""

    _said: list[tuple[str, str]] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def tell(self, text: str, kind: str) -> None:
        """Remember something worth telling."""
        with self._lock:
            self._said.append((kind, readable(text)))

    def keep(self, index: Index, at: str) -> None:
        """Let the index have all of it, as of that time, and say it."""
        with self._lock:
            said, self._said = self._said, []
        for kind, text in said:
            index.people.event(at, kind, text)
            print(f"{kind}: {text}" if kind != "event" else text, flush=True)
