"""The machine's `scipion-workflow`: what a project remembers of its workflow."""

from __future__ import annotations

from pathlib import Path

import pytest
import workflow_record as wr
from workflow_state import State, Wanted

ODD = ["", "{", "[]", "null", '{"digest": "d"}', '{"digest": "d", "steps": ["2"]}', "\0" * 40]
STATES = [
    State("1", "my first", "B", "saved", ""),
    State("2", "Import", "A", "finished", ""),
    State("3", "Pick", "B", "saved", ""),
    State("9", "Pick", "B", "saved", ""),
    State("10", "my own", "B", "saved", ""),
]
WANTED = [Wanted("1", "A", ""), Wanted("7", "B", "Pick")]


def test_a_box_is_a_step_by_its_number_and_class(tmp_path: Path) -> None:
    wr.write_made(tmp_path, wr.Made("d", {"2": "A"}))
    made = wr.read_made(tmp_path)
    assert made.has("2", "A")
    assert not made.has("2", "B")  # the number was given again
    assert not made.has("3", "A")
    assert not wr.read_made(tmp_path / "elsewhere").has("2", "A")


def test_in_a_project_without_a_record_class_and_label_say_which_boxes_are_steps() -> None:
    assert wr.steps_among(STATES, WANTED) == {"2": "A", "3": "B"}


def test_what_is_known_stays_and_another_workflow_has_other_steps(tmp_path: Path) -> None:
    wr.write_made(tmp_path, wr.Made("d", {"10": "B"}))
    wr.adopt(tmp_path, STATES, WANTED, "d")
    assert wr.read_made(tmp_path).steps == {"10": "B"}
    wr.adopt(tmp_path, STATES, WANTED, "e")
    assert wr.read_made(tmp_path).steps == {"2": "A", "3": "B"}


@pytest.mark.parametrize("text", ODD)
def test_a_record_that_cannot_be_read_is_none_and_is_made_anew(tmp_path: Path, text: str) -> None:
    """A machine that lost its power while it was written leaves an empty file."""
    (tmp_path / wr.STEPS).write_text(text)
    assert wr.read_made(tmp_path) == wr.Made()
    wr.adopt(tmp_path, STATES, WANTED, "d")
    assert wr.read_made(tmp_path).steps == {"2": "A", "3": "B"}


def test_projects_of_earlier_versions_are_known_by_their_digest(tmp_path: Path) -> None:
    (tmp_path / ".workflow.sha256").write_text("d")
    assert wr.was_made_from(tmp_path, "d")
    assert not wr.was_made_from(tmp_path, "e")


def test_what_was_begun_is_remembered(tmp_path: Path) -> None:
    assert wr.begun(tmp_path) == set()
    wr.note_begun(tmp_path, "2")
    wr.note_begun(tmp_path, "58")
    assert wr.begun(tmp_path) == {"2", "58"}
