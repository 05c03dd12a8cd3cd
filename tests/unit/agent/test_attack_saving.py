"""Saving goes on, and says so truly, whatever a user's folder holds."""

from __future__ import annotations

import mmap
import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from cloudify_scipion.agent.errors import AgentError, Unsaved
from cloudify_scipion.agent.ports.tree import Tree
from cloudify_scipion.agent.work import lease
from tests.unit.agent.rig import Rig


@pytest.fixture
def rig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Rig]:
    monkeypatch.setattr("cloudify_scipion.agent.work.seal._must_be_read_only", lambda _: None)
    made = Rig(tmp_path / "volume", tmp_path / "space")
    made.pull()
    yield made
    subprocess.run(["rm", "-rf", tmp_path], check=True)  # pytest itself cannot remove deep folders


def test_a_folder_of_our_name_is_never_sealed_over(rig: Rig) -> None:
    rig.write(".cloudify-scipion/results", b"precious")
    with pytest.raises(Unsaved, match=r"\.cloudify-scipion"):
        rig.push()
    with pytest.raises(Unsaved, match=r"\.cloudify-scipion"):
        rig.seal()
    (rig.user / ".cloudify-scipion").rename(rig.user / "mine")
    rig.seal()
    assert rig.saved() == {"mine/results": b"precious"}


def test_a_folder_of_our_name_deeper_down_is_like_any_other(rig: Rig) -> None:
    rig.write("deeper/.cloudify-scipion/results", b"precious")
    rig.push()
    assert (rig.space / "deeper/.cloudify-scipion/results").read_bytes() == b"precious"


def test_a_file_that_was_busy_and_is_gone_is_not_missed(rig: Rig) -> None:
    rig.write("a", b"one")
    with rig.world() as world:
        world.index.count_try(b"temporary")
        world.keep()
    rig.push()
    with rig.world() as world:
        assert world.index.unsaved() == 0
    assert rig.seal().files == 1


def test_a_file_of_the_future_can_be_sealed(rig: Rig) -> None:
    rig.write("future", b"content", age=-1_000_000)
    rig.push()
    assert rig.seal().files == 1


def test_years_that_no_index_holds(rig: Rig) -> None:
    for name, when in (("late", 13_000_000_000), ("early", -1_000_000_000)):
        rig.write(name, name)
        os.utime(rig.user / name, (when, when))
    rig.web("remote", b"remote")
    os.utime(rig.space / "remote", (13_000_000_000, 13_000_000_000))
    rig.push()
    rig.scan()
    assert rig.push().files == 0
    assert rig.saved() == rig.local() == {"late": b"late", "early": b"early", "remote": b"remote"}
    assert rig.seal().files == 3


@pytest.mark.parametrize("depth", [700, 1500])
def test_deep_folders(rig: Rig, depth: int) -> None:
    deep = "d/" * depth + "file"
    fd = os.open(rig.user, os.O_RDONLY)
    for _ in range(depth):
        os.mkdir("d", dir_fd=fd)
        inner = os.open("d", os.O_RDONLY, dir_fd=fd)
        os.close(fd)
        fd = inner
    file = os.open("file", os.O_WRONLY | os.O_CREAT, dir_fd=fd)
    os.write(file, b"deep")
    os.close(file)
    os.close(fd)
    rig.write("other", b"other")
    rig.push()
    tree = Tree(str(rig.space))
    fd = tree.open(deep.encode())
    assert os.read(fd, 10) == b"deep"
    os.close(fd)
    rig.scan()
    rig.seal()


def test_deeper_than_any_path_may_be(rig: Rig) -> None:
    rig.write("other", b"other")
    fd = os.open(rig.user, os.O_RDONLY)
    for _ in range(30):
        os.mkdir("n" * 200, dir_fd=fd)
        inner = os.open("n" * 200, os.O_RDONLY, dir_fd=fd)
        os.close(fd)
        fd = inner
    os.close(os.open("lost?", os.O_WRONLY | os.O_CREAT, dir_fd=fd))
    os.close(fd)
    with pytest.raises(Unsaved, match="too long"):
        rig.push()
    assert rig.saved() == {"other": b"other"}
    with pytest.raises(Unsaved):
        rig.seal()


def test_names_that_are_no_text_may_be_told(rig: Rig) -> None:
    name = os.fsdecode(b"odd\xff\n")
    rig.write(name, b"one")
    rig.push()
    rig.web(name, b"web")
    rig.write(name, b"two", age=10)
    assert rig.push().conflicts == 1
    rig.clock.boot_id = "boot-2"
    rig.write(name, b"", age=5)
    rig.push()
    assert rig.questions() == ["destroyed"]
    assert all(text.encode() for text in rig.events())
    assert AgentError(os.fsdecode(b"odd\xff"), os.fsdecode(b"\xff")).what.encode()


def test_a_seal_can_be_made_again(rig: Rig) -> None:
    rig.write("a", b"one")
    first = rig.seal()
    again = rig.seal()
    assert again.files == first.files
    (rig.state / "seal.json").unlink()  # killed before the seal was on the volume
    rig.seal()
    assert (rig.state / "seal.json").exists()


def test_a_seal_does_not_take_the_lease_of_a_later_machine(rig: Rig, tmp_path: Path) -> None:
    rig.write("a", b"one")
    rig.push()
    later = Rig(tmp_path / "v2", rig.space, machine="m2", generation=2)
    later.pull()
    with pytest.raises(AgentError):
        rig.seal()
    later.push()


def test_a_seal_names_a_manifest(rig: Rig) -> None:
    assert set(rig.seal().manifest) != {"0"}


@pytest.mark.skipif(not Path("/dev/shm").is_dir(), reason="needs a second file system")
def test_memory_mapped_files(tmp_path: Path) -> None:
    """A page that is dirty already is changed without a new time of the file, until the kernel has written it."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as elsewhere:
        rig = Rig(tmp_path / "volume", Path(elsewhere) / "space")
        rig.clock.ahead = 0.0
        rig.pull()
        path = rig.write("map", bytes(8192))
        with path.open("r+b") as stream, mmap.mmap(stream.fileno(), 8192) as pages:
            pages[0:3] = b"one"
            time.sleep(0.2)
            rig.push()
            pages[0:3] = b"two"
            time.sleep(0.2)
            rig.push()
            assert rig.saved()["map"][:3] == b"two"
            rig.push()
            pages[0:3] = b"end"
        rig.push()
        assert rig.saved()["map"][:3] == b"end"


def test_setgid_folders_are_made_without(rig: Rig) -> None:
    """The unit's seccomp filter refuses to make anything with these bits."""

    class Strict(Tree):
        def mkdir(self, path: bytes, mode: int = 0o755) -> bool:
            if mode & 0o6000:
                raise PermissionError(1, "Operation not permitted")
            return super().mkdir(path, mode)

    rig.trees = Strict
    rig.write("shared/a", b"one")
    (rig.user / "shared").chmod(0o2775)
    rig.push()
    assert rig.saved() == {"shared/a": b"one"}


def test_a_file_that_came_back_meanwhile_is_not_deleted(rig: Rig) -> None:
    for name in "abcde":
        rig.write(name, name)
    rig.push()
    (rig.user / "a").rename(rig.root / "aside")

    class Late(Tree):
        """The file is back by the time that deletions begin."""

        def rename(self, old: bytes, new: bytes, replace: bool = False) -> None:
            if new == b"new":
                (rig.root / "aside").rename(rig.user / "a")
            super().rename(old, new, replace)

    rig.write("new", b"new")
    rig.trees = Late
    assert rig.push().deleted == 0
    assert rig.saved()["a"] == b"a"


def test_an_answer_counts_for_what_was_asked(rig: Rig) -> None:
    for n in range(100):
        rig.write(f"f/{n}", str(n))
    rig.push()
    for n in range(40):
        (rig.user / f"f/{n}").unlink()
    rig.push()
    rig.answer("deletions", "delete")
    for n in range(40, 95):
        (rig.user / f"f/{n}").unlink()
    assert rig.push().held == 95
    assert rig.questions() == ["deletions"]
    assert len(rig.saved()) == 100


def test_many_renames_keep_the_lease_alive(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    for n in range(10):
        rig.write(f"f/{n}", str(n))
    rig.push()
    for n in range(10):
        (rig.user / f"f/{n}").rename(rig.user / f"f/new{n}")
    (rig.user / "e/m/p/t/y").mkdir(parents=True)

    class Slow(Tree):
        def rename(self, old: bytes, new: bytes, replace: bool = False) -> None:
            rig.clock.pass_time(lease.BEAT_SECONDS + 1)
            super().rename(old, new, replace)

        def mkdir(self, path: bytes, mode: int = 0o755) -> bool:
            rig.clock.pass_time(lease.BEAT_SECONDS + 1)
            return super().mkdir(path, mode)

    rig.trees = Slow
    assert rig.push().moved == 10
    assert rig.saved() == rig.local()


def test_old_place_of_a_moved_folder_is_made_again(rig: Rig) -> None:
    for name in ("b/x", "b/sub/y", "o"):
        rig.write(name, name)
    rig.push()
    (rig.user / "b").rename(rig.user / "a")
    rig.write("b/x", b"new x")
    rig.write("b/sub/y", b"new y")
    result = rig.push()
    assert (result.moved, result.files, result.deleted, result.held) == (1, 2, 0, 0)
    assert rig.saved() == rig.local()
    assert rig.push().wrote is False
