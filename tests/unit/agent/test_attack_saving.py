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
from cloudify_scipion.agent.work.lease import lease
from tests.unit.agent.rig import Rig


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
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
        world.index.attempts.count_try(b"temporary")
        world.commit_and_tell()
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
def test_memory_mapped_files() -> None:
    """A page that is dirty already is changed without a new time of the file, until the kernel has written it.

    The volume is on a disk, as volumes are: a file system in memory gives such pages no new times at all.
    """
    with (
        tempfile.TemporaryDirectory(dir="/dev/shm") as elsewhere,
        tempfile.TemporaryDirectory(dir="/var/tmp") as disk,
    ):
        rig = Rig(Path(disk) / "volume", Path(elsewhere) / "space")
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


def test_many_renames_keep_the_lease_alive(rig: Rig) -> None:
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


def test_a_seal_right_after_a_rename(rig: Rig) -> None:
    rig.write("a", b"one")
    rig.write("f/b", b"two")
    rig.push()
    (rig.user / "a").rename(rig.user / "z")
    (rig.user / "f").rename(rig.user / "g")
    assert rig.seal().files == 2
    assert rig.saved() == {"z": b"one", "g/b": b"two"}


def test_renamed_and_changed_without_a_trace(rig: Rig) -> None:
    """The same inode, size and time elsewhere: the content is looked at before that counts as saved."""
    path = rig.write("a", b"one")
    rig.write("b", b"b")
    rig.push()
    facts = path.stat()
    path.write_bytes(b"two")
    os.utime(path, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    path.rename(rig.user / "z")
    rig.push()
    assert rig.saved() == {"z": b"two", "b": b"b"}
    assert b"one" in rig.trash().values()


def test_names_in_circles(rig: Rig) -> None:
    for name in "abcde":
        rig.write(name, name)
    rig.push()
    for old, new in (("c", "t"), ("b", "c"), ("a", "b"), ("t", "a"), ("d", "t"), ("e", "d"), ("t", "e")):
        (rig.user / old).rename(rig.user / new)
    rig.push()
    assert rig.saved() == rig.local() == {"a": b"c", "b": b"a", "c": b"b", "d": b"e", "e": b"d"}
    (rig.user / "a").rename(rig.user / "n")
    (rig.user / "b").rename(rig.user / "a")
    os.link(rig.user / "c", rig.user / "b")
    rig.push()
    assert rig.saved() == rig.local()
    assert rig.push().files == 0


def test_folders_in_circles(rig: Rig) -> None:
    for name in ("p/x", "q/x", "p/deep/y", "q/deep/y", "o"):
        rig.write(name, name)
    rig.push()
    (rig.user / "p").rename(rig.user / "t")
    (rig.user / "q").rename(rig.user / "p")
    (rig.user / "t").rename(rig.user / "p/q")
    for _ in range(2):
        rig.push()
    assert rig.saved() == rig.local()
    (rig.user / "p/q/deep").rename(rig.user / "deep")
    (rig.user / "p").rename(rig.user / "deep/p")
    (rig.user / "deep/p/q").rename(rig.user / "p")
    for _ in range(2):
        rig.push()
    assert rig.saved() == rig.local()


@pytest.mark.parametrize("workers", [1, 8])
def test_two_conflicts_of_the_longest_names_in_one_second(rig: Rig, workers: int) -> None:
    rig.workers = workers
    names = [f"{'ü' * 126}{n}" for n in (1, 2)]
    for name in names:
        rig.write(name, b"one")
    rig.push()
    for name in names:
        rig.web(name, f"web {name[-1]}")
        rig.write(name, b"two", age=10)
    assert rig.push().conflicts == 2
    assert {b"web 1", b"web 2"} <= set(rig.saved().values())
    for name in names:  # beside those, others
        rig.web(name, f"again {name[-1]}")
        rig.write(name, b"three", age=5)
    assert rig.push().conflicts == 2
    assert {b"web 1", b"web 2", b"again 1", b"again 2"} <= set(rig.saved().values())
    rig.scan()
    for path in [path for path in rig.local() if "conflict" in path]:  # and a conflict of a conflict
        rig.web(path, b"web " + rig.local()[path])
        rig.write(path, b"here", age=3)
    rig.push()
    assert {b"web web 1", b"web again 2"} <= set(rig.saved().values())
    rig.scan()
    rig.push()
    assert rig.saved() == rig.local()


@pytest.mark.skipif(os.geteuid() != 0, reason="reads what only its owner may read")
def test_modes_of_every_kind(rig: Rig) -> None:
    for name, mode in (("none", 0), ("suid", 0o4755), ("sticky", 0o1777), ("write", 0o222)):
        rig.write(f"folder {name}/file {name}", name).chmod(mode)
        (rig.user / f"folder {name}").chmod(mode)
    rig.push()
    assert rig.saved() == rig.local()
    other = Rig(rig.root.with_name("other"), rig.space, machine="m2", generation=2)
    other.pull()
    assert other.local() == rig.local()


def test_special_files_are_told_and_stop_nothing(rig: Rig) -> None:
    os.mkfifo(rig.user / "pipe")
    rig.write("a", b"one")
    assert rig.push().special == [b"pipe"]
    rig.write("b", b"b")
    rig.push()
    (rig.user / "b").unlink()
    os.mkfifo(rig.user / "b")
    rig.push()
    assert rig.saved() == {"a": b"one"}
    assert rig.seal().special == 2


def test_a_sparse_file(rig: Rig) -> None:
    with (rig.user / "sparse").open("wb") as stream:
        stream.seek(50_000_000)
        stream.write(b"end")
    rig.push()
    assert rig.saved() == rig.local()


def test_what_a_crash_emptied_comes_back_beside_each_time_once(rig: Rig) -> None:
    names = ["n" * 250 + str(n) for n in range(3)]
    for name in names:
        rig.write(name, name)
    rig.push()
    rig.clock.boot_id = "boot-2"
    for name in names:
        rig.write(name, b"", age=10)
    rig.push()
    rig.answer("destroyed", "restore")
    rig.push()
    rig.push()
    assert set(names) <= {content.decode() for content in rig.saved().values()}
    assert len(rig.saved()) == 6
    assert rig.saved() == rig.local()
