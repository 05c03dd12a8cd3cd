"""Each misbehaviour really misbehaves."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.hostile.helpers import fails, never_done, write
from tests.hostile.space import HostileSpace

pytestmark = pytest.mark.long


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
        with fails(wanted):
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
    with fails("EILSEQ"):
        (space.mountpoint / odd).write_text("x")
    with fails("EILSEQ"):
        (space.mountpoint / odd).mkdir()
    (space.mountpoint / "µ").touch()
    with fails("EILSEQ"):
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
    with fails("ENOENT"):
        path.read_text()
    space.set(stale_attributes=0)
    assert not path.exists()


def test_everything_hangs_until_released(space: HostileSpace) -> None:
    (space.mountpoint / "a").write_text("x")
    space.set(hang=True)
    with ThreadPoolExecutor(30) as pool:
        waiting = [pool.submit((space.mountpoint / "a").read_text) for _ in range(30)]
        never_done(waiting[-1])
        assert space.calls(), "orders are taken meanwhile"
        space.release()
        assert [each.result(timeout=10) for each in waiting] == ["x"] * 30


def test_some_calls_hang(space: HostileSpace) -> None:
    (space.mountpoint / "bad").mkdir()
    space.set(hang=True, only="bad/*", hang_kinds=["fsync"])
    write(space.mountpoint / "good", b"x", sync=True)
    write(space.mountpoint / "bad/a", b"x")
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(write, space.mountpoint / "bad/a", b"x", sync=True)
        never_done(waiting)
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
        with fails("ENOTCONN"):
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


def test_every_callfails(space: HostileSpace, backing: Path) -> None:
    (backing / "a").write_text("x")
    space.set(error="EIO")
    with fails("EIO"):
        space.mountpoint.joinpath("a").read_text()
    space.set(error_kinds=["read"])
    with fails("EIO"):
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
