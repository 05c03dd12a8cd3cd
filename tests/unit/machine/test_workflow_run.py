"""The machine's `scipion-workflow`: what a run has to do, and how long it waits for a person."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[3] / "puppet/modules/scipion/files"))

import workflow_project as wj  # noqa: E402
import workflow_run as wr  # noqa: E402
from workflow_record import Made  # noqa: E402
from workflow_state import State  # noqa: E402

DEAD = "Process 7 not found running: the machine was started again. Run the step again."
GIVEN = {"3": "", "7": "outputBox"}


def state(status: str, id: str = "3", error: str = "", outputs: str = "") -> State:
    return State(id, "Pick", "A", status, error, outputs=outputs)


WAITING = [state("interactive"), state("interactive", "7", outputs="outputBox"), state("saved", "9")]


@pytest.mark.parametrize(
    ("changed", "waits"),
    [
        ([], True),
        ([state("running")], True),  # the person works on it
        ([state("interactive", outputs="outputCoordinates")], False),
        ([state("interactive", "7", outputs="outputBox,outputCoordinates")], False),
        ([state("finished")], False),
        ([state("aborted")], False),
        ([state("failed", "7")], False),
        ([state("finished", "9")], True),  # none of those that are awaited
    ],
)
def test_a_run_waits_as_long_as_what_a_person_has_in_hands_is_as_it_was(changed: list[State], waits: bool) -> None:
    states = {one.id: one for one in [*WAITING, *changed]}
    assert wr.is_awaited(GIVEN, [*states.values()]) is waits


def test_a_step_that_the_user_has_deleted_is_not_waited_for() -> None:
    assert not wr.is_awaited(GIVEN, WAITING[1:])


@pytest.mark.parametrize(
    ("states", "begun", "left"),
    [
        ([state("finished"), state("finished", "4")], {"3", "4"}, False),
        ([state("finished"), state("saved", "4")], {"3"}, True),
        ([state("finished"), state("failed", "4", DEAD)], {"3", "4"}, True),
        ([state("finished"), state("failed", "4", DEAD)], {"3"}, False),  # the user had started it
        ([state("finished"), state("failed", "4", "no such file")], {"3", "4"}, False),
        ([state("aborted"), state("finished", "4")], {"3", "4"}, False),  # the user has stopped it
        ([state("running"), state("finished", "4")], {"3", "4"}, True),
        ([state("finished"), state("finished", "4"), state("saved", "9")], {"3", "4"}, False),  # his own box
    ],
)
def test_scipion_is_loaded_only_where_a_run_has_something_to_do(
    states: list[State], begun: set[str], left: bool
) -> None:
    assert wr.is_something_left(Made("d", {"3": "A", "4": "A"}), begun, states) is left


def test_classes_that_scipion_was_seen_to_have_are_known_until_its_packages_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packages = tmp_path / "site-packages"
    (packages / "relion").mkdir(parents=True)
    monkeypatch.setattr(wj.Path, "home", lambda: tmp_path)
    monkeypatch.setattr(wj.sysconfig, "get_path", lambda name: str(packages))
    assert not wj.are_known({"A"})
    wj._remember({"A": object, "B": object})
    assert wj.are_known({"A"}) and wj.are_known({"A", "B"})
    assert not wj.are_known({"A", "C"})
    (packages / "relion").rename(packages / "elsewhere")
    assert not wj.are_known({"A"})
    wj._remember({"B": object})
    assert not wj.are_known({"A"})
    wj._seen().write_text("{")
    assert not wj.are_known({"A"})
