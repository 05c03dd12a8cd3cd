"""Digests name their algorithm: another one comes, and what was saved by the old one is known, verified and sealed."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from unittest import mock

import pytest

from cloudify_scipion.agent.plan import digests
from cloudify_scipion.agent.plan.digests import UnknownAlgorithm, algorithm_of, digest_of_bytes, hasher_for, is_among
from cloudify_scipion.agent.plan.manifest import entry_from
from tests.unit.agent.rig import Rig

NEW = "blake2b"


@contextmanager
def later() -> Iterator[None]:
    """A version that makes new digests by another algorithm."""
    known = mock.patch.dict(digests.ALGORITHMS, {NEW: hashlib.blake2b})
    used = mock.patch.object(digests, "_used", {digests.FIRST})
    with known, used, mock.patch.object(digests, "ALGORITHM", NEW):
        yield


def hashes(rig: Rig) -> dict[str, str]:
    with rig.world() as world:
        return {path.decode(): algorithm_of(row.hash) for path, row in world.index.files.all() if row.kind == "f"}


def headers(rig: Rig) -> list[str]:
    found = sorted((rig.space / ".cloudify-scipion/manifest").iterdir())
    return [json.loads(gzip.decompress(path.read_bytes()).split(b"\n")[0])["algorithm"] for path in found]


@pytest.mark.parametrize(
    ("text", "name"), [("0" * 64, "sha256"), ("b64k:00", "sha256"), ("blake2b:00", "blake2b"), ("x:b64k:00", "x")]
)
def test_a_digest_names_its_algorithm(text: str, name: str) -> None:
    assert algorithm_of(text) == name


def test_what_has_no_name_is_sha256() -> None:
    made = digest_of_bytes(b"content")
    assert made == hashlib.sha256(b"content").hexdigest() and algorithm_of(made) == "sha256"
    assert not made.others


def test_two_names_of_one_content_are_equal() -> None:
    old = digest_of_bytes(b"content")
    with later():
        new, other = digest_of_bytes(b"content"), digest_of_bytes(b"another")
    assert str(new) == f"blake2b:{hashlib.blake2b(b'content').hexdigest()}"
    assert new == old and old == new and new != other and other != old
    assert is_among(new, {str(old)}) and not is_among(other, {str(old)})


def test_so_are_those_of_very_large_files() -> None:
    def made() -> digests.Digest:
        hasher = hasher_for(digests.BIG)
        hasher.add(b"begin")
        hasher.add(1 << 20)
        hasher.add(b"end")
        return hasher.digest()

    old = made()
    with later():
        new = made()
    assert new == old and new.startswith("blake2b:b64k:") and old.startswith("b64k:")


def test_pushed_by_the_old_one_and_gone_on_with_by_the_new_one(rig: Rig, tmp_path: Path) -> None:
    for name in ("kept", "changed", "deleted", "folder/renamed"):
        rig.write(name, name)
    (rig.user / "link").symlink_to("kept")
    rig.push()
    assert set(hashes(rig).values()) == {"sha256"} and headers(rig) == ["sha256"]
    with later():
        rig.write("changed", b"changed by the later version")
        rig.write("new", b"new")
        (rig.user / "deleted").unlink()
        (rig.user / "folder/renamed").rename(rig.user / "under another name")
        rig.push()
        assert hashes(rig) == {
            "kept": "sha256", "changed": NEW, "new": NEW, "under another name": "sha256",
        }  # fmt: skip
        assert headers(rig) == ["sha256", NEW]
        assert rig.saved() == rig.local()
        assert rig.verify_all().wrong == []
        made = rig.seal()
        assert made.algorithm == NEW and algorithm_of(made.manifest) == NEW
        assert rig.alarms() == [] and rig.scan().conflicts == 0
        machine = replace(rig, root=tmp_path / "new", machine="m2", generation=2)
        machine.pull()
        assert machine.local() == rig.local() and machine.alarms() == []


def test_content_that_only_looks_new_is_not_sent_again(rig: Rig) -> None:
    rig.write("a", b"content")
    rig.push()
    with later():
        rig.write("a", b"content", age=100)
        result = rig.push()
        assert (result.files, result.conflicts) == (0, 0)
        assert hashes(rig) == {"a": "sha256"}


def test_what_others_changed_is_seen_whatever_the_algorithm(rig: Rig) -> None:
    rig.write("a", b"ours")
    rig.push()
    with later():
        rig.web("a", b"theirs, by the web")
        rig.write("a", b"ours once more")
        rig.push()
        assert sorted(rig.saved().values()) == [b"ours once more", b"theirs, by the web"]


def test_what_verify_reads_by_the_old_one_it_reads_well(rig: Rig) -> None:
    rig.write("a", b"content")
    rig.push()
    with later():
        (rig.space / "a").write_bytes(b"bitrot!")
        assert [path for path, _ in rig.verify_all().wrong] == [b"a"]


def test_a_manifest_of_an_unknown_algorithm_is_an_error_that_loses_nothing(rig: Rig, tmp_path: Path) -> None:
    rig.write("a", b"content")
    with later():
        rig.push()
    before = rig.trash(), rig.saved(), sorted((rig.space / ".cloudify-scipion/manifest").iterdir())
    machine = replace(rig, root=tmp_path / "new", machine="m2", generation=2)
    with pytest.raises(UnknownAlgorithm, match="'blake2b', which this version") as caught:
        machine.pull()
    assert "install the later version again" in caught.value.next_step
    assert (rig.trash(), rig.saved(), sorted((rig.space / ".cloudify-scipion/manifest").iterdir())) == before
    with later():
        machine.pull()
        assert machine.local() == {"a": b"content"}


def test_a_segment_that_names_an_unknown_algorithm_is_not_read_at_all(rig: Rig, tmp_path: Path) -> None:
    """Whatever its entries name: links and folders have no digest."""
    (rig.user / "folder").mkdir()
    rig.push()
    (path,) = (rig.space / ".cloudify-scipion/manifest").iterdir()
    text = gzip.decompress(path.read_bytes()).replace(b'"algorithm":"sha256"', b'"algorithm":"sha9"')
    path.write_bytes(gzip.compress(text))
    with pytest.raises(UnknownAlgorithm, match="'sha9'"):
        replace(rig, root=tmp_path / "new", machine="m2", generation=2).pull()


def test_an_entry_of_an_unknown_algorithm_is_one_too() -> None:
    with pytest.raises(UnknownAlgorithm, match="'sha9'"):
        entry_from({"p": "a", "k": "f", "m": 0o644, "h": "sha9:00"})


def test_an_index_of_an_unknown_algorithm_is_put_aside(rig: Rig) -> None:
    from cloudify_scipion.agent.commands.opening import open_index

    rig.write("a", b"content")
    with later():
        rig.push()
    index = open_index(rig.config())
    try:
        assert not index.get_state("pulled")
        assert "'blake2b'" in index.people.events()[0][2]
    finally:
        index.close()
    assert list(rig.state.glob("aside*"))
