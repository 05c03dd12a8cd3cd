"""What was replaced or deleted in the data space is kept for a while, and originals for as long as the project is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from cloudify_scipion.agent.plan.names import trash_folder, trash_name
from tests.unit.agent.rig import Rig

HOUR = 3600.0


def versions(rig: Rig) -> list[bytes]:
    return sorted(rig.trash().values())


def change(rig: Rig, path: str, content: bytes | str) -> None:
    rig.write(path, content, age=10)
    rig.push()


def test_one_version_for_each_path_and_hour(rig: Rig) -> None:
    rig.clock.ahead -= rig.clock.now() % HOUR
    for number in range(4):
        change(rig, "a", f"{number}")
    assert versions(rig) == [b"2"], "of one hour, the last that was replaced"
    rig.clock.pass_time(HOUR)
    change(rig, "a", "4")
    assert versions(rig) == [b"2", b"3"]
    change(rig, "b", "one")
    change(rig, "b", "two")
    assert versions(rig) == [b"2", b"3", b"one"]


def test_where_it_lies_and_how_to_get_it_back(rig: Rig) -> None:
    """The way that the documentation describes."""
    rig.clock.ahead -= rig.clock.now() % HOUR
    change(rig, "Runs/000002_x/my file.star", "one")
    hour = rig.clock.hour()
    change(rig, "Runs/000002_x/my file.star", "two")
    name = f".cloudify-scipion/trash/{hour}-g1/Runs%2F000002_x%2Fmy file.star"
    assert (rig.space / name).read_bytes() == b"one"
    (rig.space / "back.star").write_bytes((rig.space / name).read_bytes())
    rig.scan()
    assert rig.local()["back.star"] == b"one"


def test_the_facilitys_originals_never_expire(new: Rig) -> None:
    rig = replace(new, trash_bytes=1)
    rig.web("raw/movie", b"original", age=100_000)
    rig.web("raw/other", b"original 2", age=100_000)
    rig.pull()
    change(rig, "raw/movie", "replaced here")
    (rig.user / "raw/other").unlink()
    rig.push()
    for _ in range(3):
        rig.clock.pass_time(30 * 24 * HOUR)
        change(rig, "raw/movie", f"again {rig.clock.now()}")
    assert {b"original", b"original 2"} <= set(versions(rig))
    kept = sorted(path.name for path in (rig.space / ".cloudify-scipion/trash/kept").iterdir())
    assert kept == ["raw%2Fmovie", "raw%2Fother"]


def test_originals_of_one_name_are_all_kept(new: Rig) -> None:
    new.web("a", b"first", age=100_000)
    new.pull()
    change(new, "a", "mine")
    (new.user / "a").unlink()
    new.push()
    new.web("a", b"second", age=50_000)
    new.scan()
    change(new, "a", "mine again")
    assert {b"first", b"second"} <= set(versions(new))


def test_over_the_limit_derived_versions_go_oldest_first(rig: Rig) -> None:
    rig.clock.ahead -= rig.clock.now() % HOUR
    rig = replace(rig, trash_bytes=25)
    for number in range(5):
        change(rig, "a", f"{number}" * 10)
        rig.clock.pass_time(HOUR)
    assert versions(rig) == [b"2" * 10, b"3" * 10]
    assert rig.alarms() == []


def test_over_the_limit_with_originals_alone_there_is_an_alarm_and_saving_goes_on(new: Rig) -> None:
    rig = replace(new, trash_bytes=5)
    for number in range(3):
        rig.web(f"raw/{number}", b"original" * 10, age=100_000)
    rig.pull()
    change(rig, "derived", "one")
    for number in range(3):
        change(rig, f"raw/{number}", f"changed {number}")
        change(rig, "derived", f"{number}")
    assert rig.saved() == rig.local()
    assert [content for content in versions(rig) if content == b"original" * 10] == [b"original" * 10] * 3
    assert any("over its limit" in alarm for alarm in rig.alarms())


def test_what_the_web_pages_put_there_is_no_trash_at_all(rig: Rig) -> None:
    """Of somebody else's change nothing is thrown away: it is kept beside."""
    change(rig, "a", "one")
    rig.web("a", b"theirs")
    change(rig, "a", "two")
    assert b"theirs" in rig.saved().values()
    assert versions(rig) == []


def test_a_clean_trash_is_no_trouble(rig: Rig) -> None:
    """The facility empties the folder by hand."""
    change(rig, "a", "one")
    change(rig, "a", "two")
    for path in sorted((rig.space / ".cloudify-scipion/trash").rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    (rig.space / ".cloudify-scipion/trash").rmdir()
    change(rig, "a", "three")
    change(replace(rig, trash_bytes=1), "a", "four")
    assert rig.saved() == rig.local()


def test_names() -> None:
    assert trash_folder("20260102T03", 7) == b".cloudify-scipion/trash/20260102T03-g7"
    assert trash_folder("20260102T03", 0) == b".cloudify-scipion/trash/kept"
    assert trash_name(b"a/b c\n\xff%") == b"a%2Fb c%0A%FF%25"
    long = b"x" * 300
    assert len(trash_name(long)) <= 200 and trash_name(long) != trash_name(long + b"y")
    assert trash_name(b"a", 2) == b"a~2"


def test_the_limit_holds_for_a_machine_that_comes_after(new: Rig, tmp_path: Path) -> None:
    """A new volume knows nothing of the trash, and looks at what is there."""
    rig = new
    rig.web("raw", b"original", age=5000)
    rig.pull()
    change(rig, "raw", "changed")
    change(rig, "a", "one")
    change(rig, "a", "two")
    other = Rig(tmp_path / "other", rig.space, machine="m2", generation=2, trash_bytes=1)
    other.pull()
    other.clock.pass_time(2 * HOUR)
    change(other, "a", "three")
    assert versions(other) == [b"original"]
