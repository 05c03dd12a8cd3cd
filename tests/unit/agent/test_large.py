"""Files that are large, full of holes, or do not fit: they hold up nobody, and holes stay holes."""

from __future__ import annotations

import contextlib
import errno
import os
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloudify_scipion.agent.errors import NoRoom, Unsaved
from cloudify_scipion.agent.plan import digests
from cloudify_scipion.agent.plan.digests import BLOCK, Blocks, Plain
from cloudify_scipion.agent.ports.ballast import NAME as BALLAST
from cloudify_scipion.agent.ports.facts import ino_of
from cloudify_scipion.agent.ports.tree import Tree
from cloudify_scipion.agent.work.push import upload_all
from tests.unit.agent.rig import Rig

root = pytest.mark.skipif(os.geteuid() != 0, reason="mounts")
MB = 1_000_000


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A file system of 300 MB."""
    folder = tmp_path / "small"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=300m", "none", str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def sparse(path: Path, size: int, *data: tuple[int, bytes]) -> Path:
    """A file that is a hole but for some data."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as stream:
        for at, content in data:
            stream.seek(at)
            stream.write(content)
        stream.truncate(size)
    os.utime(path, (1_700_000_000, 1_700_000_000))
    return path


def taken(path: Path) -> int:
    return path.stat().st_blocks * 512


@root
def test_holes_stay_holes_on_both_sides(small: Path, tmp_path: Path) -> None:
    """A terabyte of nothing takes no room, no time, and comes back."""
    rig = Rig(small / "volume", small / "space")
    rig.pull()
    sparse(rig.user / "big.h5", 1 << 40, (0, b"begin"), (1 << 39, b"middle"), ((1 << 40) - 3, b"end"))
    sparse(rig.user / "hole", 200 * MB)
    rig.push()
    for name in ("big.h5", "hole"):
        assert (rig.space / name).stat().st_size == (rig.user / name).stat().st_size
        assert taken(rig.space / name) < MB
    assert rig.verify_all().wrong == []
    other = Rig(small / "other", rig.space, machine="m2", generation=2)
    other.pull()
    again = other.user / "big.h5"
    assert again.stat().st_size == 1 << 40 and taken(again) < MB
    with again.open("rb") as stream:
        assert (stream.read(5), stream.seek(1 << 39), stream.read(6)) == (b"begin", 1 << 39, b"middle")
    assert other.push().files == 0


@given(st.lists(st.one_of(st.binary(max_size=40), st.integers(0, 3 * BLOCK), st.just(bytes(BLOCK))), max_size=8))
@settings(max_examples=200, deadline=None)
def test_the_digest_does_not_depend_on_where_the_holes_are(parts: list[bytes | int]) -> None:
    whole = b"".join(bytes(part) if isinstance(part, int) else part for part in parts)
    for kind in (Plain, Blocks):
        one, other = kind(), kind()
        other.add(whole)
        for part in parts:
            one.add(part)
        assert one.digest() == other.digest()
    changed, as_it_was = Blocks(), Blocks()
    as_it_was.add(whole)
    for other_content in (whole + b"\0", b"\1" + whole[1:] if whole[:1] not in (b"", b"\1") else whole + b"x"):
        changed = Blocks()
        changed.add(other_content)
        assert changed.digest() != as_it_was.digest()


def test_a_very_large_file_has_the_other_digest_everywhere(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(digests, "BIG", 3 * MB)
    sparse(rig.user / "a", 5 * MB, (0, b"1"), (4 * MB, b"data" * 1000))
    rig.push()
    with rig.world() as world:
        row = world.index.files.get(b"a")
        assert row is not None and row.hash.startswith("b64k:")
    assert rig.verify_all().wrong == []
    other = Rig(rig.root / "other", rig.space, machine="m2", generation=2)
    other.pull()
    assert other.local() == rig.local()
    with (other.user / "a").open("r+b") as stream:
        stream.seek(2 * MB)
        stream.write(b"new")
    other.push()
    assert other.saved() == other.local()


@root
def test_room_is_left_to_others(small: Path, tmp_path: Path) -> None:
    """What does not fit is named with its size, and not begun; the rest is saved, and deletions happen."""
    subprocess.run(["mount", "-o", "remount,size=60m", str(small)], check=True)
    rig = Rig(tmp_path / "volume", small / "space")
    rig.pull()
    rig.write("gone")
    rig.write("kept")
    rig.push()
    (rig.user / "gone").unlink()
    rig.write("large", os.urandom(1000) * 100_000)
    rig.write("small", b"precious")
    created: list[bytes] = []

    class Watched(Tree):
        def create(self, path: bytes, mode: int = 0o600) -> int:
            created.append(path)
            return super().create(path, mode)

    watched = replace(rig, trees=lambda path: (Watched if path == str(rig.space) else Tree)(path))
    for _ in range(2):
        with pytest.raises(NoRoom, match=r"no room for 1 files: large: it has 100\.0 MB, and .* free"):
            watched.push()
    assert sorted(rig.saved()) == ["kept", "small"]
    assert os.statvfs(small).f_bavail * os.statvfs(small).f_frsize > 50 * MB
    assert len([path for path in created if b"/tmp/" in path]) <= 8, "probes, the small file, manifests"
    subprocess.run(["mount", "-o", "remount,size=300m", str(small)], check=True)
    rig.push()
    assert rig.saved() == rig.local()


class Quota(Tree):
    """Refuses files from a certain size on, which nothing told beforehand."""

    most = 2 * MB
    tried = 0

    def write(self, fd: int, data: bytes | memoryview) -> None:
        if os.fstat(fd).st_size + len(data) > Quota.most:
            Quota.tried += 1
            raise OSError(errno.EDQUOT, os.strerror(errno.EDQUOT))
        super().write(fd, data)


@pytest.fixture
def limited(rig: Rig) -> Callable[[], Rig]:
    Quota.tried = 0
    return lambda: replace(rig, trees=lambda path: (Quota if path == str(rig.space) else Tree)(path))


def test_what_is_over_a_quota_is_tried_less_and_less_often(rig: Rig, limited: Callable[[], Rig]) -> None:
    rig.write("A large", os.urandom(3 * MB))
    for number in range(900):
        rig.write(f"z/{number}", f"{number}")
    for _ in range(36):  # three hours
        with pytest.raises(NoRoom, match=r"A large: Disk quota exceeded \(3\.0 MB\)"):
            limited().push()
        rig.clock.pass_time(300)
    assert len(rig.saved()) == 900
    assert 3 <= Quota.tried <= 6, "after 0, 10, 30, 70 and 150 minutes"
    rig.clock.pass_time(6 * 3600)
    rig.push()
    assert rig.saved() == rig.local()


class OneFileLimited(Tree):
    """Takes no single file of more than so many bytes, as FAT does from 4 GiB on; there is room for many."""

    most = 2 * MB

    def write(self, fd: int, data: bytes | memoryview) -> None:
        room = self.most - os.lseek(fd, 0, os.SEEK_CUR)
        super().write(fd, data[:room])
        if len(data) > room:
            OneFileLimited.tried += 1
            raise OSError(errno.EFBIG, os.strerror(errno.EFBIG))

    tried = 0


def test_what_is_too_large_for_one_file_there(rig: Rig) -> None:
    """It is named with its size and what is taken of it, tried less and less often, and nothing makes room for it."""
    OneFileLimited.tried = 0
    limited = replace(rig, workers=1, trees=lambda path: (OneFileLimited if path == str(rig.space) else Tree)(path))
    rig.write("changed", b"first")
    limited.push()
    rig.write("changed", b"second")
    limited.push()
    for _ in range(9):
        rig.clock.pass_time(86400)
        limited.push()
    for name, size in (("fits", 2 * MB), ("large", 3 * MB), ("larger", 4 * MB)):
        rig.write(name, os.urandom(size))
    rig.write("small")
    told = r"2 files .* large: it has 3\.0 MB, and the data space takes no more than 2\.0 MB of it: .* larger: it has 4"
    for _ in range(36):  # three hours
        with pytest.raises(Unsaved, match=told):
            limited.push()
        rig.clock.pass_time(300)
    assert sorted(rig.saved()) == ["changed", "fits", "small"]
    assert 3 <= OneFileLimited.tried <= 6, "after 0, 10, 30, 70 and 150 minutes, the smallest of them only"
    assert list(rig.trash().values()) == [b"first"] and rig.questions() == []
    assert [text for text in rig.alarms() if "full" in text] == []
    with pytest.raises(Unsaved, match="large: it has"):
        limited.seal()
    rig.clock.pass_time(6 * 3600)
    rig.push()
    assert rig.saved() == rig.local()


def test_the_clock_of_the_wall_does_not_put_off(rig: Rig, limited: Callable[[], Rig]) -> None:
    rig.write("large", os.urandom(3 * MB))
    with pytest.raises(NoRoom):
        limited().push()
    rig.clock.ahead -= 10 * 365 * 86400
    rig.clock.since_boot += 700
    rig.push()
    assert rig.saved() == rig.local()


def test_small_files_go_first(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upload_all, "LARGE_BYTES", MB)
    order: list[str] = []
    plain = upload_all.upload

    def upload(world, able, job):  # type: ignore[no-untyped-def]
        order.append(os.fsdecode(job.path))
        return plain(world, able, job)

    monkeypatch.setattr(upload_all, "upload", upload)
    rig.workers = 1
    for name, size in (("a", 3 * MB), ("b", 2 * MB), ("c", 1), ("d", 5 * MB), ("e", 2)):
        rig.write(name, os.urandom(size))
    rig.push()
    assert order == ["c", "e", "b", "a", "d"]


def test_what_is_new_does_not_wait_for_all_large_files(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """Large files that take long are sent in rounds; between them what is new is saved, deletions and manifest too."""
    monkeypatch.setattr(upload_all, "LARGE_BYTES", MB)
    monkeypatch.setattr(upload_all, "BATCH_BYTES", MB)
    rig.workers = 1
    rig.write("old")
    rig.push()
    for number in range(4):
        rig.write(f"large{number}", os.urandom(MB + number))
    seen: list[set[str]] = []

    class Slow(Tree):
        def rename(self, old: bytes, new: bytes, replace: bool = False) -> None:
            super().rename(old, new, replace)
            if new.startswith(b"large"):
                rig.clock.pass_time(400)
                seen.append(set(rig.saved()))
                if len(seen) < 4:
                    rig.write(f"new{len(seen)}")
                (rig.user / "old").unlink(missing_ok=True)

    replace(rig, trees=lambda path: (Slow if path == str(rig.space) else Tree)(path)).push()
    assert rig.saved() == rig.local()
    assert "new1" in seen[2] and "old" not in seen[2]


def test_numbers_of_any_size(rig: Rig) -> None:
    """Inode numbers of 64 bits, sizes whose sum is more than that."""
    rig.write("fine", b"f")
    try:
        for name in "ab":
            sparse(rig.user / name, (1 << 63) - (1 << 40), (0, b"1"))
    except OSError:
        pass  # not on this file system: then only the numbers below
    facts = os.stat_result((0o100644, 2**64 - 5, 1, 1, 0, 0, 0, 0, 0, 0))
    assert ino_of(facts) == -5
    with rig.world() as world:
        for number in range(3):
            world.index.changes.found(b"%d" % number, "f", ino_of(facts), 2**63 - 1, 0)
        assert world.index.changes.totals()[0] == 3
    try:
        rig.push()
    except (NoRoom, Unsaved) as error:
        assert "a: " in error.what
    assert (rig.space / "fine").read_bytes() == b"f"


class WithoutHoles(Tree):
    """A data space that writes zeros for what was left out."""

    extended: list[int]

    def truncate(self, fd: int, size: int) -> None:
        WithoutHoles.extended.append(size)
        os.posix_fallocate(fd, 0, size)
        super().truncate(fd, size)


@root
def test_a_data_space_that_keeps_no_holes(small: Path, tmp_path: Path) -> None:
    """There a file takes its whole size: what does not fit is named and not begun, and all else is saved."""
    WithoutHoles.extended = []
    space = small / "space"
    rig = Rig(tmp_path / "volume", space, trees=lambda path: (WithoutHoles if path == str(space) else Tree)(path))
    rig.pull()
    sparse(rig.user / "terabyte", 1 << 40, (0, b"begin"))
    sparse(rig.user / "fits", 20 * MB, (0, b"begin"))
    rig.write("small", b"precious")
    for _ in range(2):
        with pytest.raises(NoRoom, match=r"no room for 1 files: terabyte: it has 1\.1 TB, and .* free"):
            rig.push()
    assert sorted(rig.saved()) == ["fits", "small"]
    assert max(WithoutHoles.extended) == 20 * MB


@root
def test_a_full_volume_does_not_stop_the_saving(small: Path, tmp_path: Path) -> None:
    subprocess.run(["mount", "-o", "remount,size=24m", str(small)], check=True)
    rig = Rig(small / "volume", tmp_path / "space", workers=2)
    rig.pull()
    assert (rig.state / BALLAST).stat().st_blocks > 0, "reserved, not only promised"
    for number in range(300):
        rig.write(f"result{number}", b"precious")
    with (rig.user / "filler").open("wb", 0) as stream, pytest.raises(OSError, match="No space"):
        while True:
            stream.write(bytes(4096))
    for _ in range(2):
        with contextlib.suppress(NoRoom):  # the data space may be smaller than what fills the volume
            rig.push()
    assert len([name for name in rig.saved() if name.startswith("result")]) == 300
    (rig.user / "filler").unlink()
    rig.push()
    assert (rig.state / BALLAST).exists(), "there is room again"


@root
@pytest.mark.parametrize("told", [True, False], ids=["known", "not known where"])
def test_a_sealed_hole_can_always_be_installed_again(
    told: bool, small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is to be pulled may be larger than the volume, if most of it is holes; a FUSE knows not where they are."""
    plain, size = os.lseek, 3_000 * MB if told else 600 * MB

    def lseek(fd: int, at: int, how: int) -> int:
        if how in (os.SEEK_DATA, os.SEEK_HOLE):
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        return plain(fd, at, how)

    if not told:
        monkeypatch.setattr(os, "lseek", lseek)
    space = tmp_path / "space"
    sparse(space / "hole", size, (5, b"data"))
    rig = Rig(small / "volume", space)
    rig.pull()
    assert (rig.user / "hole").stat().st_size == size
    assert taken(rig.user / "hole") <= 1 << 20
