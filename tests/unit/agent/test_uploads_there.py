"""Files that are still being written in the data space, and facts there that say less than the content."""

from __future__ import annotations

import errno
import os
from dataclasses import replace
from pathlib import Path

import pytest

from cloudify_scipion.agent.ports.tree import Tree
from cloudify_scipion.agent.work.pull import list_space, settle
from tests.unit.agent.rig import Rig, contents

WHOLE = b"MRC" * 1000


def append(path: Path, data: bytes) -> None:
    with path.open("ab") as stream:
        stream.write(data)


def everything(rig: Rig) -> set[bytes]:
    return {*contents(rig.space, hidden=True).values(), *rig.local().values()}


def test_an_upload_that_goes_on_has_its_name_in_the_end(rig: Rig) -> None:
    there = rig.web("movie.mrcs", WHOLE[:700])
    rig.scan()
    for end in (1400, 2000, len(WHOLE)):
        append(there, WHOLE[there.stat().st_size : end])
        rig.clock.pass_time(3600)
        rig.scan()
        rig.push()
    assert rig.saved() == rig.local() == {"movie.mrcs": WHOLE}
    assert not rig.alarms()


@pytest.mark.parametrize(("here", "age", "kept"), [
    (WHOLE[:700], 3600, False),
    (WHOLE[:700], -60, True),  # cut short here, later
    (b"other" * 100, 3600, True),
    (b"", 3600, True),
    (WHOLE + b"more", 3600, True),
])  # fmt: skip
def test_an_upload_that_goes_on_while_the_index_is_gone(rig: Rig, here: bytes, age: float, kept: bool) -> None:
    rig.web("movie.mrcs", WHOLE)
    path = rig.write("movie.mrcs", here, age=3600)
    facts = (rig.space / "movie.mrcs").stat()
    os.utime(path, (facts.st_mtime - age,) * 2)
    rig.pull()
    rig.push()
    assert sorted(rig.local().values()) == sorted({WHOLE, here} if kept else {WHOLE})
    assert rig.local()["movie.mrcs"] == (here if kept else WHOLE)
    assert rig.saved() == rig.local()


@pytest.mark.parametrize("what", ["another name", "mode", "time", "renamed and back"])
def test_an_upload_whose_first_part_was_used_here_has_its_name_in_the_end(rig: Rig, what: str) -> None:
    there, here = rig.web("movie.mrcs", WHOLE[:700]), rig.user / "movie.mrcs"
    rig.scan()
    if what == "another name":
        os.link(here, rig.user / "other")
    elif what == "mode":
        here.chmod(0o640)
    elif what == "time":
        os.utime(here, (1, 1))
    else:
        here.rename(rig.user / "aside").rename(here)
    append(there, WHOLE[700:])
    rig.scan()
    rig.push()
    other = {"other": WHOLE[:700]} if what == "another name" else {}
    assert rig.saved() == rig.local() == {"movie.mrcs": WHOLE, **other}
    assert not rig.alarms()
    if what == "mode":
        assert here.stat().st_mode & 0o777 == 0o640
        new = Rig(rig.root.parent / "new", rig.space, machine="m2", generation=2)
        new.pull()
        assert (new.user / "movie.mrcs").stat().st_mode & 0o777 == 0o640


def test_a_file_that_was_made_in_its_full_size_and_is_filled(rig: Rig) -> None:
    there = rig.web("movie.mrcs", WHOLE[:1024] + bytes(1976))
    rig.scan()
    there.write_bytes(WHOLE)
    rig.scan()
    rig.push()
    assert rig.saved() == rig.local() == {"movie.mrcs": WHOLE}


class Growing(Tree):
    """Somebody writes to a file between two looks at it."""

    def fresh(self, path: bytes) -> tuple[int, int] | None:
        if path == b"movie.mrcs":
            append(Path(os.fsdecode(self.path)) / "movie.mrcs", b"+")
        return super().fresh(path)


def test_no_clock_of_ours_tells_that_an_upload_has_ended(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not where the lease cannot be read either, which shows the data space's own clock."""

    def unseen(self: Growing, path: bytes, change: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(Growing, "update", unseen, raising=False)
    rig.push()
    rig.clock.ahead += 1e7
    rig.web("movie.mrcs", b"+")
    growing = replace(rig, trees=lambda path: (Growing if path == str(rig.space) else Tree)(path))
    growing.scan()
    assert rig.local() == {}
    assert any("still being written" in text for text in rig.events())


@pytest.mark.parametrize("first", [True, False])
def test_what_changes_between_two_looks_comes_later(tmp_path: Path, first: bool) -> None:
    rig = Rig(tmp_path / "volume", tmp_path / "space")
    if not first:
        rig.pull()
    rig.web("movie.mrcs", b"+")
    rig.web("old", b"old", age=3600)
    rig.trees = lambda path: (Growing if path == str(rig.space) else Tree)(path)
    rig.scan() if not first else rig.pull()
    assert rig.local() == {"old": b"old"}
    assert any("still being written" in text for text in rig.events())
    rig.push()
    rig.trees = Tree
    rig.scan()
    assert rig.local() == rig.saved() and rig.local()["movie.mrcs"] == b"++"


def test_what_was_changed_here_is_never_replaced(rig: Rig) -> None:
    there = rig.web("movie.mrcs", WHOLE[:700])
    rig.scan()
    rig.write("movie.mrcs", b"mine", age=60)
    append(there, WHOLE[700:])
    rig.scan()
    rig.push()
    assert rig.local()["movie.mrcs"] == b"mine"
    assert WHOLE in rig.local().values() and rig.saved() == rig.local()


def test_what_somebody_has_open_is_not_replaced(rig: Rig) -> None:
    there = rig.web("movie.mrcs", WHOLE[:700])
    rig.scan()
    append(there, WHOLE[700:])
    with (rig.user / "movie.mrcs").open("r+b"):
        rig.scan()
        assert rig.local() == {"movie.mrcs": WHOLE[:700]}
    rig.scan()
    assert rig.local() == {"movie.mrcs": WHOLE}


def test_an_original_that_was_rewritten_there_leaves_the_earlier_one(rig: Rig) -> None:
    there = rig.web("gain.mrc", b"first version")
    rig.scan()
    there.write_bytes(b"another")
    rig.scan()
    rig.push()
    assert rig.local()["gain.mrc"] == rig.saved()["gain.mrc"] == b"another"
    assert b"first version" in rig.local().values()


def test_the_same_size_and_time_do_not_mean_the_same(rig: Rig) -> None:
    rig.write("ctf.star", b"aaaa", age=9000)
    rig.push()
    rig.scan()
    there = rig.space / "ctf.star"
    facts = there.stat()
    there.write_bytes(b"WEB!")
    os.utime(there, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    rig.scan()
    assert b"WEB!" in rig.local().values()


def test_after_some_files_that_were_read_in_vain_a_look_reads_no_more(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody has given all files another mode, say: their contents are the same."""
    monkeypatch.setattr(list_space, "BATCH", 2)
    monkeypatch.setattr(settle, "VAIN", 4)
    for number in range(20):
        rig.write(f"{number}", f"{number}", age=9000)
    rig.push()
    rig.scan()
    for path in rig.space.glob("[0-9]*"):
        path.chmod(0o600)
    opened: list[bytes] = []

    class Counting(Tree):
        def open_with_facts(self, path: bytes) -> tuple[int, os.stat_result]:
            opened.append(path)
            return super().open_with_facts(path)

    counting = replace(rig, trees=lambda path: (Counting if path == str(rig.space) else Tree)(path))
    for read in (4, 8, 12):
        counting.scan()
        assert len([path for path in opened if path.isdigit()]) == read, "the next look goes on with the rest"


@pytest.mark.parametrize("work", ["change", "delete", "change again"])
def test_what_goes_is_ours_by_content(rig: Rig, work: str) -> None:
    for name in ("ctf.star", "other"):
        rig.write(name, b"aaaa", age=9000)
    rig.push()
    there = rig.space / "ctf.star"
    facts = there.stat()
    there.write_bytes(b"WEB!")
    os.utime(there, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    if work == "delete":
        (rig.user / "ctf.star").unlink()
    else:
        rig.write("ctf.star", b"bbbbbb", age=100)
    rig.push()
    if work == "change again":
        rig.write("ctf.star", b"cccccccc", age=50)
        rig.push()
    assert any(content == b"WEB!" for path, content in rig.saved().items())


def test_a_scan_reads_nothing_of_what_was_saved(rig: Rig) -> None:
    class Counting(Tree):
        opened = 0

        def open(self, path: bytes) -> int:
            Counting.opened += not path.startswith(b".cloudify")
            return super().open(path)

    for number in range(20):
        rig.write(f"Runs/{number}", b"content", age=9000)
    rig.push()
    for number in range(10):
        rig.write(f"Runs/{number}", b"changed", age=900)
    rig.push()
    rig.trees = lambda path: (Counting if path == str(rig.space) else Tree)(path)
    rig.scan()
    assert Counting.opened == 0


def test_other_content_of_the_same_facts_is_an_alarm_and_both_are_kept(rig: Rig) -> None:
    here = rig.write("map.mrc", b"good", age=9000)
    rig.push()
    facts = here.stat()
    here.write_bytes(b"rott")
    os.utime(here, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    rig.push()
    assert any("map.mrc has another content than was saved" in text for text in rig.alarms())
    assert rig.saved() == {"map.mrc": b"rott"}
    kept = contents(rig.space / ".cloudify-scipion/trash/kept", hidden=True)
    assert list(kept.values()) == [b"good"]


def test_what_a_crash_emptied_is_asked_about_where_the_index_is_gone(rig: Rig) -> None:
    for name in ("map.mrc", "other"):
        rig.write(name, b"content", age=9000)
    rig.push()
    for path in rig.state.glob("index.sqlite*"):
        path.unlink()
    rig.write("map.mrc", b"", age=10)
    rig.clock.boot_id = "after the crash"
    rig.pull()
    rig.push()
    assert rig.questions() == ["destroyed"]
    assert rig.saved()["map.mrc"] == b"content"


@pytest.mark.parametrize("there", [b"", b"con", bytes(5)])
def test_the_ruin_of_an_interrupted_push_is_no_conflict(rig: Rig, there: bytes) -> None:
    rig.write("a", b"content")
    with rig.world() as world:
        world.index.attempts.intend([(b"a", "0" * 64)])
    rig.web("a", there)
    assert rig.push().conflicts == 0
    assert rig.saved() == {"a": b"content"}
    assert list(rig.trash().values()) == [there]


@pytest.mark.parametrize("there", [b"", b"con", bytes(5)])
def test_a_scan_knows_it_too(rig: Rig, there: bytes) -> None:
    rig.write("a", b"content")
    with rig.world() as world:
        world.index.attempts.intend([(b"a", "0" * 64)])
    rig.web("a", there)
    assert rig.scan().conflicts == 0
    rig.push()
    assert rig.saved() == rig.local() == {"a": b"content"}


@pytest.mark.parametrize("there", [b"", b"con", b"else"])
def test_what_a_stranger_put_there_is_a_conflict(rig: Rig, there: bytes) -> None:
    rig.write("a", b"content")
    rig.web("a", there)
    assert rig.push().conflicts == 1
    assert sorted(rig.saved().values()) == sorted([b"content", there])
