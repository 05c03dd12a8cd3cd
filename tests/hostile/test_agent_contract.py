"""What the agent expects of a data space: one suite for a plain folder, the FUSE, and the FUSE as it should not be."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from cloudify_scipion.agent.errors import LeaseForeign
from cloudify_scipion.agent.plan.names import LEASE, MANIFEST, TEMPORARY, TRASH
from cloudify_scipion.agent.ports.facts import kind
from cloudify_scipion.agent.ports.read_tree import NotAFile
from cloudify_scipion.agent.ports.tables.rows import Row
from cloudify_scipion.agent.ports.tree import Tree
from cloudify_scipion.agent.ports.whole_files import make_folders, read_all, write_new
from cloudify_scipion.agent.work.content import digest_of
from cloudify_scipion.agent.work.lease import lease
from cloudify_scipion.agent.work.lease.heartbeat import holders
from cloudify_scipion.agent.work.manifest.read import is_whole, read_manifest
from cloudify_scipion.agent.work.manifest.write import write_segment
from cloudify_scipion.agent.work.space.check import check_space, open_space
from cloudify_scipion.agent.work.space.probe import abilities
from cloudify_scipion.agent.work.trash.throw import throw_away
from cloudify_scipion.agent.work.world import World
from tests.hostile.space import HostileSpace
from tests.unit.agent.rig import Rig

pytestmark = pytest.mark.long
EAGAIN = {
    "eagain_every": 3,
    "eagain_kinds": ["write", "fsync", "rename", "unlink", "mkdir", "open", "read", "utimens", "symlink", "readlink"],
}
SPACES: dict[str, dict[str, Any] | None] = {
    "plain folder": None,
    "FUSE": {},
    "times of whole seconds": {"coarse_times": True},
    "no symbolic links": {"no_symlinks": True},
    "no hard links": {"no_links": True},
    "no owners, no modes": {"no_chown": True, "no_chmod": True},
    "no times": {"no_utime": True},
    "times ignored": {"no_utime": "ignore"},
    "no odd names": {"no_odd_names": True},
    "old attributes": {"stale_attributes": 30},
    "no rename flags": {"no_rename_flags": True},
    "renames by copying": {"no_rename_flags": True, "rename_copies": True},
    "busy": EAGAIN,
    "slow": {"delay": 0.002},
    "past the page cache": {"direct_io": True},
}


@dataclass
class Space:
    """The agent's world on a data space; `there` is the folder that others see, `wrong` how the space is."""

    rig: Rig
    there: Path
    wrong: dict[str, Any]
    world: World
    other: Tree

    @property
    def tree(self) -> Tree:
        return self.world.space

    @contextmanager
    def machine(self, name: str, **named: Any) -> Iterator[World]:
        """Another machine on the same data space, seen through the same mount."""
        with replace(self.rig, root=self.rig.root.with_name(name), machine=name, **named).world() as world:
            yield world


@dataclass
class Mounts:
    """A folder of the provider, and two clients' ways to it; both the folder itself where there is no client."""

    backing: Path
    one: Path
    two: Path
    wrong: dict[str, Any]


@pytest.fixture(scope="module", params=SPACES)
def mounts(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mounts]:
    backing, wrong = tmp_path_factory.mktemp("backing"), SPACES[request.param]
    if wrong is None:
        yield Mounts(backing, backing, backing, {})
        return
    with HostileSpace(backing, **wrong) as one, HostileSpace(backing) as two:
        yield Mounts(backing, one.space, two.space, wrong)


@pytest.fixture
def space(mounts: Mounts, tmp_path: Path) -> Iterator[Space]:
    """A folder of its own for every test."""
    name = tmp_path.name
    (mounts.backing / name).mkdir()
    rig = Rig(tmp_path / "m1", mounts.one / name)
    with rig.world() as world:
        other = Tree(str(mounts.two / name))
        yield Space(rig, mounts.backing / name, mounts.wrong, world, other)
        other.leave()


def ready(space: Space) -> World:
    lease.acquire(space.world)
    open_space(space.world)
    return space.world


# the folder


def test_what_is_written_is_there(space: Space) -> None:
    make_folders(space.tree, b"a/b")
    fd = space.tree.create(b"a/b/file", 0o640)
    space.tree.write(fd, b"one " * 50_000)
    space.tree.write(fd, b"two")
    space.tree.sync_file(fd)
    space.tree.close(fd)
    wanted = b"one " * 50_000 + b"two"
    assert (space.there / "a/b/file").read_bytes() == wanted == read_all(space.tree, b"a/b/file")
    digest = hashlib.sha256(wanted).hexdigest()
    assert digest_of(space.tree, b"a/b/file")[0] == digest
    assert digest_of(space.other, b"a/b/file", uncached=True)[0] == digest, "whoever reads it"
    with pytest.raises(FileExistsError):
        space.tree.create(b"a/b/file")
    with pytest.raises(NotAFile):
        space.tree.open(b"a/b")
    assert read_all(space.tree, b"a/nothing") is read_all(space.tree, b"nothing/file") is None


def test_what_others_write_is_seen(space: Space) -> None:
    (space.there / "new").write_bytes(b"new")
    assert read_all(space.tree, b"new") == b"new"
    (space.there / "new").write_bytes(b"longer than before")
    assert read_all(space.tree, b"new") == b"longer than before"


def test_listings(space: Space) -> None:
    names = sorted([b"a", "ü".encode(), b"with space", b"n" * 255, *(b"%03d" % number for number in range(100))])
    (space.there / "folder/inside").mkdir(parents=True)
    for name in names:
        Path(os.fsdecode(os.fsencode(space.there) + b"/folder/" + name)).write_bytes(name)
    found = space.tree.entries(b"folder")
    assert [name for name, _ in found] == space.tree.names(b"folder") == sorted([*names, b"inside"])
    assert {name: facts.st_size for name, facts in found if kind(facts) == "f"} == {name: len(name) for name in names}
    assert [name for name, facts in found if kind(facts) == "d"] == [b"inside"]
    assert space.tree.entries(b"folder/inside") == []
    with pytest.raises(FileNotFoundError):
        space.tree.entries(b"nothing")


def test_a_rename_replaces_only_if_asked(space: Space) -> None:
    for name in (b"old", b"new"):
        write_new(space.tree, name, name)
    with pytest.raises(FileExistsError):
        space.tree.rename(b"old", b"new")
    assert (read_all(space.tree, b"old"), read_all(space.tree, b"new")) == (b"old", b"new")
    space.tree.rename(b"old", b"new", replace=True)
    assert (space.tree.stat(b"old"), read_all(space.tree, b"new")) == (None, b"old")
    space.tree.mkdir(b"folder")
    space.tree.rename(b"new", b"folder/new")
    space.tree.rename(b"folder", b"moved")
    space.tree.forget()
    assert read_all(space.tree, b"moved/new") == b"old"
    with pytest.raises(FileNotFoundError):
        space.tree.rename(b"nothing", b"other")


def test_deleting(space: Space) -> None:
    make_folders(space.tree, b"a/b")
    write_new(space.tree, b"a/b/file", b"x")
    assert space.tree.rmdir(b"a/b") is False
    space.tree.unlink(b"a/b/file")
    space.tree.unlink(b"a/b/file")
    assert space.tree.rmdir(b"a/b") and space.tree.rmdir(b"a/b") and space.tree.rmdir(b"a")
    assert list(space.there.iterdir()) == []
    assert space.tree.mkdir(b"a") and not space.tree.mkdir(b"a")
    write_new(space.tree, b"file", b"x")
    with pytest.raises(FileExistsError):
        space.tree.mkdir(b"file")


def test_no_link_is_followed(space: Space, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/secret").write_text("secret")
    (space.there / "link").symlink_to(tmp_path / "outside")
    (space.there / "file").symlink_to(tmp_path / "outside/secret")
    assert kind(space.tree.stat(b"link") or pytest.fail()) == "l"
    for do in (lambda: space.tree.open(b"link/secret"), lambda: space.tree.create(b"link/new"),
               lambda: space.tree.open(b"file"), lambda: space.tree.entries(b"link")):  # fmt: skip
        with pytest.raises(OSError, match=".") as raised:
            do()
        assert raised.value.errno in (errno.ELOOP, errno.ENOTDIR)
    assert os.listdir(tmp_path / "outside") == ["secret"]  # noqa: PTH208


@pytest.mark.parametrize("mounts", [name for name in SPACES if name != "old attributes"], indirect=True)
def test_a_fresh_look_sees_what_others_changed(space: Space) -> None:
    """Not so a client that asks nobody: there, whoever changes content is known by the content."""
    write_new(space.tree, b"file", b"short")
    space.tree.stat(b"file")
    (space.there / "file").write_bytes(b"longer than before")
    os.utime(space.there / "file", ns=(1_600_000_000_000_000_000,) * 2)
    assert space.tree.fresh(b"file") == (18, 1_600_000_000_000_000_000)
    assert space.tree.fresh(b"nothing") is None


# what the works make of it


def test_opening_finds_out_what_it_can_hold(space: Space) -> None:
    world = ready(space)
    found = abilities(world)
    stale = bool(space.wrong.get("stale_attributes"))
    assert found.symlinks == (not space.wrong.get("no_symlinks"))
    assert found.names.text == bool(space.wrong.get("no_odd_names"))
    assert found.times == (not space.wrong.get("no_utime") and not stale)
    assert found.owner is None, "nobody else's folder"
    check_space(world)
    assert space.tree.names(TEMPORARY) == [], "nothing is left over"
    open_space(world)
    assert abilities(world) == found


def test_the_trash_replaces_nothing(space: Space) -> None:
    world = ready(space)
    for content in (b"one", b"two", b"three"):
        write_new(space.tree, b"file", content)
        throw_away(world, b"file", 0)
        write_new(space.tree, b"file", content)
        throw_away(world, b"file", 1)
    assert space.tree.stat(b"file") is None
    kept = [path.read_bytes() for path in sorted((space.there / os.fsdecode(TRASH)).rglob("file*"))]
    assert sorted(kept) == sorted([b"one", b"two", b"three"] * 2)


def test_the_lease(space: Space) -> None:
    """Taken, renewed, confirmed, taken over, given back: at any time one machine holds it."""
    world = ready(space)
    (name,) = space.tree.names(LEASE)
    file = space.there / os.fsdecode(LEASE) / os.fsdecode(name)
    os.utime(file, (1_000_000_000, 1_000_000_000))
    lease.renew(world)
    assert file.stat().st_mtime > 1_000_000_000 or space.wrong.get("stale_attributes"), "others see the heartbeat"
    text = file.read_bytes()
    lease.confirm(world)
    assert b'"m1"' in text and holders(world)[0].holder.text() == text
    with space.machine("m2", generation=2) as second:
        lease.acquire(second)
        lease.confirm(second)
        for do in (lease.renew, lease.check, lease.confirm):
            with pytest.raises(LeaseForeign, match="m2"):
                do(world)
        lease.release(second)
        lease.release(second)
        assert space.tree.names(LEASE) == []
        with pytest.raises(LeaseForeign, match="does not hold"):
            lease.renew(second)
    stranger = {**space.rig.owner, "deployment": "another"}
    with space.machine("m3", owner=stranger, project="p3") as third, space.machine("m4", generation=4) as fourth:
        lease.acquire(third)
        with pytest.raises(LeaseForeign, match="another"):
            lease.acquire(fourth)
        assert len(space.tree.names(LEASE)) == 1


def test_the_manifest(space: Space) -> None:
    world = ready(space)
    rows = {b"a": Row("f", 0o100755, 3, hash="1"), "ü\n".encode(): Row("l", target=b"\xff"), b"o\xff/b": Row("f")}
    for path, row in rows.items():
        world.index.files.put(path, row)
        write_segment(world)
    world.index.files.drop(b"a")
    write_segment(world)
    write_segment(world)
    assert len(space.tree.names(MANIFEST)) == 4 and is_whole(world, space.other)
    assert space.tree.names(TEMPORARY) == []
    with space.machine("m2", generation=2) as second:
        lease.acquire(second)
        read_manifest(second)
        found = {os.fsencode(row["p"]): row for row in second.index.base.all()}
        assert sorted(path for path, row in found.items() if row["k"] != "d") == sorted([*rows][1:])
        assert os.fsencode(found["ü\n".encode()]["to"]) == b"\xff"
    last = sorted((space.there / os.fsdecode(MANIFEST)).iterdir())[-1]
    last.write_bytes(last.read_bytes()[:-1])
    assert not is_whole(world, space.other)
    write_segment(world)
    assert is_whole(world, space.other)


def test_modes_and_times_of_what_is_given(space: Space) -> None:
    fd = space.tree.create(b"file", 0o640)
    space.tree.close(fd)
    assert stat.S_IMODE((space.there / "file").stat().st_mode) == 0o640, "given at once, not changed afterwards"
