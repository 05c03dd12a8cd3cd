"""Kinds, modes and times of files: sparse ones, mapped ones, such of other years, and what is no data."""

from __future__ import annotations

import mmap
import os
import tempfile
import time
from pathlib import Path

import pytest

from cloudify_scipion.agent.ports.tree import Tree
from tests.unit.agent.rig import Rig


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
