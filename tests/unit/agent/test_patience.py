"""What a file system has no time for is tried again, as often as one policy says; what lasts is told after that."""

from __future__ import annotations

import errno
import hashlib
import os
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from inspect import getmembers, isfunction
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from cloudify_scipion.agent.errors import Temporary
from cloudify_scipion.agent.ports import calls
from cloudify_scipion.agent.ports.calls import BUSY, patient
from cloudify_scipion.agent.ports.retrying_tree import PATIENT, PLAIN, RetryingTree
from cloudify_scipion.agent.ports.streams import open_reader
from cloudify_scipion.agent.ports.tables.rows import Row
from cloudify_scipion.agent.ports.tree import Tree
from cloudify_scipion.agent.ports.whole_files import read_all, write_new
from cloudify_scipion.agent.work.content import digest_of
from cloudify_scipion.agent.work.trash.throw import keep_link
from tests.unit.agent.rig import Rig

TRIES = len(calls.WAITS) + 1
OTHERS = (errno.EIO, errno.ENOSPC, errno.EACCES, errno.ENOENT, errno.ESTALE)
WAITED_FOR = ("create", "write", *PATIENT)


@pytest.fixture(autouse=True)
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """All that is waited, in seconds; nobody really waits."""
    waited: list[float] = []
    monkeypatch.setattr(time, "sleep", waited.append)
    return waited


class Refusing(Tree):
    """Every call of some names fails, `times` at most for each of its arguments, and is counted."""

    calls: Counter[Any]
    refused: tuple[str, ...]
    error: int
    times: int = 10**9


def _refusing(name: str) -> Callable[..., Any]:
    plain = getattr(Tree, name)

    def method(self: Refusing, *arguments: Any, **named: Any) -> Any:
        key = name, *(argument for argument in arguments if isinstance(argument, bytes))
        self.calls[key] += 1
        if name in self.refused and self.calls[key] <= self.times:
            raise OSError(self.error, os.strerror(self.error))
        return plain(self, *arguments, **named)

    return method


for _name in (*WAITED_FOR, "close", "sync_file"):
    setattr(Refusing, _name, _refusing(_name))


def refusing(path: Path, error: int, *names: str, times: int = 10**9) -> Refusing:
    tree = Refusing(str(path))
    tree.calls, tree.refused, tree.error, tree.times = Counter(), names, error, times
    return tree


@pytest.fixture
def arguments(tmp_path: Path) -> dict[str, tuple[Any, ...]]:
    """For each operation some that it can be called with."""
    for name in (b"file", b"gone", b"old", b"source"):
        Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name)).write_bytes(b"content")
    (tmp_path / "folder").mkdir()
    (tmp_path / "empty").mkdir()
    (tmp_path / "link").symlink_to("file")
    fd = os.open(tmp_path / "file", os.O_RDWR)
    own = os.getuid(), os.getgid()
    return {
        "create": (b"new",), "write": (fd, b"data"), "folder": (b"folder",), "at": (b"folder/x",), "stat": (b"file",),
        "fresh": (b"file",), "told": (b"file",), "mounted": (), "entries": (b"folder",), "names": (b"folder",),
        "kinds": (b"folder",), "readlink": (b"link",), "open": (b"file",), "open_with_facts": (b"file",), "free": (),
        "room": (), "truncate": (fd, 3), "reserve": (fd, 10), "set_times": (fd, 10**18), "set_mode": (fd, 0o600),
        "set_folder_mode": (b"folder", 0o700), "chown": (fd, *own), "touch": (b"file",),
        "update": (b"file", lambda old: old), "rename": (b"old", b"moved"), "unlink": (b"gone",), "rmdir": (b"empty",),
        "mkdir": (b"made",), "symlink": (b"target", b"made-link"), "link": (b"file", b"other-name"),
        "chown_link": (b"link", *own), "take": (Tree(str(tmp_path)), b"source", b"taken"), "sync": (),
    }  # fmt: skip


def test_every_operation_is_decided_on() -> None:
    public = {name for name, _ in getmembers(Tree, isfunction) if not name.startswith("_")}
    assert public == {*WAITED_FOR, *PLAIN, "sync_file"}
    assert public <= vars(RetryingTree).keys()


@pytest.mark.parametrize("error", BUSY)
@pytest.mark.parametrize("name", WAITED_FOR)
def test_an_operation_is_tried_as_often_as_the_policy_says(
    name: str, error: int, arguments: dict[str, tuple[Any, ...]], tmp_path: Path, waits: list[float]
) -> None:
    """Also where somebody is patient around it, as all that is done with many items is."""
    plain = refusing(tmp_path, error, name)
    tree = RetryingTree(plain)
    with pytest.raises(OSError) as failed:
        patient(patient, getattr(tree, name), *arguments[name])
    assert failed.value.errno == error
    assert sum(count for (called, *_), count in plain.calls.items() if called == name) == TRIES
    assert waits == list(calls.WAITS)


@pytest.mark.parametrize("name", WAITED_FOR)
def test_what_passes_is_not_noticed(
    name: str, arguments: dict[str, tuple[Any, ...]], tmp_path: Path, waits: list[float]
) -> None:
    plain = refusing(tmp_path, errno.EBUSY, name, times=TRIES - 1)
    getattr(RetryingTree(plain), name)(*arguments[name])
    assert waits == list(calls.WAITS)


@pytest.mark.parametrize("error", OTHERS)
@pytest.mark.parametrize("name", WAITED_FOR)
def test_other_errors_are_not_waited_for(
    name: str, error: int, arguments: dict[str, tuple[Any, ...]], tmp_path: Path, waits: list[float]
) -> None:
    with pytest.raises(OSError):
        patient(getattr(RetryingTree(refusing(tmp_path, error, name)), name), *arguments[name])
    assert not waits


@pytest.mark.parametrize("name", ["close", "sync_file"])
def test_what_is_said_of_what_was_written_before_has_the_file_written_again(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = refusing(tmp_path, errno.ETIMEDOUT, name, times=2)
    write_new(RetryingTree(plain), b"new", b"content")
    assert plain.calls["create", b"new"] == 3
    assert (tmp_path / "new").read_bytes() == b"content"


def test_a_sync_that_was_not_even_tried_is_made_again(tmp_path: Path, waits: list[float]) -> None:
    plain = refusing(tmp_path, errno.EAGAIN, "sync_file", times=2)
    write_new(RetryingTree(plain), b"new", b"content")
    assert plain.calls["create", b"new"] == 1 and waits == list(calls.WAITS[:2])
    plain = refusing(tmp_path, errno.EAGAIN, "sync_file")
    with pytest.raises(BlockingIOError):
        write_new(RetryingTree(plain), b"other", b"content")
    assert plain.calls["sync_file",] == TRIES


def test_what_is_said_to_the_close_of_a_file_that_was_only_read_means_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "old").write_bytes(b"content")
    tree, real = RetryingTree(Tree(str(tmp_path))), os.close

    def busy(fd: int) -> None:
        real(fd)
        raise BlockingIOError(errno.EAGAIN, "busy")

    with monkeypatch.context() as patch:
        patch.setattr(os, "close", busy)
        assert read_all(tree, b"old") == b"content"
        assert digest_of(tree, b"old")[0] == hashlib.sha256(b"content").hexdigest()
        with open_reader(tree, b"old") as stream:
            assert stream.read() == b"content"


def test_a_write_goes_on_where_a_try_has_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing comes twice, though half of it was taken before the file system had no time."""
    real, turns = os.write, iter(range(100))

    def half(fd: int, data: bytes | memoryview) -> int:
        if next(turns) % 2:
            raise BlockingIOError(errno.EAGAIN, "busy")
        return real(fd, data[: max(1, len(data) // 2)])

    tree = RetryingTree(Tree(str(tmp_path)))
    fd = tree.create(b"new")
    monkeypatch.setattr(os, "write", half)
    tree.write(fd, b"0123456789" * 10)
    monkeypatch.undo()
    tree.close(fd)
    assert (tmp_path / "new").read_bytes() == b"0123456789" * 10


def test_where_every_third_call_is_refused_a_small_file_gets_its_new_content(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By three calls: to open it, to read and to write it."""
    (tmp_path / "file").write_bytes(b"old")
    turns = iter(range(1, 1000))

    def third(plain: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            if next(turns) % 3 == 0:
                raise BlockingIOError(errno.EAGAIN, "busy")
            return plain(*arguments, **named)

        return call

    tree = RetryingTree(Tree(str(tmp_path)))
    for name in ("open", "pread", "pwrite"):
        monkeypatch.setattr(os, name, third(getattr(os, name)))
    tree.update(b"file", lambda old: old + b" and new")
    monkeypatch.undo()
    assert (tmp_path / "file").read_bytes() == b"old and new"


@pytest.mark.parametrize("made", [True, False])
def test_a_file_that_was_made_before_the_answer_was_lost_is_made_again(made: bool, tmp_path: Path) -> None:
    class Forgetful(Tree):
        lost = False

        def create(self, path: bytes, mode: int = 0o600) -> int:
            if not self.lost:
                self.lost = True
                if made:
                    os.close(super().create(path, mode))
                raise BlockingIOError(errno.EAGAIN, "busy")
            return super().create(path, mode)

    tree = RetryingTree(Forgetful(str(tmp_path)))
    os.close(tree.create(b"new"))
    with pytest.raises(FileExistsError):
        tree.create(b"new")


@pytest.mark.parametrize("error", BUSY)
@pytest.mark.parametrize("name", ["create", "rename"])
def test_what_lasts_is_tried_no_more_often_in_a_whole_push(name: str, error: int, tmp_path: Path) -> None:
    """Whatever goes on around an operation: each path is tried as often as the policy says."""
    rig = Rig(tmp_path / "volume", tmp_path / "space", workers=1)
    rig.pull()
    rig.write("folder/file")
    spaces: list[Refusing] = []

    def trees(path: str) -> Tree:
        if path != str(rig.space):
            return Tree(path)
        spaces.append(refusing(rig.space, error, name))
        return spaces[-1]

    with pytest.raises(Temporary, match=r"the data space cannot be written: .*: .cloudify-scipion/tmp"):
        replace(rig, trees=trees).push()
    assert {count for (called, *_), count in spaces[0].calls.items() if called == name} == {TRIES}
    rig.push()
    assert rig.saved() == {"folder/file": b"content"}


def test_what_a_close_says_after_a_failure_hides_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No room is told as no room, whatever is said of it afterwards: it is mended otherwise than a broken disk."""
    tree, close = Tree(tmp_path), os.close

    def full(fd: int, data: bytes | memoryview) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def broken(fd: int) -> None:
        close(fd)
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(tree, "write", full)
    monkeypatch.setattr(os, "close", broken)
    with pytest.raises(OSError, match="No space") as caught:
        write_new(tree, b"small", b"data")
    assert caught.value.errno == errno.ENOSPC


@pytest.mark.parametrize("times", [1, 10**9])
@pytest.mark.parametrize("error", BUSY)
def test_a_busy_data_space_costs_no_version_that_is_kept(rig: Rig, error: int, times: int) -> None:
    """Whatever is said of the making of a file, one that lies in its place stays."""
    with rig.world() as world:
        first = keep_link(world, b"link", cast(Row, SimpleNamespace(origin=1, target=b"to/the/first")))
        busy = refusing(rig.space, error, "create", times=times)
        slow = replace(world, space=RetryingTree(busy))
        with suppress(OSError):
            keep_link(slow, b"link", cast(Row, SimpleNamespace(origin=1, target=b"to/the/second")))
        kept = (rig.space / os.fsdecode(first.name)).read_bytes()
    assert kept == b"to/the/first"
    assert (b"to/the/second" in rig.trash().values()) == (times == 1)
