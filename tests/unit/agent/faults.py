"""Ends the agent at any of its writes, as a power cut does: nothing that it would do afterwards happens any more."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cloudify_scipion.agent.ports.index import Index
from cloudify_scipion.agent.ports.tree import Tree

WRITES = (
    "create", "write", "sync_file", "close", "set_times", "set_mode", "set_folder_mode", "chown", "touch", "update",
    "rename", "unlink", "rmdir", "mkdir", "symlink", "link", "chown_link", "sync", "take", "exchange",
)  # fmt: skip


class Killed(BaseException):
    """The agent's process is gone."""


@dataclass
class Reaper:
    """Kills at the write number `at` (from 1), 0 never; `count` is how many there were."""

    at: int = 0
    count: int = 0
    before: Callable[[str], None] = lambda _: None
    trees: Callable[[str], Tree] = Tree
    """What kind of trees die."""

    def step(self, name: str) -> bool:
        """Count a write; True if this is the one to die in."""
        if self.at and self.count >= self.at:
            raise Killed  # what a dead process would still clean up
        self.count += 1
        self.before(name)
        return self.count == self.at

    def tree(self, path: str) -> Tree:
        return mortal(self.trees(path), self)

    def index(self, path: Path) -> Index:
        return MortalIndex(path, self)


def mortal(tree: Tree, reaper: Reaper) -> Tree:
    """The same tree, which dies half-way through a write of data, and before any other change."""

    def wrap(name: str, plain: Callable[..., Any]) -> Callable[..., Any]:
        def method(*arguments: Any, **named: Any) -> Any:
            if reaper.step(name):
                if name == "write":
                    os.write(arguments[0], bytes(arguments[1])[: len(arguments[1]) // 2])
                raise Killed
            return plain(*arguments, **named)

        return method

    for name in WRITES:
        setattr(tree, name, wrap(name, getattr(tree, name)))
    return tree


class MortalIndex(Index):
    """Dies before a commit."""

    def __init__(self, path: Path, reaper: Reaper) -> None:
        self._reaper = Reaper()
        super().__init__(path)
        self._reaper = reaper

    def commit(self) -> None:
        if self.db.in_transaction and self._reaper.step("commit"):
            raise Killed
        super().commit()
