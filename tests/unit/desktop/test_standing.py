"""How saving stands, in one line: each state by its words, from what the agent writes."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from cloudify_saving.folder import Folder
from cloudify_saving.standing import BAD, BUSY, GOOD, NONE, standing

from cloudify_scipion.agent import status as agent

NOW = datetime(2030, 1, 2, 14, 10).timestamp()
ZONE = datetime.fromtimestamp(NOW).astimezone().tzname()
SAVED = {**agent.empty(), "pulled": True, "saved": "2030-01-02T14:05:00"}
"""What the agent writes when all is well."""


def failed(message: str) -> dict[str, Any]:
    return {"ok": False, "at": "2030-01-02T14:08:00", "message": message, "next": "it is tried again"}


def going(work: str, phase: str, done: int = 0, total: int = 0, pid: int = 1) -> dict[str, Any]:
    """The agent's `progress.json`; process 1 is another user's for all who are not root."""
    return {"work": work, "phase": phase, "files_done": done, "files_total": total, "pid": pid}


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def told(folder: Folder, summary: Mapping[str, Any] | None, progress: Mapping[str, Any] | None = None) -> str:
    for name, document in (("status", summary), ("progress", progress)):
        (folder.path / f"{name}.json").write_text(json.dumps(document) if document else "")
    state = standing(folder.status(), NOW, agent=folder.agent())
    return f"{state.mood}: {state.line(NOW)}".replace(f" {ZONE}", "")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, f"{GOOD}: All saved, 14:05"),
        ({"saved": "2030-01-02T13:00:00"}, f"{BAD}: NOT SAVED since 13:00: nothing saves any more"),
        ({"saved": "2030-01-01T14:05:00"}, f"{BAD}: NOT SAVED since 1 January, 14:05: nothing saves any more"),
        ({"saved": None, "last": {"pull": {"ok": True, "at": "2030-01-02T14:01:00"}}}, f"{GOOD}: All saved, 14:01"),
        ({"last": {"push": failed("no room\nin there")}}, f"{BAD}: NOT SAVED: no room"),
        ({"last": {"push": failed("")}}, f"{BAD}: NOT SAVED: the reason is not known"),
        ({"last": {"seal": failed("1 file differs")}}, f"{BAD}: It is not certain that all is saved: 1 file differs"),
        ({"unsaved": 1}, f"{BUSY}: 1 file not saved yet"),
        ({"unsaved": 1200}, f"{BUSY}: 1,200 files not saved yet"),
        ({"pulled": False}, f"{BUSY}: Your data have not been fetched yet"),
        ({"pulled": False, "last": {"pull": failed("no room")}}, f"{BAD}: Your data could NOT BE FETCHED: no room"),
    ],
)
def test_each_state_has_its_words(folder: Folder, changes: dict[str, Any], words: str) -> None:
    assert told(folder, {**SAVED, **changes}) == words


def test_a_question_is_not_overlooked(folder: Folder) -> None:
    question = {"id": "deletions", "text": "Delete 60 files?", "answers": ["delete", "restore"], "number": 1}
    words = f"{BAD}: A question about your files waits for your answer"
    assert told(folder, {**SAVED, "questions": [question]}) == words


def test_what_is_done_now_comes_from_the_agents_progress(folder: Folder) -> None:
    assert told(folder, SAVED, going("push", "saving", 3, 15)) == f"{BUSY}: Saving: 12 files to go"
    assert told(folder, SAVED, going("push", "looking for changes")) == f"{GOOD}: All saved, 14:05"
    long_ago = {**SAVED, "saved": "2030-01-02T12:00:00"}
    assert told(folder, long_ago, going("push", "saving", 14, 15)) == f"{BUSY}: Saving: 1 file to go"
    pulling = {**SAVED, "pulled": False}
    fetched = f"{BUSY}: Your data are being fetched"
    assert told(folder, pulling, going("pull", "pulling", 1, 3)) == f"{fetched}: 2 files to go"
    assert told(folder, pulling, going("pull", "listing")) == fetched


def test_what_an_agent_that_was_killed_left_does_not_count(folder: Folder) -> None:
    gone = os.posix_spawn("/bin/true", ["true"], {})
    os.waitpid(gone, 0)
    for pid in (gone, 0, -1, 1 << 40):
        assert told(folder, SAVED, going("push", "saving", 3, 15, pid)) == f"{GOOD}: All saved, 14:05"


def test_without_a_data_space_people_are_told_to_copy(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "run")
    state = standing(folder.status(), NOW, agent=folder.agent())
    assert (state.mood, state.text) == (NONE, "No data space: copy what you need")
    folder.path.mkdir()
    assert told(folder, None) == f"{BUSY}: Saving begins in a moment"


def test_a_file_without_end_is_not_read_to_it(folder: Folder) -> None:
    (folder.path / "status.json").symlink_to("/dev/zero")
    assert folder.status() is None
