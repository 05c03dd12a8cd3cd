"""Files and folders under other names: renamed in the data space, too, and never lost on the way."""

from __future__ import annotations

import os

from cloudify_scipion.agent.ports.tree import Tree
from cloudify_scipion.agent.work.lease import lease
from tests.unit.agent.rig import Rig


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


def test_a_file_that_was_moved_just_before_the_seal(rig: Rig) -> None:
    rig.write("a")
    rig.push()
    (rig.user / "a").rename(rig.user / "b")
    assert rig.seal().files == 1
    assert sorted(rig.saved()) == ["b"]


def test_a_rename_is_one_there_too(rig: Rig) -> None:
    rig.write("f/a", b"one")
    rig.write("g/b/c", b"two")
    rig.push()
    (rig.user / "f/a").rename(rig.user / "f/z")
    (rig.user / "g/b").rename(rig.user / "h")
    result = rig.push()
    assert (result.moved, result.files, result.deleted) == (2, 0, 0)
    assert rig.saved() == rig.local() == {"f/z": b"one", "h/c": b"two"}
    assert rig.trash() == {}
    assert rig.push().wrote is False or rig.push().wrote is False
