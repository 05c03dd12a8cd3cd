"""What others do in the data space, or what becomes of it, costs nobody a file and stops no saving."""

from __future__ import annotations

import errno
import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from cloudify_scipion.agent.errors import AgentError, GuardFailed, NoRoom, Temporary, Unsaved
from cloudify_scipion.agent.plan.manifest import Entry, Header, decode
from cloudify_scipion.agent.ports.tree import Tree
from cloudify_scipion.agent.work.manifest.read import chain
from tests.unit.agent.rig import Rig, contents
from tests.unit.agent.segments import encode

OURS = ".cloudify-scipion"


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    made = Rig(tmp_path / "volume", tmp_path / "space")
    made.pull()
    return made


def other(rig: Rig, tmp_path: Path) -> Rig:
    return Rig(tmp_path / "other", rig.space, machine="m2", generation=2)


def forge(rig: Rig, rows: list[dict[str, object]]) -> None:
    folder = rig.space / OURS / "manifest"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()

    class Forged(Entry):
        def row(self) -> dict[str, object]:
            return rows[int(self.path)]

    entries = [Forged(str(n).encode(), "f") for n in range(len(rows))]
    (folder / "00000001.json.gz").write_bytes(encode(Header("p1", 1, 1, base=True), entries))


@pytest.mark.parametrize(
    "row",
    [
        {"p": "../outside", "k": "l", "m": 0, "to": "x"},
        {"p": "a/../../outside", "k": "d", "m": 0o777},
        {"p": "../outside", "k": "f", "m": 0, "at": OURS + "/odd/x"},
        {"p": "inside", "k": "f", "m": 0, "at": OURS + "/odd/../../../secret"},
        {"p": "inside", "k": "f", "m": 0, "at": "../secret"},
        {"p": "a\0b", "k": "l", "m": 0, "to": "x"},
        {"p": "a", "k": "l", "m": 0, "to": "x\0y"},
        {"p": "/", "k": "d", "m": 0},
        {"p": ".", "k": "d", "m": 0},
        {"k": "d"},
        {"p": 5, "k": "d"},
        {"p": OURS + "/x", "k": "d", "m": 0},
    ],
)
def test_a_forged_manifest_leads_nowhere(rig: Rig, tmp_path: Path, row: dict[str, object]) -> None:
    (tmp_path / "secret").write_bytes(b"secret")
    forge(rig, [{"p": "fine", "k": "l", "m": 0, "to": "target"}, row])
    before = sorted(path.name for path in tmp_path.iterdir())
    new = other(rig, tmp_path)
    new.pull()
    assert new.local() == {"fine": b"-> target"}
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted({*before, "other"})
    assert new.alarms()


def test_a_tree_knows_no_way_up(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "secret").write_bytes(b"secret")
    tree = Tree(str(tmp_path / "in"))
    for path in (b"../secret", b"..", b"x/../../secret", b"a\0b"):
        with pytest.raises(OSError):
            tree.open(path)
        with pytest.raises(OSError):
            tree.stat(path)


def test_an_unmounted_space_is_not_taken_for_an_empty_one(rig: Rig) -> None:
    rig.write("a", b"one")
    rig.push()
    rig.space.rename(rig.space.with_name("away"))
    rig.space.mkdir()
    for work in (rig.pull, rig.scan, rig.push, rig.seal):
        with pytest.raises(AgentError):
            work()
    with pytest.raises(GuardFailed):
        rig.pull()
    assert contents(rig.space, hidden=True) == {}


def test_an_older_copy_of_the_volume(rig: Rig, tmp_path: Path) -> None:
    """A volume that comes back from a snapshot: the newest version counts, the manifest's chain does not break."""
    rig.write("a", b"one")
    (rig.user / "link").symlink_to("first")
    rig.push()
    shutil.copytree(rig.root, tmp_path / "snapshot", symlinks=True)
    for n in range(5):
        rig.write("a", f"newer {n}", age=100 - n)
        rig.push()
    with rig.world() as world:
        world.index.set_state("manifest", {**world.index.get_state("manifest"), "since": 10**9})
        world.commit_and_tell()
    rig.write("a", b"newest", age=10)
    rig.push()
    back = Rig(tmp_path / "snapshot", rig.space)
    back.pull()
    back.write("b", b"after", age=5)
    (back.user / "second").symlink_to("second")
    back.push()
    assert back.saved() == {"a": b"newest", "b": b"after", "link": b"-> first", "second": b"-> second"} == back.local()
    with back.world() as world:
        head = world.index.get_state("manifest")
        links = chain(world)
        assert links[-1].number == head["number"]
        told = {path for link in links for path, _ in decode(link.stream)[1]}
    assert {b"a", b"b", b"link", b"second"} <= told
    assert back.seal().manifest == json.loads((rig.space / OURS / "seal.json").read_bytes())["manifest"]


@pytest.mark.parametrize("damage", ["empty", "foreign"])
def test_what_lies_where_the_next_segment_goes(rig: Rig, damage: str) -> None:
    rig.write("a", b"one")
    rig.push()
    place = rig.space / OURS / "manifest/00000002.json.gz"
    header = Header("p1", 1, 2, "f" * 64)
    place.write_bytes(b"" if damage == "empty" else encode(header, [Entry(b"x", "l", target=b"y")]))
    before = place.read_bytes()
    rig.write("b", b"two")
    if damage == "foreign":
        with pytest.raises(Temporary, match="somebody else has gone on"):
            rig.push()
    rig.push()
    with rig.world() as world:
        links = chain(world)
        assert links[-1].number == world.index.get_state("manifest")["number"]
        assert {path for link in links for path, _ in decode(link.stream)[1]} >= {b"a", b"b"}
    assert not place.exists() or place.read_bytes() == before


def test_a_segment_that_cannot_be_read_once_is_not_removed(rig: Rig, tmp_path: Path) -> None:
    """An empty read after a cut connection: what only the manifest knows may be read again later."""
    (rig.user / "link").symlink_to("nowhere")
    rig.push()
    place = rig.space / OURS / "manifest/00000001.json.gz"
    whole = place.read_bytes()
    place.write_bytes(b"")
    new = other(rig, tmp_path)
    new.pull()
    new.write("x")
    new.push()
    assert place.exists() and whole


def test_a_later_version_has_written(rig: Rig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rig.write("a", b"one")
    rig.push()
    place = rig.space / OURS / "manifest/00000002.json.gz"
    with monkeypatch.context() as patch:
        patch.setattr("cloudify_scipion.agent.plan.manifest.VERSION", 2)
        place.write_bytes(encode(Header("p1", 1, 2, base=True), []))
    with pytest.raises(AgentError, match="later version"):
        other(rig, tmp_path).pull()
    assert place.exists()


def test_a_seal_stands_on_a_manifest_that_is_there(rig: Rig) -> None:
    """Writes that are acknowledged and dropped hit our own files, too."""

    class Dropping(Tree):
        def rename(self, old: bytes, new: bytes, replace: bool = False) -> None:
            super().rename(old, new, replace)
            if b"/manifest/" in new:
                (rig.space / os.fsdecode(new)).write_bytes(b"")

    rig.write("a", b"one")
    rig.trees = Dropping
    with pytest.raises(AgentError):
        rig.seal()
    assert not (rig.state / "seal.json").exists()
    rig.trees = Tree
    assert rig.seal().files == 1


def test_a_generation_that_was_lost(rig: Rig, tmp_path: Path) -> None:
    """The record restarts at 1 after the lease was given back: the manifest knows better."""
    late = Rig(tmp_path / "late", rig.space, machine="m9", generation=9)
    late.pull()
    late.write("a", b"one")
    late.push()
    shutil.copytree(late.root, tmp_path / "copy", symlinks=True)
    late.write("a", b"two", age=10)
    late.push()
    with late.world() as world:
        from cloudify_scipion.agent.work.lease import lease

        lease.release(world)
    back = Rig(tmp_path / "copy", rig.space, machine="m1", generation=1)
    back.pull()
    back.write("b", b"three", age=10)
    back.push()
    assert back.saved() == {"a": b"two", "b": b"three"} == back.local()


def test_a_folder_that_vanishes_while_it_is_listed(rig: Rig) -> None:
    rig.web("a/b", b"one")
    rig.web("c", b"two")

    class Vanishing(Tree):
        def entries(self, path: bytes) -> list[tuple[bytes, os.stat_result]]:
            if path == b"a":
                shutil.rmtree(rig.space / "a", ignore_errors=True)
            return super().entries(path)

    replace(rig, trees=Vanishing).scan()
    rig.scan()
    assert rig.local() == {"c": b"two"} or rig.saved() == rig.local()


def test_an_old_listing_is_not_believed(rig: Rig) -> None:
    rig.web("a", b"one")
    with rig.world() as world:
        world.index.listing.keep(b"", [(b"a", "f", 0o644, 3, 5, 5)])
        world.index.set_state("listing", [world.clock.boot(), world.clock.elapsed() - 86400])
        world.commit_and_tell()
    rig.web("b", b"two")
    rig.scan()
    assert rig.local() == {"a": b"one", "b": b"two"}


def test_folders_that_the_web_took_away(rig: Rig) -> None:
    rig.write("a/deep/x", b"one")
    rig.write("o", b"o")
    rig.push()
    shutil.rmtree(rig.space / "a")
    rig.write("a/deep/x", b"two", age=10)
    rig.write("a/new/y", b"three")
    rig.write("p", b"p")
    for _ in range(2):
        try:
            rig.push()
        except Unsaved:
            continue
    assert rig.saved() == rig.local()


def test_a_folder_that_became_a_file_there(rig: Rig) -> None:
    rig.write("a/deep/x", b"one")
    rig.write("o", b"o")
    rig.push()
    shutil.rmtree(rig.space / "a")
    rig.web("a", b"web")
    rig.write("a/deep/x", b"two", age=10)
    rig.write("a/new/y", b"three")
    rig.write("p", b"p")
    for _ in range(2):
        try:
            rig.push()
        except Unsaved:
            continue
    saved = rig.saved()
    assert {path: saved[path] for path in rig.local()} == rig.local()
    assert b"web" in saved.values()


def test_a_folder_that_became_a_link_there(rig: Rig, tmp_path: Path) -> None:
    rig.write("a/x", b"one")
    rig.write("o", b"o")
    rig.push()
    outside = tmp_path / "outside"
    (rig.space / "a").rename(outside)
    (rig.space / "a").symlink_to(outside)
    rig.write("a/x", b"two", age=10)
    rig.write("a/y", b"three")
    for _ in range(2):
        try:
            rig.push()
        except Unsaved:
            continue
    assert contents(outside) == {"x": b"one"}
    saved = rig.saved()
    assert {path: saved[path] for path in rig.local()} == rig.local()


def test_a_file_that_became_a_folder_there(rig: Rig) -> None:
    rig.write("a", b"one")
    rig.write("o", b"o")
    rig.push()
    (rig.space / "a").unlink()
    rig.web("a/inside", b"web")
    for _ in range(3):
        for work in (rig.scan, rig.push):
            try:
                work()
            except Unsaved:
                continue
    saved = rig.saved()
    assert saved["a"] == b"one"
    assert b"web" in saved.values()
    assert saved == rig.local()


def test_a_lost_index_and_a_file_where_a_folder_was(rig: Rig, tmp_path: Path) -> None:
    rig.write("x/y/z", b"inside")
    rig.write("keep", b"k")
    rig.push()
    shutil.rmtree(rig.user / "x")
    rig.write("x", b"a file")
    shutil.rmtree(rig.state)
    again = Rig(rig.root, rig.space, machine="m2", generation=2)
    again.pull()
    again.push()
    again.scan()
    assert again.local()["x"] == again.saved()["x"] == b"a file"
    assert b"inside" in again.saved().values()
    again.push()
    assert again.saved() == again.local()


def test_what_a_scan_cannot_pull_is_told(rig: Rig) -> None:
    rig.web("secret", b"x")

    class Broken(Tree):
        def open_with_facts(self, path: bytes) -> tuple[int, os.stat_result]:
            if path == b"secret":
                raise OSError(errno.EIO, "Input/output error")
            return super().open_with_facts(path)

    with pytest.raises(Unsaved, match="secret"):
        replace(rig, trees=Broken).scan()
    rig.scan()
    assert rig.local() == {"secret": b"x"}


def test_a_folder_among_unfinished_files(rig: Rig) -> None:
    (rig.space / OURS / "tmp/folder/inside").mkdir(parents=True)
    with rig.world() as world:
        world.index.set_state("dirty", True)
        world.commit_and_tell()
    rig.write("a", b"one")
    rig.push()
    assert rig.saved() == {"a": b"one"}


def test_excluded_folders_stay(tmp_path: Path) -> None:
    rig = Rig(tmp_path / "volume", tmp_path / "space", include=("wanted/**",))
    rig.web("wanted/in/a", b"one")
    rig.web("other/a", b"two")
    (rig.space / "other/empty").mkdir()
    rig.pull()
    rig.write("mine", b"x")
    rig.push()
    rig.scan()
    rig.push()
    assert rig.local() == {"wanted/in/a": b"one", "mine": b"x"}
    assert (rig.space / "other/empty").is_dir()
    assert rig.push().wrote is False


class Plain(Tree):
    """Names are UTF-8 without control characters, and there are no links."""

    def at(self, path: bytes):  # type: ignore[no-untyped-def]
        name = path.rpartition(b"/")[2]
        try:
            name.decode()
        except UnicodeDecodeError:
            raise OSError(errno.EILSEQ, "Invalid or incomplete multibyte or wide character") from None
        if any(byte < 32 for byte in name):
            raise OSError(errno.EINVAL, "Invalid argument")
        return super().at(path)

    def symlink(self, target: bytes, path: bytes) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")


def test_odd_names_of_every_kind(tmp_path: Path) -> None:
    space = tmp_path / "space"

    def trees(path: str) -> Tree:
        return Plain(path) if path == str(space) else Tree(path)

    rig = Rig(tmp_path / "volume", space, trees=trees)
    rig.pull()
    odd = os.fsdecode(b"odd\xff")
    rig.write(f"{odd}/file", b"in an odd folder")
    rig.write(f"a/{odd}", b"an odd file")
    rig.write("plain", b"plain")
    (rig.user / f"{odd}/empty").mkdir()
    (rig.user / f"{odd} link").symlink_to("nowhere")
    (rig.user / "link").symlink_to(odd)
    rig.push()
    (rig.user / "a").rename(rig.user / "b")
    rig.write(f"a/{odd}", b"another at the old place")
    (rig.user / f"{odd}/file").rename(rig.user / f"{odd}/renamed")
    rig.push()
    rig.push()
    assert rig.verify_all().wrong == []
    again = replace(other(rig, tmp_path), trees=trees)
    again.pull()
    assert again.local() == rig.local()
    assert (again.user / f"{odd}/empty").is_dir()
    again.push()
    again.seal()


def test_a_link_that_was_changed_there(rig: Rig) -> None:
    (rig.user / "link").symlink_to("first")
    (rig.user / "mine").symlink_to("first")
    rig.push()
    rig.scan()
    (rig.space / "link").unlink()
    (rig.space / "link").symlink_to("there")
    (rig.user / "mine").unlink()
    (rig.user / "mine").symlink_to("here")
    assert rig.scan().conflicts == 1
    rig.push()
    assert rig.saved() == rig.local()
    assert sorted(rig.saved().values()) == [b"-> first", b"-> here", b"-> there"]
    assert rig.scan().conflicts == 0
    rig.push()
    assert rig.scan().conflicts == 0
    assert rig.push().wrote is False


def test_more_there_than_fits_here_can_be_sealed(rig: Rig) -> None:
    rig.write("a", b"one")
    rig.web("large", b"two")

    class Full(Tree):
        def free(self) -> int:
            return 0

    rig.trees = Full
    with pytest.raises(NoRoom):
        rig.scan()
    assert rig.seal().files == 1
    assert rig.saved() == {"a": b"one", "large": b"two"}


def test_a_damaged_lease_is_still_ours(rig: Rig) -> None:
    (lease,) = (rig.space / OURS / "lease").iterdir()
    rig.write("a", b"one")
    for content in (b"", b"{", b"[]", b'{"generation": "x"}', bytes(100)):
        lease.write_bytes(content)
        rig.push()
        rig.pull()
    assert rig.saved() == {"a": b"one"}


def test_a_lease_that_was_taken_away(rig: Rig) -> None:
    shutil.rmtree(rig.space / OURS / "lease")
    rig.write("a", b"one")
    rig.push()
    assert rig.saved() == {"a": b"one"}
    assert len([*(rig.space / OURS / "lease").iterdir()]) == 1
