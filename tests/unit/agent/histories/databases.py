"""Databases: programs that commit, keep transactions open and die; databases of the facility with what lies beside."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
from pathlib import Path

from cloudify_scipion.agent.errors import Unsaved
from tests.unit.agent.histories.books import Books
from tests.unit.agent.histories.writers import Writer, begin
from tests.unit.agent.restored import SIDES


class Databases(Books):
    """What is told of one is what SQLite reads in it. All other steps happen to databases as to any other file."""

    writers: list[Writer]

    def __post_init__(self) -> None:
        super().__post_init__()
        self.writers, self.may_fail = [], (*self.may_fail, Unsaved)

    def database(self, path: str, mode: str) -> None:
        """A program opens it, commits, and closes it."""
        if self._ready(path):
            with contextlib.suppress(sqlite3.Error):
                _commit(self.rig.user / path, mode, self.content("user").decode())

    def begin(self, path: str, mode: str, spill: bool) -> None:
        """One that takes its time."""
        if self._ready(path):
            writer = Writer(self.rig.user / path, mode, [self.content("user").decode()], spill)
            if writer.began:
                self.writers.append(writer)

    def commit(self, close: bool) -> None:
        if self.writers:
            self.writers[0].commit(close)
            if close:
                del self.writers[0]

    def die(self) -> None:
        if self.writers:
            self.writers.pop(0).die()

    def web_database(self, path: str, wal: bool) -> None:
        """Somebody puts one there, perhaps as a raw copy of one that is in use."""
        target = self.web(path)
        if target.parent.is_dir() and not target.is_symlink() and not target.is_dir():
            made = self.folder / "made"
            _commit(made, "delete", self.content("web").decode())
            writer = Writer(made, "wal", [self.content("web").decode()], False) if wal else None
            if writer:
                writer.commit(close=False)
            for end in ("", *SIDES[:2]):
                self.gone_by_web(Path(f"{target}{end}"))
                Path(f"{target}{end}").unlink(missing_ok=True)
                if Path(f"{made}{end}").exists():
                    shutil.copyfile(f"{made}{end}", f"{target}{end}")
            if writer:
                writer.die()
            for end in ("", *SIDES):
                Path(f"{made}{end}").unlink(missing_ok=True)
            self.owed.add(self.content_of(target))

    def end(self) -> None:
        """They die, and what they have not committed is lost."""
        while self.writers:
            self.die()

    def _ready(self, path: str) -> bool:
        target = self.rig.user / path
        if not self.free(path) or target.is_symlink():
            return False
        target.parent.mkdir(parents=True, exist_ok=True)
        return True


def _commit(path: Path, mode: str, row: str) -> None:
    with contextlib.closing(sqlite3.connect(path, timeout=0, isolation_level=None)) as database:
        begin(database, mode, [row])
        database.execute("COMMIT")
