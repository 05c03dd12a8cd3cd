"""Each misbehaviour really misbehaves."""

from __future__ import annotations

import ctypes
import errno
import os
import subprocess
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.hostile.space import HostileSpace

pytestmark = pytest.mark.long


@contextmanager
def _fails(name: str) -> Any:
    with pytest.raises(OSError, match=".") as raised:
        yield
    assert raised.value.errno == getattr(errno, name), raised.value


def _write(path: Path, content: bytes, *, sync: bool = False) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    try:
        while content:
            content = content[os.write(descriptor, content) :]
        if sync:
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def test_coarse_times(space: HostileSpace, backing: Path) -> None:
    space.set(coarse_times=True)
    path = space.mountpoint / "a"
    path.touch()
    os.utime(path, ns=(1_500_000_000_900_000_000,) * 2)
    assert path.stat().st_mtime_ns == 1_500_000_000_000_000_000
    assert path.stat().st_ctime_ns % 10**9 == 0
    with os.scandir(space.mountpoint) as entries:
        assert next(entries).stat().st_mtime_ns == 1_500_000_000_000_000_000
    assert (backing / "a").stat().st_mtime_ns == 1_500_000_000_900_000_000


@pytest.mark.parametrize(
    ("switch", "act"),
    [
        ("no_symlinks", lambda path: path.with_name("new").symlink_to("x")),
        ("no_links", lambda path: os.link(path, path.with_name("new"))),
        ("no_chown", lambda path: os.chown(path, 5, 5)),
        ("no_chmod", lambda path: path.chmod(0o600)),
        ("no_utime", lambda path: os.utime(path, (1, 1))),
        ("read_only", lambda path: path.write_text("changed")),
        ("read_only", lambda path: path.unlink()),
        ("read_only", lambda path: path.with_name("new").mkdir()),
    ],
)
def test_refusals(space: HostileSpace, backing: Path, switch: str, act: Callable[[Path], None]) -> None:
    path = space.mountpoint / "a"
    path.write_text("as it was")
    path.chmod(0o640)
    before = (backing / "a").stat()
    for value, wanted in ((True, "EROFS" if switch == "read_only" else "EPERM"), ("ENOTSUP", "ENOTSUP")):
        space.set(**{switch: value})
        with _fails(wanted):
            act(path)
    after = (backing / "a").stat()
    assert after[:8] == before[:8]
    assert (after.st_mtime_ns, [each.name for each in backing.iterdir()]) == (before.st_mtime_ns, ["a"])
    assert path.read_text() == "as it was"
    space.set(**{switch: False})
    act(path)


def test_changes_of_attributes_that_are_acknowledged_and_ignored(space: HostileSpace) -> None:
    path = space.mountpoint / "a"
    path.touch()
    before = path.stat()
    space.set(no_chmod="ignore", no_chown="ignore", no_utime="ignore")
    path.chmod(0o600)
    os.chown(path, 5, 5)
    os.utime(path, (1, 1))
    assert path.stat() == before


def test_names_that_are_not_utf8(space: HostileSpace, backing: Path) -> None:
    odd = os.fsdecode(b"odd-\xff")
    space.set(no_odd_names=True)
    with _fails("EILSEQ"):
        (space.mountpoint / odd).write_text("x")
    with _fails("EILSEQ"):
        (space.mountpoint / odd).mkdir()
    (space.mountpoint / "µ").touch()
    with _fails("EILSEQ"):
        (space.mountpoint / "µ").rename(space.mountpoint / odd)
    (backing / odd).touch()
    assert [path.name for path in space.mountpoint.iterdir()] == ["µ"]


@pytest.mark.parametrize("through", ["itself", "the web UI", "another mount"])
def test_stale_attributes(space: HostileSpace, backing: Path, through: str) -> None:
    path = space.mountpoint / "a"
    path.write_text("old")
    space.set(stale_attributes=1)
    old = path.stat()
    with HostileSpace(backing) as other:
        changed = {"itself": path, "the web UI": backing / "a", "another mount": other.mountpoint / "a"}[through]
        changed.write_text("longer than before")
        assert path.stat() == old
        with os.scandir(space.mountpoint) as entries:
            assert next(entries).stat() == old
        assert path.read_text() == "longer than before"
        assert (other.mountpoint / "a").stat().st_size == 18
    time.sleep(1.1)
    assert path.stat().st_size == 18


def test_stale_attributes_of_a_removed_file(space: HostileSpace, backing: Path) -> None:
    path = space.mountpoint / "a"
    path.write_text("x")
    space.set(stale_attributes=60)
    path.stat()
    (backing / "a").unlink()
    assert path.exists()
    with _fails("ENOENT"):
        path.read_text()
    space.set(stale_attributes=0)
    assert not path.exists()


@pytest.mark.parametrize("name", ["EIO", "ENOSPC"])
def test_errors_only_at_close(space: HostileSpace, backing: Path, name: str) -> None:
    space.set(fails_at="flush", fails_with=name)
    path = space.mountpoint / "a"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT)
    assert os.write(descriptor, b"x" * 10_000) == 10_000
    os.fsync(descriptor)
    with _fails(name):
        os.close(descriptor)
    assert (backing / "a").read_bytes() == b""
    space.good()
    _write(path, b"kept")
    assert (backing / "a").read_bytes() == b"kept"


def test_errors_only_at_fsync(space: HostileSpace, backing: Path) -> None:
    path = space.mountpoint / "a"
    path.write_text("before ")
    space.set(fails_at="fsync", only="a")
    with path.open("ab", buffering=0) as stream:
        stream.write(b"and after")
        with _fails("EIO"):
            os.fsync(stream.fileno())
    assert (backing / "a").read_text() == "before "
    path.write_text("nobody asks")
    assert (backing / "a").read_text() == ""
    _write(space.mountpoint / "b", b"not concerned", sync=True)
    assert (backing / "b").read_bytes() == b"not concerned"


@pytest.mark.parametrize(("how", "stored"), [("zeros", bytes(5000)), ("empty", b"")])
def test_dropped_writes(space: HostileSpace, backing: Path, how: str, stored: bytes) -> None:
    space.set(drops_writes=how)
    path = space.mountpoint / "a"
    _write(path, b"content" * 1000, sync=True) if how == "empty" else _write(path, b"c" * 5000, sync=True)
    assert path.read_bytes() == (backing / "a").read_bytes() == stored
    assert path.stat().st_size == len(stored)


@pytest.mark.parametrize(("how", "stored"), [("zeros", bytes(6)), ("empty", b"")])
def test_dropped_writes_that_the_writer_sees(space: HostileSpace, backing: Path, how: str, stored: bytes) -> None:
    """Only another path to the data shows the truth."""
    space.set(drops_writes=how, writer_sees_writes=True)
    path = space.mountpoint / "new"
    _write(space.mountpoint / "part", b"secret", sync=True)
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
    _write(path, b"true")
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
    with _fails("EAGAIN"):
        space.mountpoint.joinpath("a").stat()


def test_no_room_after_some_bytes(space: HostileSpace, backing: Path) -> None:
    space.set(enospc_after=10_000)
    room = os.statvfs(space.mountpoint)
    assert room.f_bavail * room.f_frsize <= 10_000
    _write(space.mountpoint / "a", b"x" * 6000)
    with _fails("ENOSPC"):
        _write(space.mountpoint / "b", b"x" * 6000)
    assert (backing / "b").stat().st_size == 4000
    space.set(enospc_after=None)
    _write(space.mountpoint / "b", b"x" * 6000)


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
    with _fails("EIO"):
        old.rename(new)
    assert ((backing / "new").read_bytes(), (backing / "old").read_bytes()) == (there, b"1234567890")
    space.set(rename_then="hang")
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(old.rename, new)
        _never_done(waiting)
        assert (backing / "new").read_bytes() == there
        space.release()
        waiting.result(timeout=10)
    assert [path.name for path in backing.iterdir()] == ["new"]


def test_the_client_dies_in_a_rename(space: HostileSpace, backing: Path) -> None:
    (space.mountpoint / "old").write_bytes(b"1234567890")
    space.set(rename_copies=True, rename_stops="half", rename_then="die")
    with _fails("ECONNABORTED"):
        (space.mountpoint / "old").rename(space.mountpoint / "new")
    assert (backing / "new").read_bytes() == b"12345"
    with _fails("ENOTCONN"):
        (space.mountpoint / "old").stat()


def test_no_rename_flags(space: HostileSpace) -> None:
    library = ctypes.CDLL(None, use_errno=True)
    (space.mountpoint / "old").touch()
    old, new = (os.fsencode(space.mountpoint / name) for name in ("old", "new"))
    space.set(no_rename_flags=True)
    assert library.renameat2(-100, old, -100, new, 1) == -1
    assert ctypes.get_errno() == errno.EINVAL
    os.rename(old, new)  # noqa: PTH104


def _never_done(waiting: Future[Any]) -> None:
    with pytest.raises(TimeoutError):
        waiting.result(timeout=0.3)


def test_everything_hangs_until_released(space: HostileSpace) -> None:
    (space.mountpoint / "a").write_text("x")
    space.set(hang=True)
    with ThreadPoolExecutor(30) as pool:
        waiting = [pool.submit((space.mountpoint / "a").read_text) for _ in range(30)]
        _never_done(waiting[-1])
        assert space.calls(), "orders are taken meanwhile"
        space.release()
        assert [each.result(timeout=10) for each in waiting] == ["x"] * 30


def test_some_calls_hang(space: HostileSpace) -> None:
    (space.mountpoint / "bad").mkdir()
    space.set(hang=True, only="bad/*", hang_kinds=["fsync"])
    _write(space.mountpoint / "good", b"x", sync=True)
    _write(space.mountpoint / "bad/a", b"x")
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(_write, space.mountpoint / "bad/a", b"x", sync=True)
        _never_done(waiting)
        assert (space.mountpoint / "good").read_bytes() == b"x"
        space.release()
        waiting.result(timeout=10)


def test_a_hung_mount_is_taken_away(backing: Path) -> None:
    with HostileSpace(backing) as space:
        space.set(hang=True)
        with subprocess.Popen(["ls", space.mountpoint], stderr=subprocess.DEVNULL) as stuck:
            with pytest.raises(subprocess.TimeoutExpired):
                stuck.wait(timeout=0.3)
            space.close()
            stuck.wait(timeout=10)
        assert not space.is_mounted()
        assert not space.folder.exists()


def test_a_dead_client_leaves_a_dead_mount(backing: Path) -> None:
    with HostileSpace(backing) as space:
        space.die()
        with _fails("ENOTCONN"):
            space.mountpoint.stat()
    assert not space.is_mounted()


def test_each_call_takes_longer(space: HostileSpace) -> None:
    path = space.mountpoint / "a"
    path.write_text("x")
    space.set(delay=0.02)
    space.reset_calls()
    started = time.monotonic()
    path.read_text()
    passed = time.monotonic() - started
    assert passed >= 0.02 * (sum(space.calls().values()) - 1) >= 0.06
    with ThreadPoolExecutor(8) as pool:
        started = time.monotonic()
        list(pool.map(lambda _: path.stat(), range(8)))
        assert time.monotonic() - started < 8 * 0.02, "calls wait side by side"


def test_every_call_fails(space: HostileSpace, backing: Path) -> None:
    (backing / "a").write_text("x")
    space.set(error="EIO")
    with _fails("EIO"):
        space.mountpoint.joinpath("a").read_text()
    space.set(error_kinds=["read"])
    with _fails("EIO"):
        space.mountpoint.joinpath("a").read_text()
    assert space.mountpoint.joinpath("a").stat().st_size == 1


def test_an_empty_mount(space: HostileSpace, backing: Path) -> None:
    (backing / "a").write_text("x")
    space.set(empty=True)
    assert list(space.mountpoint.iterdir()) == []
    assert not (space.mountpoint / "a").exists()
    space.good()
    assert [path.name for path in space.mountpoint.iterdir()] == ["a"]


def test_direct_io(backing: Path) -> None:
    (backing / "a").write_text("old")
    with HostileSpace(backing, direct_io=True, kernel_cache=60) as space, (space.mountpoint / "a").open() as stream:
        assert stream.read() == "old"
        (backing / "a").write_text("new")
        stream.seek(0)
        assert stream.read() == "new"


def test_misbehaviours_are_checked(space: HostileSpace) -> None:
    for wrong in ({"hangs": True}, {"fails_at": "open"}, {"no_chmod": "EWRONG"}, {"error": "EWRONG"}):
        with pytest.raises(ValueError, match="hangs|fails_at|EWRONG"):
            space.set(**wrong)
