"""The manifest: a chain of digested segments, read as far as it is whole."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudify_scipion.agent.errors import LeaseForeign, Temporary
from cloudify_scipion.agent.plan.manifest import (
    NONE,
    Damaged,
    Entry,
    Header,
    Later,
    segment_name,
    segment_number,
)
from cloudify_scipion.agent.work.manifest import read, write
from tests.unit.agent.rig import Rig
from tests.unit.agent.segments import decode, digest, encode

names = st.binary(min_size=1, max_size=30).filter(lambda name: b"\0" not in name)
entries = st.builds(
    Entry, path=names, kind=st.sampled_from("fld"), mode=st.integers(0, 0o7777), size=st.integers(0, 2**63),
    mtime=st.integers(-(2**63), 2**63), hash=st.text("0123456789abcdef", max_size=64), origin=st.integers(0, 10**8),
    target=st.one_of(st.just(b""), names), link=st.one_of(st.just(b""), names), stored=st.one_of(st.just(b""), names),
    point=st.booleans(),
)  # fmt: skip


@given(st.lists(entries, max_size=5), st.lists(names, max_size=3), st.booleans())
def test_what_is_written_is_read(written: list[Entry], gone: list[bytes], base: bool) -> None:
    header = Header("p", 3, 7, digest(b"before"), base)
    read, rows = decode(encode(header, written, gone))
    assert read == header
    assert rows == [*((entry.path, entry) for entry in written), *((path, None) for path in gone)]


@given(st.lists(entries, max_size=5), st.data())
def test_what_is_cut_or_changed_is_noticed(written: list[Entry], data: st.DataObject) -> None:
    whole = encode(Header("p", 1, 1, base=True), written)
    at = data.draw(st.integers(0, len(whole) - 1))
    for damaged in (whole[:at], whole[:at] + bytes([whole[at] ^ 0x55]) + whole[at + 1 :]):
        try:
            header, rows = decode(damaged)
            assert (header, [entry for _, entry in rows]) == (Header("p", 1, 1, base=True), written)
        except Damaged:
            pass


@pytest.mark.parametrize("told", [b"algorithm", b"version"])
def test_damage_that_looks_like_a_later_version_is_damage(told: bytes) -> None:
    """The checksum comes last, after all that a reader might believe."""
    whole = gzip.compress(gzip.decompress(encode(Header("p", 1, 1, base=True), [])), compresslevel=0)
    at = whole.index(told) + len(told) + 2 + (told == b"algorithm")
    changed = bytes([whole[at] ^ 0x08])
    with pytest.raises(Damaged):
        decode(whole[:at] + changed + whole[at + 1 :])


def test_a_segment_that_ends_early_though_its_compression_is_whole() -> None:
    lines = gzip.decompress(encode(Header("p", 1, 1), [Entry(b"a", "f"), Entry(b"b", "f")])).splitlines(True)
    with pytest.raises(Damaged, match="cut short"):
        decode(gzip.compress(b"".join([lines[0], lines[1], lines[3]])))


def test_a_version_of_later_days_is_not_guessed_at() -> None:
    text = gzip.decompress(encode(Header("p", 1, 1), [])).replace(b'"version":1', b'"version":2')
    with pytest.raises(Later, match="version 2"):
        decode(gzip.compress(text))


@given(st.integers(1, 99_999_999))
def test_names_of_segments(number: int) -> None:
    assert segment_number(segment_name(number)) == number
    assert segment_number(segment_name(number) + b".part") == segment_number(b"README") == 0


def folder(rig: Rig) -> Path:
    return rig.space / ".cloudify-scipion/manifest"


def headers(rig: Rig) -> list[Header]:
    return [decode(path.read_bytes())[0] for path in sorted(folder(rig).iterdir())]


def three_segments(rig: Rig) -> list[Path]:
    for number in range(3):
        rig.write(f"f{number}", str(number))
        (rig.user / f"f{number}").chmod(0o600 + number)
        rig.push()
    return sorted(folder(rig).iterdir())


def known(rig: Rig) -> list[str]:
    """The files that a machine without an index learns of."""
    with rig.world() as world:
        world.index.base.forget()
        read.read_manifest(world)
        world.commit_and_tell()
        return [row["p"] for row in world.index.base.all() if row["k"] == "f"]


def test_each_push_adds_a_segment_that_names_the_one_before(rig: Rig) -> None:
    paths = three_segments(rig)
    first, *others = headers(rig)
    assert first.base and first.before == NONE
    assert [header.before for header in others] == [digest(path.read_bytes()) for path in paths[:-1]]
    rig.push()
    assert sorted(folder(rig).iterdir()) == paths, "a push of nothing writes nothing"
    assert known(rig) == ["f0", "f1", "f2"]


def test_a_deletion_stands_in_it(rig: Rig) -> None:
    three_segments(rig)
    (rig.user / "f1").unlink()
    rig.push()
    assert known(rig) == ["f0", "f2"]


def test_a_missing_segment_ends_the_chain(rig: Rig) -> None:
    three_segments(rig)[1].unlink()
    assert known(rig) == ["f0"]


def test_a_damaged_segment_ends_the_chain_with_an_alarm(rig: Rig) -> None:
    path = three_segments(rig)[1]
    path.write_bytes(path.read_bytes()[:-9])
    assert known(rig) == ["f0"]
    assert any("segment 2 of the manifest is damaged" in alarm for alarm in rig.alarms())


def test_no_segment_nests_too_deeply_to_be_read(rig: Rig) -> None:
    three_segments(rig)[1].write_bytes(gzip.compress(b"[" * 60_000 + b"\n"))
    assert known(rig) == ["f0"]
    assert any("segment 2 of the manifest is damaged" in alarm for alarm in rig.alarms())


def test_a_segment_of_somebody_else_ends_the_chain(rig: Rig) -> None:
    path = three_segments(rig)[2]
    path.write_bytes(encode(Header("p", 9, 3, digest(b"another")), [Entry(b"planted", "f")]))
    assert known(rig) == ["f0", "f1"]


@pytest.mark.parametrize("how", ["missing", "damaged", "all"])
def test_a_hurt_manifest_costs_no_content(rig: Rig, tmp_path: Path, how: str) -> None:
    """What it alone knows is lost (modes, here); every file is pulled, and from then on there is a whole one again."""
    paths = three_segments(rig)
    for path in paths if how == "all" else [paths[1]]:
        path.write_bytes(b"damaged") if how == "damaged" else path.unlink()
    other = Rig(tmp_path / "other", rig.space, machine="m2", generation=2)
    other.pull()
    assert other.local() == rig.local()
    other.push()
    assert known(other) == ["f0", "f1", "f2"]
    assert decode(max(folder(other).iterdir()).read_bytes())[0].base


def test_a_new_base_takes_the_place_of_a_long_chain(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(write, "COMPACT_BYTES", 1)
    rig.write("f", b"0")
    rig.push()
    before, sizes = headers(rig)[0], []
    for number in range(12):
        rig.write("f", str(number), age=1000 - number)
        rig.push()
        sizes.append(len(headers(rig)))
    assert before.number not in [header.number for header in headers(rig)]
    assert headers(rig)[0].base and max(sizes) < 5
    assert known(rig) == ["f"]


def test_a_killed_pushs_segment_is_taken_into_the_chain(rig: Rig) -> None:
    three_segments(rig)
    with rig.world() as world:
        last = write.get_head(world.index)
        world.index.set_state(write.INTENT, {"number": last.number + 1, "nonce": "ours"})
        world.commit_and_tell()
    header = Header("p1", 1, last.number + 1, last.digest, nonce="ours")
    (folder(rig) / segment_name(header.number).decode()).write_bytes(encode(header, [Entry(b"late", "f")]))
    rig.write("f3", b"3")
    rig.push()
    assert known(rig) == ["f0", "f1", "f2", "f3", "late"]


@pytest.mark.parametrize("nonce", ["", "another's"])
def test_a_segment_that_this_index_was_not_about_to_write_is_read_first(rig: Rig, nonce: str) -> None:
    """It fits; but it is of a future that was undone, or another's."""
    three_segments(rig)
    with rig.world() as world:
        last = write.get_head(world.index)
        world.index.set_state(write.INTENT, {"number": last.number + 1, "nonce": "ours"})
        world.commit_and_tell()
    header = Header("p1", 1, last.number + 1, last.digest, nonce=nonce)
    (folder(rig) / segment_name(header.number).decode()).write_bytes(
        encode(header, [Entry(b"late", "l", target=b"there")], gone=[b"f0"])
    )
    (rig.space / "f0").unlink()
    rig.write("f3", b"3")
    with pytest.raises(Temporary, match="somebody else has gone on"):
        rig.push()
    rig.push()
    assert (rig.user / "late").readlink() == Path("there")
    assert known(rig) == ["f0", "f1", "f2", "f3"], "what is here stays, and is told"
    assert any("deleted since" in alarm and "f0" in alarm for alarm in rig.alarms())


def test_a_later_generations_segment_stops_the_machine(rig: Rig) -> None:
    three_segments(rig)
    header = Header("p1", 9, 4)
    (folder(rig) / segment_name(4).decode()).write_bytes(encode(header, []))
    rig.write("f3", b"3")
    with pytest.raises(LeaseForeign, match="generation 9"):
        rig.push()
