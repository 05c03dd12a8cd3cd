"""No room, on either side: nothing is lost, it is said, and all goes on once there is room."""

from __future__ import annotations

import errno
import os
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from cloudify_scipion.agent.errors import AgentError, NoRoom, ReadOnlySpace, Temporary, Unsaved
from cloudify_scipion.agent.ports.tree import Tree
from cloudify_scipion.agent.work.pull import can_come
from tests.unit.agent.rig import Rig

root = pytest.mark.skipif(os.geteuid() != 0, reason="mounts")
SIZE = 2_000_000


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A file system of 2 MB."""
    folder = tmp_path / "small"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "none", str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(folder: Path) -> Path:
    path = folder / "filler"
    with path.open("wb", buffering=0) as stream:
        try:
            while True:
                stream.write(bytes(4096))
        except OSError as error:
            assert error.errno == errno.ENOSPC
            return path


@root
def test_a_full_data_space(tmp_path: Path, small: Path) -> None:
    rig = Rig(tmp_path / "volume", small / "space", workers=2)
    rig.pull()
    rig.write("a", b"x" * 100_000)
    rig.push()
    before = rig.saved()
    rig.write("a", b"y" * 100_000, age=10)
    rig.write("b", b"z" * 3_000_000)
    with pytest.raises(NoRoom, match=r"no room for 1 files: b: it has 3\.0 MB, and 1\.\d MB are free") as full:
        rig.push()
    assert full.value.code == 5
    assert "makes room" in full.value.next_step
    assert rig.saved()["a"] in (before["a"], b"y" * 100_000), "whole, whichever it is"
    with pytest.raises(NoRoom, match="has no room for 1 files: b"):
        rig.push()
    subprocess.run(["mount", "-o", "remount,size=20000000", str(small)], check=True)
    rig.push()
    assert rig.saved() == rig.local()
    assert list((rig.space / ".cloudify-scipion/tmp").iterdir()) == []


@root
def test_a_data_space_filled_by_others_to_the_last_byte(tmp_path: Path, small: Path) -> None:
    """There is not even room for a manifest."""
    rig = Rig(tmp_path / "volume", small / "space", workers=1)
    rig.pull()
    rig.write("a", b"one" * 1000)
    rig.push()
    filler = fill(small)
    rig.write("a", b"two" * 1000, age=10)
    (rig.user / "empty").touch()
    for _ in range(2):
        with pytest.raises((NoRoom, OSError)):
            rig.push()
        assert rig.saved()["a"] in (b"one" * 1000, b"two" * 1000)
    filler.unlink()
    rig.push()
    assert rig.saved() == rig.local()
    assert rig.verify_all().wrong == []


@root
def test_a_full_volume_in_the_middle_of_a_pull(tmp_path: Path, small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody fills it after it was found large enough."""
    monkeypatch.setattr(can_come, "RESERVE_BYTES", 0)
    monkeypatch.setattr(Tree, "free", lambda _: 10**9)
    rig = Rig(small / "volume", tmp_path / "space", workers=1)
    for number in range(6):
        rig.web(f"{number}", bytes([number]) * 500_000, age=5000)
    with pytest.raises(Unsaved, match=r"3 files could not be pulled: .*No space left"):
        rig.pull()
    local, saved = rig.local(), rig.saved()
    assert all(content == saved[name] for name, content in local.items()), "what is here is whole"
    with pytest.raises(AgentError, match="before the first pull"):
        rig.push()
    subprocess.run(["mount", "-o", "remount,size=20000000", str(small)], check=True)
    rig.pull()
    assert rig.local() == rig.saved()


@root
def test_a_volume_filled_by_the_user(tmp_path: Path, small: Path) -> None:
    """The agent's own index cannot grow: nothing is lost, and saving goes on when there is room again."""
    rig = Rig(small / "volume", tmp_path / "space", workers=1)
    rig.pull()
    for number in range(50):
        rig.write(f"{number}", f"{number}")
    fill(rig.user)
    try:
        rig.push()
    except Exception as error:  # noqa: BLE001 - SQLite's, or the file system's
        assert "full" in str(error) or "No space" in str(error) or "disk I/O" in str(error)
    (rig.user / "filler").unlink()
    rig.push()
    assert rig.saved() == rig.local()


class Failing(Tree):
    """A data space that says a certain thing at every write of a certain content, or of any."""

    number = errno.EDQUOT
    all = False

    def write(self, fd: int, data: bytes | memoryview) -> None:
        if bytes(data) == b"two" or (Failing.all and bytes(data) != b"three"):
            raise OSError(Failing.number, os.strerror(Failing.number))
        super().write(fd, data)


@pytest.mark.parametrize(
    ("number", "error", "match"),
    [
        (errno.ENOSPC, NoRoom, "is full"),
        (errno.EDQUOT, NoRoom, "is full"),
        (errno.EROFS, ReadOnlySpace, "granted read-only .Read-only file system"),
        (errno.ENOTCONN, Temporary, "cannot be written: Transport endpoint"),
        (errno.ESTALE, Temporary, "cannot be written: Stale"),
    ],
)
@pytest.mark.parametrize("whole", [False, True])
def test_what_the_data_space_says(
    rig: Rig, number: int, error: type[AgentError], match: str, whole: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether it says so of one file or of all that is written decides what it means, not the number."""
    monkeypatch.setattr(Failing, "number", number)
    monkeypatch.setattr(Failing, "all", whole)
    rig.write("a", b"one")
    rig.push()
    rig.write("a", b"two", age=10)
    rig.write("b", b"three")
    can_come = number in (errno.ENOSPC, errno.EDQUOT)
    expected = (error, match) if whole else (NoRoom if can_come else Unsaved, f"a: {os.strerror(number)}")
    with pytest.raises(expected[0], match=expected[1]):
        replace(rig, trees=lambda path: (Failing if path == str(rig.space) else Tree)(path)).push()
    if not whole:
        assert rig.saved() == {"a": b"one", "b": b"three"}
    assert rig.saved()["a"] == b"one"
    assert list((rig.space / ".cloudify-scipion/tmp").iterdir()) == []
    rig.push()
    assert rig.saved() == {"a": b"two", "b": b"three"}


def test_more_there_than_fits_here_can_be_sealed(rig: Rig) -> None:
    rig.write("a", b"one")
    rig.web("large", b"two")

    class Full(Tree):
        def free(self) -> int:
            return 0

    rig.trees = Full
    with pytest.raises(NoRoom, match="could not be pulled: large"):
        rig.scan()
    assert rig.seal().files == 1
    assert rig.saved() == {"a": b"one", "large": b"two"}


class Full(Tree):
    """A data space that has no room for what is longer than ten bytes."""

    def write(self, fd: int, data: bytes | memoryview) -> None:
        if len(data) > 10 and "space" in str(Path(f"/proc/self/fd/{fd}").readlink()):
            raise OSError(28, "No space left on device")
        super().write(fd, data)


def test_what_fits_is_saved(rig: Rig) -> None:
    rig.push()
    rig.write("a", b"short")
    rig.write("b", b"much too long")
    rig.write("c", b"short, too")
    rig.trees = Full
    with pytest.raises(AgentError, match="the data space is full"):
        rig.push()
    assert sorted(rig.saved()) == ["a", "c"]
    rig.trees = Tree
    assert rig.push().files == 1
    assert rig.saved() == rig.local()
