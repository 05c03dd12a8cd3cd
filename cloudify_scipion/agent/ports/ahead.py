"""Folders are listed before it is their turn: a disk reads several at once as fast as one."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import Self

from cloudify_scipion.agent.ports.read_tree import ReadTree

Entries = list[tuple[bytes, os.stat_result]]
AHEAD, FRESH_SECONDS = 2, 1.0
"""How many folders are listed ahead, and how long that counts: what is moved meanwhile would be missed."""


class ReadAhead:
    """The entries of folders, in the order in which they are wanted."""

    def __init__(self, tree: ReadTree) -> None:
        self._tree = tree
        self._pool = ThreadPoolExecutor(AHEAD)
        self._begun: dict[bytes, tuple[float, Future[Entries]]] = {}

    def entries(self, path: bytes, following: Iterable[bytes]) -> Entries:
        """Those of a folder. `following`: the folders that will be wanted next."""
        since, wanted = self._begun.pop(path, (0.0, None))
        if wanted is None or time.monotonic() - since > FRESH_SECONDS:
            wanted = self._begin(path)[1]
        for other in islice(following, AHEAD):
            if other not in self._begun and len(self._begun) < AHEAD:
                self._begun[other] = self._begin(other)
        return wanted.result()

    def _begin(self, path: bytes) -> tuple[float, Future[Entries]]:
        return time.monotonic(), self._pool.submit(self._tree.entries, path)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is wanted any more."""
        self._pool.shutdown(cancel_futures=True)
