"""Misbehaviours that cost content: each really does."""

from __future__ import annotations

import ctypes
import errno
import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.hostile.helpers import fails, never_done, write
from tests.hostile.space import HostileSpace

pytestmark = pytest.mark.long


@pytest.mark.parametrize("name", ["EIO", "ENOSPC"])
def test_errors_only_at_close(space: HostileSpace, backing: Path, name: str) -> None:
    space.set(fails_at="flush", fails_with=name)
    path = space.mountpoint / "a"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT)
    assert os.write(descriptor, b"x" * 10_000) == 10_000
    os.fsync(descriptor)
    with fails(name):
        os.close(descriptor)
    assert (backing / "a").read_bytes() == b""
    space.good()
    write(path, b"kept")
    assert (backing / "a").read_bytes() == b"kept"


def test_errors_only_at_fsync(space: HostileSpace, backing: Path) -> None:
    path = space.mountpoint / "a"
    path.write_text("before ")
    space.set(fails_at="fsync", only="a")
    with path.open("ab", buffering=0) as stream:
        stream.write(b"and after")
        with fails("EIO"):
            os.fsync(stream.fileno())
    assert (backing / "a").read_text() == "before "
    path.write_text("nobody asks")
    assert (backing / "a").read_text() == ""
    write(space.mountpoint / "b", b"not concerned", sync=True)
    assert (backing / "b").read_bytes() == b"not concerned"


@pytest.mark.parametrize(("how", "stored"), [("zeros", bytes(5000)), ("empty", b"")])
def test_dropped_writes(space: HostileSpace, backing: Path, how: str, stored: bytes) -> None:
    space.set(drops_writes=how)
    path = space.mountpoint / "a"
    write(path, b"content" * 1000, sync=True) if how == "empty" else write(path, b"c" * 5000, sync=True)
    assert path.read_bytes() == (backing / "a").read_bytes() == stored
    assert path.stat().st_size == len(stored)


@pytest.mark.parametrize(("how", "stored"), [("zeros", bytes(6)), ("empty", b"")])
def test_dropped_writes_that_the_writer_sees(space: HostileSpace, backing: Path, how: str, stored: bytes) -> None:
    """Only another path to the data shows the truth."""
    space.set(drops_writes=how, writer_sees_writes=True)
    path = space.mountpoint / "new"
    write(space.mountpoint / "part", b"secret", sync=True)
    (space.mountpoint / "part").rename(path)
    assert path.read_bytes() == b"secret"
    assert path.stat().st_size == 6
    with path.open("ab") as stream:
        stream.write(b"!")
    assert path.read_bytes() == b"secret!"
    os.truncate(path, 6)
    assert path.read_bytes() == b"secret"
    with HostileSpace(backing) as other:
        assert (other.mountpoint / "new").read_bytes() == (backing / "new").read_bytes() == stored
    path.unlink()
    space.set(drops_writes="")
    write(path, b"true")
    assert path.read_bytes() == (backing / "new").read_bytes() == b"true"


def test_a_cut_empties_what_was_just_written(space: HostileSpace, backing: Path) -> None:
    (backing / "folder").mkdir()
    (backing / "not ours").write_text("kept")
    for name in ("a", "folder/b"):
        (space.mountpoint / name).write_text("lost")
    (space.mountpoint / "folder").rename(space.mountpoint / "moved")
    time.sleep(0.3)
    (space.mountpoint / "late").write_text("lost later")
    assert space.cut(0.2) == 1
    assert (backing / "late").read_text() == (space.mountpoint / "late").read_text() == ""
    assert (backing / "moved/b").read_text() == "lost"
    assert space.cut(60) == 2
    assert (backing / "moved/b").read_text() == (backing / "a").read_text() == ""
    assert (backing / "not ours").read_text() == "kept"


def test_eagain(space: HostileSpace) -> None:
    space.set(eagain_every=3, eagain_kinds=["write"])
    results = []
    with (space.mountpoint / "a").open("wb") as stream:
        for _ in range(9):
            try:
                results.append(os.write(stream.fileno(), b"x"))
            except BlockingIOError:
                results.append(0)
    assert results == [1, 1, 0] * 3
    space.set(eagain_every=1, eagain_kinds=[])
    with fails("EAGAIN"):
        space.mountpoint.joinpath("a").stat()


def test_no_room_after_some_bytes(space: HostileSpace, backing: Path) -> None:
    space.set(enospc_after=10_000)
    room = os.statvfs(space.mountpoint)
    assert room.f_bavail * room.f_frsize <= 10_000
    write(space.mountpoint / "a", b"x" * 6000)
    with fails("ENOSPC"):
        write(space.mountpoint / "b", b"x" * 6000)
    assert (backing / "b").stat().st_size == 4000
    space.set(enospc_after=None)
    write(space.mountpoint / "b", b"x" * 6000)


def test_rename_by_copying(space: HostileSpace, backing: Path) -> None:
    space.set(rename_copies=True)
    old, new = space.mountpoint / "old", space.mountpoint / "new"
    old.write_text("content")
    old.chmod(0o640)
    os.utime(old, ns=(5, 7))
    inode = (backing / "old").stat().st_ino
    old.rename(new)
    found = (backing / "new").stat()
    assert found.st_ino != inode
    assert (new.read_text(), found.st_mode, found.st_mtime_ns) == ("content", 0o100640, 7)
    assert not (backing / "old").exists()


@pytest.mark.parametrize(("stop", "there"), [("half", b"12345"), ("copied", b"1234567890")])
def test_rename_stops_on_the_way(space: HostileSpace, backing: Path, stop: str, there: bytes) -> None:
    old, new = space.mountpoint / "old", space.mountpoint / "new"
    old.write_bytes(b"1234567890")
    new.write_bytes(b"what was there before")
    space.set(rename_copies=True, rename_stops=stop)
    with fails("EIO"):
        old.rename(new)
    assert ((backing / "new").read_bytes(), (backing / "old").read_bytes()) == (there, b"1234567890")
    space.set(rename_then="hang")
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(old.rename, new)
        never_done(waiting)
        assert (backing / "new").read_bytes() == there
        space.release()
        waiting.result(timeout=10)
    assert [path.name for path in backing.iterdir()] == ["new"]


def test_the_client_dies_in_a_rename(space: HostileSpace, backing: Path) -> None:
    (space.mountpoint / "old").write_bytes(b"1234567890")
    space.set(rename_copies=True, rename_stops="half", rename_then="die")
    with fails("ECONNABORTED"):
        (space.mountpoint / "old").rename(space.mountpoint / "new")
    assert (backing / "new").read_bytes() == b"12345"
    with fails("ENOTCONN"):
        (space.mountpoint / "old").stat()


def test_no_rename_flags(space: HostileSpace) -> None:
    library = ctypes.CDLL(None, use_errno=True)
    (space.mountpoint / "old").touch()
    old, new = (os.fsencode(space.mountpoint / name) for name in ("old", "new"))
    space.set(no_rename_flags=True)
    assert library.renameat2(-100, old, -100, new, 1) == -1
    assert ctypes.get_errno() == errno.EINVAL
    os.rename(old, new)  # noqa: PTH104
