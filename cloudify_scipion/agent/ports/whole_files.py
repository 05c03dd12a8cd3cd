"""Whole files and folders of a tree, made of its single operations."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

from cloudify_scipion.agent.plan.names import joined, whole_way
from cloudify_scipion.agent.ports.calls import close_read, patient
from cloudify_scipion.agent.ports.facts import kind
from cloudify_scipion.agent.ports.read_tree import ReadTree
from cloudify_scipion.agent.ports.tree import Tree

_CHUNK = 1 << 20


def make_folders(tree: Tree, path: bytes, mode: int = 0o755) -> None:
    """Make a folder and those above it, where they are not there."""
    for above in whole_way(path):
        tree.mkdir(above, mode)


def read_all(tree: ReadTree, path: bytes) -> bytes | None:
    """The content of a small file, None if it is not there."""
    try:
        fd = tree.open(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    parts = []
    try:
        while data := patient(os.read, fd, _CHUNK):  # a stream would take EAGAIN for the end
            parts.append(data)
    finally:
        close_read(fd)
    return b"".join(parts)


@contextlib.contextmanager
def new_file(tree: Tree, path: bytes, mode: int = 0o600) -> Iterator[int]:
    """A descriptor to write a new file, which is on stable storage in the end; or there is none."""
    fd = tree.create(path, mode)
    try:
        try:
            yield fd
            tree.sync_file(fd)
        except BaseException:
            close_read(fd)  # what it says now is not what went wrong
            raise
        tree.close(fd)
    except BaseException:
        with contextlib.suppress(OSError):
            tree.unlink(path)
        raise


def write_new(tree: Tree, path: bytes, data: bytes, mode: int = 0o600) -> None:
    """A new small file with that content, on stable storage; or none."""
    patient(_write_new, tree, path, data, mode)


def _write_new(tree: Tree, path: bytes, data: bytes, mode: int) -> None:
    with new_file(tree, path, mode) as fd:
        tree.write(fd, data)


def files_below(tree: ReadTree, path: bytes) -> Iterator[tuple[bytes, os.stat_result]]:
    """All that is below a folder and is no folder; nothing if the folder is not there."""
    facts = tree.stat(path)
    if facts is None or kind(facts) != "d":
        return
    for name, found in tree.entries(path):
        inside = joined(path, name)
        if kind(found) == "d":
            yield from files_below(tree, inside)
        else:
            yield inside, found
