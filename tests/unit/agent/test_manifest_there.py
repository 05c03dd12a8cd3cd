"""The manifest in the data space: damaged, forged, of a later version, or read while it cannot be read."""

from __future__ import annotations

import errno
import io
import json
import os
import shutil
from pathlib import Path

import pytest

from cloudify_scipion.agent.errors import AgentError, Temporary, Unsaved
from cloudify_scipion.agent.plan import manifest
from cloudify_scipion.agent.plan.manifest import Entry, Header, decode
from cloudify_scipion.agent.ports.tree import Tree
from cloudify_scipion.agent.work.manifest.read import chain
from tests.unit.agent.rig import Rig
from tests.unit.agent.segments import encode

OURS = ".cloudify-scipion"


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
    with pytest.raises(Unsaved, match="manifest: it is not whole"):
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


class Unreadable(io.BytesIO):
    def read(self, *_: object) -> bytes:
        raise OSError(errno.EIO, os.strerror(errno.EIO))


def test_a_read_that_fails_is_no_damage() -> None:
    """A manifest that cannot be read just now is not written anew, and its generation is not 0."""
    with pytest.raises(OSError, match="Input/output error"):
        manifest.decode(Unreadable())
    with pytest.raises(manifest.Damaged):
        manifest.decode(io.BytesIO(b"no gzip"))


def test_what_the_manifest_said_is_asked_for_what_is_there(rig: Rig) -> None:
    """Of a million links between two files nothing is read."""
    with rig.world() as world:
        world.index.base.take((f"{number:03}".encode(), {"n": number}) for number in range(100))
        assert world.index.base.rows([b"000", b"099", b"100"]) == {b"000": {"n": 0}, b"099": {"n": 99}}


def manifests(rig: Rig) -> list[Path]:
    return sorted((rig.space / ".cloudify-scipion/manifest").iterdir())


def test_a_scan_repairs_the_manifest(rig: Rig, tmp_path: Path) -> None:
    rig.write("a")
    rig.push()
    rig.write("b")
    rig.push()
    manifests(rig)[-1].write_bytes(b"")
    rig.scan()
    rig.push()
    (rig.user / "script").write_bytes(b"#!")
    (rig.user / "script").chmod(0o755)
    rig.push()
    again = Rig(tmp_path / "again", rig.space, machine="m2", generation=2)
    again.pull()
    assert (again.user / "script").stat().st_mode & 0o777 == 0o755
    assert again.alarms() == []
