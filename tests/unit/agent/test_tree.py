"""Folders that others work in meanwhile."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from cloudify_scipion.agent.ports import read_tree as module
from cloudify_scipion.agent.ports.tree import Tree


def test_a_folder_stays_open_while_somebody_uses_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else its descriptor's number would be another folder's by the time it is used: the wrong file."""
    monkeypatch.setattr(module, "_MAX_FOLDERS", 2)
    paths = [f"{n}/{n}/file".encode() for n in range(40)]
    for path in paths:
        whole = tmp_path / os.fsdecode(path)
        whole.parent.mkdir(parents=True)
        whole.write_bytes(path)
    tree = Tree(str(tmp_path))

    def read(path: bytes) -> bytes:
        fd = tree.open(path)
        with os.fdopen(fd, "rb") as stream:
            return stream.read()

    with ThreadPoolExecutor(16) as pool:
        asked = paths * 200
        assert list(pool.map(read, asked)) == asked


def test_nothing_is_where_no_folder_is(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to("/")
    tree = Tree(str(tmp_path))
    for path in (b"no/thing", b"no/such/thing", b"file/thing", b"link/etc"):
        assert tree.stat(path) is None
    tree.unlink(b"no/thing")
    assert tree.rmdir(b"no/thing")


def test_a_tree_knows_no_way_up(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "secret").write_bytes(b"secret")
    tree = Tree(str(tmp_path / "in"))
    for path in (b"../secret", b"..", b"x/../../secret", b"a\0b"):
        with pytest.raises(OSError):
            tree.open(path)
        with pytest.raises(OSError):
            tree.stat(path)


def test_what_was_opened_before_is_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A thread may be opening a folder while another one has all forgotten."""
    (tmp_path / "a").mkdir()
    tree, opened = Tree(str(tmp_path)), os.open

    def slow(*arguments: Any, **named: Any) -> int:
        fd = opened(*arguments, **named)
        tree.forget()
        return fd

    monkeypatch.setattr(os, "open", slow)
    tree.folder(b"a")
    monkeypatch.undo()
    assert not tree._folders
