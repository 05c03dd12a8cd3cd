"""The books of a history: what the working copy must hold, and what must not be lost whoever does what."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tests.unit.agent.faults import Killed, Reaper
from tests.unit.agent.rig import Rig, contents

Work = Callable[[Rig], Any]


@dataclass
class Books:
    """`here`: what the working copy must hold, of its user and pulled; `owed`: what must not be lost.

    `taken`: what somebody has replaced or deleted in the data space on purpose.
    """

    folder: Path
    rig: Rig = field(init=False)
    there: Path = field(init=False)
    count: int = 0
    machines: int = 1
    here: dict[str, bytes] = field(default_factory=dict)
    owed: set[bytes] = field(default_factory=set)
    saved: dict[str, bytes] = field(default_factory=dict)
    taken: set[bytes] = field(default_factory=set)
    trashed: dict[str, bytes] = field(default_factory=dict)
    kept: tuple[Path, bytes] | None = None
    zombies: list[Rig] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.there = self.folder / "space"
        self.rig = self.machine("v1")

    def machine(self, name: str, **named: Any) -> Rig:
        return Rig(self.folder / name, self.there, workers=1, **named)

    def content(self, who: str) -> bytes:
        self.count += 1
        return f"{who}-{self.count}".encode()

    def work(self, name: str, kill: int, work: Work) -> None:
        """Let the agent do something; it dies at its write number `kill`, 0 never."""
        reaper = Reaper(kill)
        rig = replace(self.rig, trees=reaper.tree, indexes=reaper.index) if kill else self.rig
        try:
            result = work(rig)
        except Killed:
            return
        finally:
            self.pulled()
        if name == "push" and not result.held:
            self.all_saved()

    def pulled(self) -> None:
        """What the agent has brought is there already: a push has nothing to do with it."""
        new = {path: content for path, content in self.rig.local().items() if path not in self.here}
        self.here.update(new)
        self.saved.update(new)

    def all_saved(self) -> None:
        for path, content in self.here.items():
            if not content.startswith(b"-> ") and self.saved.get(path) != content and content not in self.taken:
                self.owed.add(content)
        self.trashed |= {path: content for path, content in self.saved.items() if path not in self.here}
        self.saved = dict(self.here)

    def overwritten(self, path: str) -> None:
        """Of two contents that a user gives one path, the trash keeps the later; of others' it keeps all."""
        for known in (self.saved, self.trashed):
            old = known.get(path, b"web")
            if not old.startswith(b"web"):
                self.owed.discard(old)

    def moved(self, old: str, new: str) -> None:
        if old in self.saved:
            self.saved[new] = self.saved.pop(old)

    def gone_by_web(self, target: Path) -> None:
        """Somebody takes it away on purpose; what is in the working copy is saved again."""
        if target.is_symlink():
            self._taken(b"-> " + os.fsencode(target.readlink()))
        elif target.is_file():
            self._taken(target.read_bytes())

    def _taken(self, content: bytes) -> None:
        self.owed.discard(content)
        self.taken.add(content)

    def free(self, path: str) -> bool:
        """Whether a file can be at that path: no file is where a folder is needed, no folder where the file is."""
        target = self.rig.user / path
        above = list(target.parents)[: len(Path(path).parts) - 1]
        blocked = any(parent.is_symlink() or parent.is_file() for parent in above)
        return not blocked and (target.is_symlink() or not target.is_dir())

    def everything(self) -> set[bytes]:
        """All contents that the data space has anywhere."""
        return set(contents(self.there, hidden=True).values())
