"""What was replaced or deleted in the data space is kept for a while, and originals for as long as the project is."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from cloudify_scipion.agent.plan.names import (
    STRANGER,
    is_link_in_trash,
    origin_of,
    path_in_trash,
    trash_folder,
    trash_name,
)
from tests.unit.agent.rig import Rig

HOUR = 3600.0
DAY = 24 * HOUR


def versions(rig: Rig) -> list[bytes]:
    return sorted(rig.trash().values())


def change(rig: Rig, path: str, content: bytes | str) -> None:
    rig.write(path, content, age=10)
    rig.push()


def test_the_first_version_of_each_path_and_hour_stays(rig: Rig) -> None:
    """What a file was at the beginning of the hour, however often it is saved after that."""
    rig.clock.ahead -= rig.clock.now() % HOUR
    for number in range(4):
        change(rig, "a", f"{number}")
    assert versions(rig) == [b"0"]
    rig.clock.pass_time(HOUR)
    change(rig, "a", "4")
    assert versions(rig) == [b"0", b"3"]
    change(rig, "b", "one")
    change(rig, "b", "two")
    assert versions(rig) == [b"0", b"3", b"one"]


def test_where_the_trash_was_emptied_the_next_version_of_the_hour_is_kept(rig: Rig) -> None:
    rig.clock.ahead -= rig.clock.now() % HOUR
    for content in ("0", "1"):
        change(rig, "a", content)
    shutil.rmtree(rig.space / ".cloudify-scipion/trash")
    change(rig, "a", "2")
    assert versions(rig) == [b"1"]
    change(rig, "a", "3")
    assert versions(rig) == [b"1"]


@pytest.mark.parametrize("other", ["boot", "hour"])
def test_in_doubt_whether_it_is_the_same_hour_every_version_stays(rig: Rig, other: str) -> None:
    rig.clock.ahead -= rig.clock.now() % HOUR
    change(rig, "a", "0")
    change(rig, "a", "1")
    if other == "boot":
        rig.clock.boot_id = "after a week"
    else:
        rig.clock.ahead -= 24 * HOUR
        rig.clock.since_boot += 24 * HOUR
    change(rig, "a", "2")
    assert versions(rig) == [b"0", b"1"]


def test_what_is_deleted_stays_in_every_case(rig: Rig) -> None:
    rig.clock.ahead -= rig.clock.now() % HOUR
    rig.write("other")
    for content in ("0", "1", "2"):
        change(rig, "a", content)
    (rig.user / "a").unlink()
    rig.push()
    change(rig, "a", "3")
    change(rig, "a", "4")
    (rig.user / "a").unlink()
    rig.push()
    assert versions(rig) == [b"0", b"2", b"4"]


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


def test_over_the_limit_what_is_old_enough_goes_oldest_first(rig: Rig) -> None:
    rig = replace(rig, trash_bytes=25)
    for number in range(5):
        change(rig, "a", f"{number}" * 10)
        rig.clock.pass_time(8 * DAY)
    assert versions(rig) == [b"2" * 10, b"3" * 10]
    assert rig.alarms() == []


def test_what_is_younger_than_the_minimum_age_stays_whatever_the_limit(rig: Rig) -> None:
    """The new version waits instead, and somebody is asked."""
    rig = replace(rig, trash_bytes=25)
    for number in range(4):
        change(rig, "a", f"{number}" * 10)
        rig.clock.pass_time(DAY)
    assert versions(rig) == [b"0" * 10, b"1" * 10]
    assert rig.saved()["a"] == b"2" * 10
    assert rig.questions() == ["replaced"]
    rig.clock.pass_time(6 * DAY)
    rig.push()
    assert versions(rig) == [b"1" * 10, b"2" * 10] and rig.saved()["a"] == b"3" * 10
    assert rig.questions() == []


def test_the_wall_clock_makes_nothing_old(rig: Rig) -> None:
    """Nor do a boot, and a machine that was off: only what the agent has lived counts."""
    rig = replace(rig, trash_bytes=25)
    for number in range(3):
        change(rig, "a", f"{number}" * 10)
        rig.clock.pass_time(HOUR)
    rig.clock.ahead += 400 * DAY
    rig.push()
    rig.clock.boot_id, rig.clock.since_boot = "another", 100 * DAY
    change(rig, "a", "3" * 10)
    assert versions(rig) == [b"0" * 10, b"1" * 10]
    rig.clock.ahead -= 800 * DAY
    rig.clock.pass_time(8 * DAY)
    rig.push()
    assert versions(rig) == [b"1" * 10, b"2" * 10], "the oldest is that which came first"


def test_the_minimum_age_is_configured(rig: Rig) -> None:
    rig = replace(rig, trash_bytes=25, trash_days=1)
    for number in range(4):
        change(rig, "a", f"{number}" * 10)
        rig.clock.pass_time(DAY)
    assert versions(rig) == [b"1" * 10, b"2" * 10]


def test_a_large_version_waits_and_a_small_one_is_saved(rig: Rig) -> None:
    rig = replace(rig, trash_bytes=5000)
    rig.write("large", b"l" * 6000)
    change(rig, "small", b"s" * 100)
    rig.write("large", b"oops", age=10)
    rig.write("small", b"more", age=10)
    result = rig.push()
    assert (result.held, result.files) == (1, 1)
    assert rig.saved() == {"large": b"l" * 6000, "small": b"more"}
    assert "large for one" in question(rig, "replaced")


@pytest.mark.parametrize(("word", "kept"), [("keep", [b"l" * 6000]), ("discard", [])])
def test_a_person_decides_what_becomes_of_a_version_without_room(rig: Rig, word: str, kept: list[bytes]) -> None:
    rig = replace(rig, trash_bytes=5000)
    change(rig, "large", b"l" * 6000)
    change(rig, "large", b"small")
    rig.answer("replaced", word)
    rig.push()
    assert rig.saved() == rig.local() == {"large": b"small"}
    assert versions(rig) == kept
    assert rig.questions() == []


def test_what_a_person_has_agreed_to_takes_no_room_of_others(rig: Rig) -> None:
    rig = replace(rig, trash_bytes=5000)
    change(rig, "large", b"l" * 6000)
    change(rig, "large", b"small")
    rig.answer("replaced", "keep")
    rig.push()
    change(rig, "other", b"o" * 1000)
    change(rig, "other", b"p" * 1000)
    assert versions(rig) == [b"l" * 6000, b"o" * 1000]
    rig.clock.pass_time(8 * DAY)
    change(rig, "new", b"")
    assert versions(rig) == [b"o" * 1000], "and over the limit it goes like all else once it is old"


def test_an_unchanged_file_never_waits(rig: Rig) -> None:
    rig = replace(rig, trash_bytes=5000)
    change(rig, "large", b"l" * 6000)
    change(rig, "large", b"l" * 6000)
    assert rig.push().held == 0 and rig.questions() == []


def test_a_change_that_is_taken_back_does_not_wait(rig: Rig) -> None:
    rig = replace(rig, trash_bytes=5000)
    change(rig, "large", b"l" * 6000)
    change(rig, "large", b"oops")
    change(rig, "large", b"l" * 6000)
    assert rig.push().held == 0 and rig.questions() == []


def question(rig: Rig, name: str) -> str:
    with rig.world() as world:
        (text,) = [str(asked["text"]) for asked in world.index.people.questions() if asked["id"] == name]
    return text


def test_no_kind_throws_away_another(new: Rig) -> None:
    """Originals, files of others and the project's own versions have a limit each."""
    rig = replace(new, trash_bytes=5000)
    rig.web("raw", b"R" * 20_000, age=9000)
    rig.pull()
    rig.web("theirs", b"T" * 20_000, age=5000)
    rig.scan()
    for number in range(9):
        rig.write(f"keep/{number}")
    change(rig, "thesis", b"two months of work")
    for path in ("raw", "theirs"):
        (rig.user / path).unlink()
    rig.push()
    rig.clock.pass_time(30 * DAY)
    change(rig, "thesis", b"oops")
    assert set(versions(rig)) == {b"R" * 20_000, b"T" * 20_000, b"two months of work"}
    assert {path.split("/")[0] for path in rig.trash()} >= {"kept", "theirs"}
    assert len([alarm for alarm in rig.alarms() if "over its limit" in alarm]) == 2


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


def test_what_somebody_has_taken_away_is_not_counted(rig: Rig) -> None:
    rig = replace(rig, trash_bytes=25)
    for number in range(3):
        change(rig, "a", f"{number}" * 10)
        rig.clock.pass_time(HOUR)
    for path in (rig.space / ".cloudify-scipion/trash").rglob("a"):
        path.unlink()
    rig.scan()
    change(rig, "a", "3" * 10)
    assert versions(rig) == [b"2" * 10] and rig.questions() == []


def test_names() -> None:
    assert trash_folder("20260102T03", 7) == b".cloudify-scipion/trash/20260102T03-g7"
    assert trash_folder("20260102T03", 0) == b".cloudify-scipion/trash/kept"
    assert trash_folder("20260102T03", STRANGER) == b".cloudify-scipion/trash/theirs"
    assert trash_name(b"a/b c\n\xff%") == b"a%2Fb c%0A%FF%25"
    long = b"x" * 300
    assert len(trash_name(long)) <= 200 and trash_name(long) != trash_name(long + b"y")
    assert trash_name(b"a", 2) == b"a~2" != trash_name(b"a~2")


@pytest.mark.parametrize("path", [b"a", b"a/b~2", b"a~link", b"\xff\n%41", b"b c/d", b"x" * 190])
@pytest.mark.parametrize("origin", [3, 0, STRANGER])
@pytest.mark.parametrize(("number", "link"), [(1, False), (12, True)])
def test_a_name_in_the_trash_says_what_it_was(path: bytes, origin: int, number: int, link: bool) -> None:
    name = trash_folder("20260102T03", origin) + b"/" + trash_name(path, number, link)
    assert (path_in_trash(name), origin_of(name), is_link_in_trash(name)) == (path, origin, link)


@pytest.mark.parametrize("path", [b"../etc/passwd", b"/etc/passwd", b".cloudify-scipion/lease/x", b"a//b"])
def test_no_name_in_the_trash_leads_elsewhere(path: bytes) -> None:
    assert b"/" not in path_in_trash(trash_folder("h", 1) + b"/" + trash_name(path))


def test_a_machine_that_comes_after_knows_the_trash_and_takes_nothing_in_it_for_old(new: Rig, tmp_path: Path) -> None:
    """A new volume knows nothing of the trash, and looks at what is there."""
    rig = new
    rig.web("raw", b"original", age=5000)
    rig.pull()
    change(rig, "raw", "changed")
    change(rig, "a", "one")
    change(rig, "a", "two")
    other = Rig(tmp_path / "other", rig.space, machine="m2", generation=2, trash_bytes=5)
    other.pull()
    other.clock.pass_time(2 * HOUR)
    change(other, "a", "three")
    assert versions(other) == [b"one", b"original"], "what replaces waits"
    other.clock.pass_time(8 * DAY)
    other.push()
    assert versions(other) == [b"original", b"two"]


def test_what_a_killed_work_has_put_there_is_known_after_the_next_look(rig: Rig) -> None:
    change(rig, "a", "one")
    change(rig, "a", "two")
    with rig.world() as world:
        (kept,) = world.index.trash.latest()
        world.index.trash.drop(kept.name)
        world.index.commit()
    rig.scan()
    with rig.world() as world:
        (found,) = world.index.trash.latest()
    assert (found.name, found.path, found.size, found.origin) == (kept.name, b"a", 3, 1)
