"""What the desktop says about saving, and what it hands on to the agent."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

import pytest
from cloudify_saving.disks import full_disks, told
from cloudify_saving.folder import Folder, NotTaken
from cloudify_saving.standing import summary
from cloudify_saving.status import (
    Question,
    Status,
    duration,
    first_line,
    line,
    open_questions,
    parse_status,
    progress,
    size,
)
from cloudify_saving.versions import found, parse_versions, shown

PULL = {
    "work": "pull", "phase": "copy", "files_done": 1234, "files_total": 100000, "bytes_done": 3_200_000_000,
    "bytes_total": 10_000_000_000, "rate": 1e7, "seconds_left": 290.0, "pulled": False, "unsaved": 0, "last": {},
    "questions": [], "alarms": [], "seal": None,
}  # fmt: skip
IDLE = {**PULL, "work": "", "pulled": True, "files_total": 0, "bytes_total": 0}
ASKED = {"id": "mass-deletion-3", "text": "Delete 812 files?", "answers": ["delete", "keep"], "number": 7}


def status(base: Mapping[str, object] = IDLE, **changes: object) -> Status:
    found = parse_status(json.dumps({**base, **changes}))
    assert found
    return found


def test_the_first_pull_is_shown_with_its_progress() -> None:
    text = "Your data are on their way: 1,234 of 100,000 files, 3.2 GB of 10.0 GB, 5 minutes left"
    assert line(status(PULL)) == (text, False)
    assert line(status(PULL, files_total=0, bytes_total=0))[0].endswith("looking at what is there")


def test_nothing_is_shown_when_all_is_well() -> None:
    assert line(status()) == ("", False)
    assert line(status(work="push", files_total=3)) == ("", False)
    assert line(None) == ("", False)


@pytest.mark.parametrize(
    ("percent", "words"), [(89, ""), (90, "more than 90 %"), (96, "more than 95 %"), (99, "is full")]
)
def test_a_disk_is_told_before_it_is_full_and_by_its_name(percent: int, words: str) -> None:
    said = told("The disk with your data", percent)
    assert words in said
    assert said.startswith("The disk with your data") is bool(words)


def test_a_disk_with_room_that_can_hold_no_more_files_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = list(os.statvfs(tmp_path))
    found[2:8] = [1000, 900, 900, 100, 4, 4]  # blocks, free ones twice, files, free ones twice
    monkeypatch.setattr(os, "statvfs", lambda path: os.statvfs_result(found))
    (said,) = full_disks({"The disk with your data": tmp_path})
    assert said.startswith("The disk with your data is more than 95 % full, by the number of its files.")
    assert "is full of files" in told("disk", 100, True)


def test_the_text_of_a_disk_changes_only_when_it_gets_worse() -> None:
    """A line that was hidden stays so until then."""
    assert len({told("disk", percent) for percent in range(90, 95)}) == 1


def test_a_full_disk_is_an_alarm_also_where_nothing_is_saved() -> None:
    assert line(None, ["disk is full"]) == ("disk is full", True)
    assert line(status(alarms=["a"]), ["disk is full"]) == ("disk is full (and 1 more)", True)


def test_a_disk_that_cannot_be_asked_is_not_told(tmp_path: Path) -> None:
    assert full_disks({"gone": tmp_path / "gone"}) == []


def test_alarms_come_first_and_the_newest_of_them() -> None:
    assert line(status(PULL, alarms=["b", "The data space is full.\nMore here"])) == (
        "The data space is full. (and 1 more)", True,
    )  # fmt: skip
    (said, alarm) = line(status(alarms=["2030-01-02T14:05:00 The data space is full."]))
    assert alarm and said.startswith("2 January, 14:05 ") and said.endswith(": The data space is full.")
    failed = {"pull": {"ok": False, "code": 5, "at": 0, "message": "No room", "next": "Ask for a larger volume"}}
    assert line(status(PULL, work="", last=failed)) == ("Your data could not be fetched: No room", True)


def test_the_window_tells_how_things_stand() -> None:
    now = datetime(2030, 1, 2, 14, 10).timestamp()
    zone = datetime.fromtimestamp(now).astimezone().tzname()
    *told, what = summary(status(saved="2030-01-02T14:05:00"), now)
    assert told == [f"All saved, 14:05 {zone}."] and "ScipionUserData" in what
    last = {"push": {"ok": False, "at": "2030-01-02T14:05:00", "message": "No network", "next": "it is tried again"}}
    going = {"work": "push", "phase": "saving", "files_done": 1, "files_total": 3, "seconds_left": 290}
    assert summary(status(unsaved=1200, last=last, alarms=["x"], **going), now)[:-1] == [
        "NOT SAVED: No network.",
        "Now: changes are saved (1 of 3 files, 5 minutes left).",
        "It is tried again.",
        "Attention: x",
    ]
    told = summary(status(PULL, work="", alarms=["x"]), now)
    assert told[:-1] == ["Your data have not been fetched yet.", "Attention: x"]
    assert summary(None, now)[0] == "Saving begins in a moment."
    assert summary(None, now, agent=False)[0] == "No data space: copy what you need."
    many = summary(status(saved=now, alarms=[str(number) for number in range(20)]), now)
    assert many[1:-1] == [*(f"Attention: {number}" for number in (19, 18, 17)), "And 17 earlier ones."]


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '"x"', '{"work": "pu', "[" * 200_000, '{"a":' * 200_000])
def test_what_is_no_status(text: str) -> None:
    assert parse_status(text) is None


@pytest.mark.parametrize("at", [1e14, "9999-12-31T23:59:59-12:00", "9999-12-31T23:59:59"])
def test_a_time_that_no_calendar_has_is_unknown(at: float | str) -> None:
    odd = status(saved=at, alarms=[f"{at} soon"], last={"pull": {"ok": True, "at": at}})
    assert summary(odd, 0.0)[0] == "All saved."
    assert line(odd)[0]


def test_what_is_odd_counts_as_unknown() -> None:
    odd = {
        "work": 7, "pulled": "yes", "files_done": -1, "files_total": True, "bytes_done": "x", "bytes_total": None,
        "seconds_left": 1e300, "last": {"push": 3, "pull": {"ok": 1, "at": "soon"}}, "alarms": [None, "", "a"],
        "questions": [
            3, {}, {**ASKED, "id": "../x"}, {**ASKED, "id": ""}, {**ASKED, "answers": []},
            {**ASKED, "answers": ["a\nb"]}, {**ASKED, "text": 3}, ASKED,
        ],
    }  # fmt: skip
    found = parse_status(json.dumps(odd))
    assert found
    assert (found.work, found.pulled, found.files_done, found.files_total, found.seconds_left) == ("", False, 0, 0, 0)
    assert found.alarms == ("a",)
    assert [question.id for question in found.questions] == ["mass-deletion-3"]
    assert parse_status('{"seconds_left": NaN, "files_done": Infinity}') is not None
    summary(found, 0.0)


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 bytes"),
        (999, "999 bytes"),
        (1000, "1.0 kB"),
        (123_456, "123 kB"),
        (5e9, "5.0 GB"),
        (2.5e15, "2,500.0 TB"),
    ],
)
def test_sizes(count: float, text: str) -> None:
    assert size(count) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.2, "1 second"), (89, "89 seconds"), (90, "2 minutes"), (5400, "2 hours"), (200_000, "2 days")],
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_lines_are_short() -> None:
    assert first_line("\n a\nb") == "a"
    assert len(first_line("x" * 500)) == 160
    assert progress(status(PULL, seconds_left=0)).endswith("GB")


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    (tmp_path / "requests").mkdir()
    return Folder(tmp_path)


def test_an_answer_is_handed_on_and_the_agent_is_woken(folder: Folder) -> None:
    question = status(questions=[ASKED]).questions[0]
    folder.answer(question, "keep")
    assert sorted(path.name for path in (folder.path / "requests").iterdir()) == ["answer-mass-deletion-3", "push"]
    assert (folder.path / "requests/answer-mass-deletion-3").read_text() == "keep 7"
    with pytest.raises(ValueError, match="maybe"):
        folder.answer(question, "maybe")


def test_open_questions() -> None:
    asking = status(questions=[ASKED, {**ASKED, "id": "two"}])
    first, second = asking.questions
    assert open_questions(asking, [second]) == [first]
    more = status(questions=[{**ASKED, "number": 8}])
    assert open_questions(more, [first]) == list(more.questions), "about more than was answered"
    assert open_questions(None, []) == []


VERSION = {"version": 2, "path": "Runs/a b.star", "name": "20260102T03-g1/Runs%2Fa b.star", "bytes": 3456,
           "at": "2026-01-02T03:05:00+00:00", "why": "replaced", "of": "project"}  # fmt: skip


def test_the_list_of_earlier_versions() -> None:
    odd = [1, {}, {**VERSION, "path": 3}, {**VERSION, "bytes": "x"}, {**VERSION, "name": ""}]
    (version,) = parse_versions(json.dumps({"versions": [*odd, VERSION]}))
    assert shown(version) == "2026-01-02 03:05  replaced     3.5 kB  Runs/a b.star"
    assert found([version], "RUNS star") == [version] and found([version], "runs mrc") == []
    (strange,) = parse_versions(json.dumps({"versions": [{**VERSION, "path": "a\n\udcff", "at": ""}]}))
    assert shown(strange).isprintable() and shown(strange).startswith("earlier")
    assert parse_versions("{") == parse_versions("[]") == parse_versions('{"versions": 3}') == []


def test_a_version_is_wanted_back_and_the_agent_is_woken(folder: Folder) -> None:
    assert folder.versions() == []
    (folder.path / "trash.json").write_text(json.dumps({"versions": [VERSION]}))
    folder.restore(folder.versions()[0])
    (request,) = (folder.path / "requests").glob("restore-*")
    assert request.read_text() == VERSION["name"] and (folder.path / "requests/push").exists()


def test_how_much_waits_for_an_answer() -> None:
    said = summary(status(held={"files": 41, "bytes": 6300}, questions=[ASKED]), 0)
    assert "41 files, 6.3 kB, wait for your answer." in said
    assert not any("wait for your answer" in text for text in summary(status(held={"files": "x"}), 0))


def test_without_an_agent(tmp_path: Path) -> None:
    assert Folder(tmp_path).status() is None
    with pytest.raises(NotTaken, match="Nothing on this machine"):
        Folder(tmp_path).save_now()
    with pytest.raises(NotTaken, match="could not be handed on"):
        Folder(tmp_path).answer(Question("a", "b?", ("yes",)), "yes")
