"""The books of a history: what the working copy must hold, and what must not be lost whoever does what."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tests.unit.agent.faults import Killed, Reaper
from tests.unit.agent.histories.writers import LARGE
from tests.unit.agent.restored import MAGIC, SIDE_BEGINNINGS, SIDES, as_sqlite_reads, is_file, is_side_file
from tests.unit.agent.rig import Rig, contents

Work = Callable[[Rig], Any]
OURS = ".cloudify-scipion/"


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
    taken: set[bytes] = field(default_factory=set)
    kept: tuple[Path, bytes] | None = None
    zombies: list[Rig] = field(default_factory=list)
    thrown: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    """In which hours a version of a path went to the trash."""
    counts: Counter[str] = field(default_factory=Counter)
    """Of steps, kills, seals and restores."""
    may_fail: tuple[type[Exception], ...] = ()
    """How a work may end that could not do all: the next ones do it."""

    def __post_init__(self) -> None:
        self.there = self.place()
        self.rig = self.machine("v1")

    def place(self) -> Path:
        """Where others see the data space."""
        return self.folder / "space"

    def machine(self, name: str, **named: Any) -> Rig:
        return Rig(self.folder / name, self.there, workers=1, **named)

    def content(self, who: str) -> bytes:
        self.count += 1
        return f"{who}-{self.count}".encode()

    def web(self, path: str) -> Path:
        """Where others find what has that name in the data space."""
        return self.there / path

    def end(self) -> None:
        """All programs of the user are ended."""

    def settle(self) -> None:
        """Whatever goes on comes to its end, so that the agent can do all."""
        self.end()

    def close(self) -> None:
        """The history is over, however it went."""
        self.end()

    def work(self, name: str, kill: int, work: Work) -> Any:
        """Let the agent do something; it dies at its write number `kill`, 0 never. Returns what came of it."""
        reaper = Reaper(kill, trees=self.rig.trees)
        rig = replace(self.rig, trees=reaper.tree, indexes=reaper.index) if kill else self.rig
        before, saved, hour = contents(self.rig.user), self.live_there(), self.rig.clock.hour()
        try:
            result = work(rig)
        except Killed:
            self.counts["kills"] += 1
            return None
        except self.may_fail:
            return None
        finally:
            self._replaced(saved, {hour, self.rig.clock.hour()})
            self._untouched(before, name)
        if name == "push" and not result.held:
            self.all_saved()
        return result

    def _untouched(self, before: dict[str, bytes], work: str) -> None:
        """The agent adds to the working copy. What it gives another content or name is in the data space or here, or
        was the first part of an upload; and it puts nothing beside a database that would make it another."""
        old, self.here, now = self.here, self.look(self.rig.user), contents(self.rig.user)
        for path, content in old.items():
            found = self.here.get(path)
            if found != content:
                kept = content in self.everything() | set(self.here.values()) or (found or b"").startswith(content)
                exchanged = before[path] != now.get(path) and (kept or self.superseded(content, found))
                assert exchanged, f"{path!r} is {found!r} after {work}, was {content!r}"

    def superseded(self, content: bytes, found: bytes | None) -> bool:
        """Whether people have given a path another content on a second machine, and taken away what it had."""
        return False

    def _replaced(self, before: dict[str, bytes], hours: set[str]) -> None:
        """Of the project's own versions of one path that go within one hour the trash keeps the first."""
        now = self.live_there()
        live = set(now.values())
        for path, content in before.items():
            if now.get(path) != content and not content.startswith(b"web"):
                if hours & self.thrown[path] and content not in live:
                    self.owed.discard(content)
                self.thrown[path] |= hours

    def live_there(self) -> dict[str, bytes]:
        """What the data space has now, also under names that it cannot hold."""
        hidden = self.look(self.there, hidden=True).items()
        return {path: said for path, said in hidden if not path.startswith(OURS) or path.startswith(f"{OURS}odd/")}

    def look(self, tree: Path, hidden: bool = False) -> dict[str, bytes]:
        """What is there as programs read it: of databases what SQLite does, and nothing that it keeps beside them."""
        found = contents(tree, hidden)
        if any(content.startswith(MAGIC) for content in found.values()):
            found = {path: _read(tree / path, content) for path, content in found.items()}
        return {path: content for path, content in found.items() if not _is_side(tree / path, content)}

    def content_of(self, path: Path) -> bytes:
        return _read(path, path.read_bytes())

    def all_saved(self) -> None:
        """For a week it cannot go from there, whatever becomes of it here."""
        found = {content for content in self.here.values() if not content.startswith(b"-> ")}
        self.owed |= found - self.taken

    def gone_by_web(self, target: Path) -> None:
        """Somebody takes it away on purpose; what is in the working copy is saved again."""
        if target.is_symlink():
            self.take(b"-> " + os.fsencode(target.readlink()))
        elif target.is_file():
            self.take(self.content_of(target))

    def take(self, content: bytes) -> None:
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
        return set(self.look(self.there, hidden=True).values())

    def lost(self) -> set[bytes]:
        """What is owed and nowhere; what lay beside a database may have been parted from it by people."""
        lost = self.owed - self.everything()
        return lost - self._parted() if any(b"database" in content for content in lost) else lost

    def _parted(self) -> set[bytes]:
        files = [path for path in self.there.rglob("*") if is_file(path)]
        sides = [path for path in files if path.read_bytes()[:4] in SIDE_BEGINNINGS]
        return {_together(path, side) for path in files if path.read_bytes().startswith(MAGIC) for side in sides}


def _together(path: Path, side: Path) -> bytes:
    """What a program reads in a database with that beside it."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder, "copy")
        shutil.copyfile(path, copy)
        shutil.copyfile(side, f"{copy}-wal")
        return _read(copy, copy.read_bytes())


def _read(path: Path, content: bytes) -> bytes:
    rows = as_sqlite_reads(path) if content.startswith(MAGIC) else None
    if rows is None:
        return content
    text = " ".join(rows).replace(LARGE, "").encode()
    return (b"web " if b"web" in text and b"user" not in text else b"") + b"database " + text


def _is_side(path: Path, content: bytes) -> bool:
    return path.name.endswith(SIDES) and is_side_file(path)
