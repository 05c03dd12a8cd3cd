"""What every work has at hand."""

from __future__ import annotations

import contextlib
import json
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

from cloudify_scipion.agent.config import Config
from cloudify_scipion.agent.errors import GuardFailed
from cloudify_scipion.agent.plan.abilities import Abilities
from cloudify_scipion.agent.plan.documents import parse
from cloudify_scipion.agent.plan.names import ORIGINAL, readable
from cloudify_scipion.agent.plan.trash import lived
from cloudify_scipion.agent.ports.calls import patient
from cloudify_scipion.agent.ports.clock import Clock
from cloudify_scipion.agent.ports.databases.patience import Patience
from cloudify_scipion.agent.ports.index import Index
from cloudify_scipion.agent.ports.tree import Tree

WORKERS = 16
"""Files that are copied at the same time: a data space answers slowly, not busily."""
CHUNK = 16
"""Small files that one thread takes at a time."""
AHEAD = 2
"""Chunks for each thread whose results may wait to be taken."""
LIVED = "lived"
"""How long the agent has lived, and when that was: seconds, boot, seconds since that boot."""
PULLED = "pulled"
"""In the index once the first pull is complete."""

In = TypeVar("In")
Out = TypeVar("Out")


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
class World:
    """The ports, and the few facts that all parts of a work share."""

    config: Config
    tree: Tree
    state: Tree
    space: Tree
    index: Index
    clock: Clock
    progress: Progress
    generation: int = 0
    workers: int = WORKERS
    beaten: float = 0.0
    """When the last heartbeat was, on the clock that does not jump."""
    theirs: int = ORIGINAL
    """Who wrote what we did not: the facility, until the first pull is complete."""
    flushed: int = 0
    """When (ns since 1970) the kernel began to write the working copy's changed pages. What is changed later through a
    memory map may have no new time until they are written again, so it is compared by content next time."""
    beat: Callable[[], None] = lambda: None
    """Called often while others work: renews the lease when it is time to."""
    unsettled: bool = False
    """Whether something was moved in the data space that may not be on stable storage yet."""
    able: Abilities | None = None
    """What the data space can hold, once that is known."""
    too_large: int | None = None
    """A size (bytes) that was too large for one file in the data space in this work."""
    made: set[bytes] = field(default_factory=set)
    """Folders of the trash that this work has made or seen there."""
    unseen: tuple[bytes, str] | None = None
    """The path of the lease and why, if it could not be seen while our last heartbeat still counts."""
    said: list[tuple[str, str]] = field(default_factory=list)
    patience: Patience = field(default_factory=Patience)
    """With databases that others have locked."""
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _count: int = 0

    def tell(self, text: str, kind: str = "event") -> None:
        """Remember something worth telling; from any thread."""
        with self._lock:
            self.said.append((kind, readable(text)))

    def keep(self) -> None:
        """Keep all changes of the index, and what was told."""
        with self._lock:
            said, self.said = self.said, []
        for kind, text in said:
            self.index.people.event(self.clock.iso(), kind, text)
            print(f"{kind}: {text}" if kind != "event" else text, flush=True)
        self.commit()

    def commit(self) -> None:
        """Keep all changes of the index. What it says of the data space is true by then, whatever happens to the host.

        (A power cut takes what the host's disk has not got; elsewhere the provider has each file by then.)
        """
        if self.unsettled and self.config.kind == "directory":
            self.space.sync()
        self.unsettled = False
        self.index.commit()

    def lived(self) -> float:
        """Seconds that the agent has lived, for whatever ages: no clock that is set and no boot makes it jump."""
        before, boot, since = self.index.get_state(LIVED) or (0.0, "", 0.0)
        now = self.clock.elapsed()
        seconds = lived(before, since, now, boot == self.clock.boot())
        self.index.set_state(LIVED, (seconds, self.clock.boot(), now))
        return seconds

    def flush(self) -> None:
        """Have all changes of the working copy written, so that every later one gives a file a new time."""
        self.flushed = int(self.clock.now() * 1e9)
        self.tree.sync()

    def nonce(self) -> str:
        """Something that no other name of ours has."""
        with self._lock:
            self._count += 1
            return f"{os.getpid()}-{self._count}-{os.urandom(4).hex()}"

    def each(self, do: Callable[[In], Out], items: Iterable[In]) -> Iterator[tuple[In, Out | OSError]]:
        """Do something with all items, several at a time; yields each with its result or error, as they end."""
        if self.workers == 1:
            for item in items:
                yield item, _attempt(do, item)
                self.beat()
            return
        given = list(items)
        size = max(1, min(CHUNK, len(given) // (self.workers * 4)))
        chunks = (given[i : i + size] for i in range(0, len(given), size))
        with ThreadPoolExecutor(self.workers) as pool:
            running = {pool.submit(_attempt_all, do, chunk) for chunk in islice(chunks, AHEAD * self.workers)}
            try:
                while running:
                    done, running = wait(running, 30, FIRST_COMPLETED)
                    for chunk in done:
                        yield from chunk.result()
                    running |= {pool.submit(_attempt_all, do, chunk) for chunk in islice(chunks, len(done))}
                    self.beat()
            finally:
                for chunk in running:  # whoever ends early wants no more of it
                    chunk.cancel()


def _attempt_all(do: Callable[[In], Out], chunk: Sequence[In]) -> list[tuple[In, Out | OSError]]:
    return [(item, _attempt(do, item)) for item in chunk]


def _attempt(do: Callable[[In], Out], item: In) -> Out | OSError:
    try:
        return patient(do, item)
    except OSError as error:
        return error


def check_volume(config: Config, tree: Tree, state: Tree) -> None:
    """Raise GuardFailed unless the working copy is on the volume that is meant."""
    try:
        mark = parse(config.mark.read_bytes())
        if not isinstance(mark, dict):
            raise ValueError("no object")
        version = mark.get("version", 1)
    except (OSError, ValueError) as error:
        raise GuardFailed(
            f"the volume is not mounted: {config.mark} cannot be read",
            "repair the project; nothing is saved until then",
        ) from error
    if version != 1:
        raise GuardFailed(
            f"the volume was made by a later version of this software: {config.mark} has version {version}, not 1",
            "install that version of the project's software again; nothing is saved until then",
        )
    if mark.get("volume") != config.volume or mark.get("project") != config.project:
        raise GuardFailed(
            f"another volume is mounted: {mark.get('volume')} of project {mark.get('project')}, not {config.volume}",
            "repair the project; nothing is saved until then",
        )
    devices = {Path(os.fsdecode(folder.path)).stat().st_dev for folder in (tree, state)} | {config.mark.stat().st_dev}
    if len(devices) != 1:
        raise GuardFailed("the working copy is not on the volume", "repair the project; nothing is saved until then")
