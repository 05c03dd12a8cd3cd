"""Folders are listed before it is their turn: a disk reads several at once as fast as one."""

from __future__ import annotations

import os
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import Self

from cloudify_scipion.agent.ports.read_tree import ReadTree

Entries = list[tuple[bytes, os.stat_result]]
AHEAD = 2


class ReadAhead:
    """The entries of folders, in the order in which they are wanted."""

    def __init__(self, tree: ReadTree) -> None:
        self._tree = tree
        self._pool = ThreadPoolExecutor(AHEAD)
        self._begun: dict[bytes, Future[Entries]] = {}

    def entries(self, path: bytes, following: Iterable[bytes]) -> Entries:
        """Those of a folder. `following`: the folders that will be wanted next."""
        wanted = self._begun.pop(path, None) or self._pool.submit(self._tree.entries, path)
        for other in islice(following, AHEAD):
            if other not in self._begun:
                self._begun[other] = self._pool.submit(self._tree.entries, other)
        return wanted.result()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is wanted any more."""
        self._pool.shutdown(cancel_futures=True)
