"""The machine's `scipion-workflow`: whose turn it is, and whom it waits for."""

from __future__ import annotations

import pytest
import workflow_turns as wt


def test_a_workflow_goes_forward_step_by_step() -> None:
    turns = {"2": wt.Turn("saved"), "3": wt.Turn("saved", ["2"]), "4": wt.Turn("saved", ["2", "3"])}
    assert wt.ready(turns, set()) == ["2"]
    turns["2"] = wt.Turn("running")
    assert wt.ready(turns, {"2"}) == []
    turns["2"] = wt.Turn("finished")
    assert wt.ready(turns, {"2"}) == ["3"]
    turns["3"] = wt.Turn("failed", ["2"])
    assert wt.ready(turns, {"2", "3"}) == []


def test_what_a_person_has_given_is_used_though_scipion_leaves_his_step_interactive() -> None:
    picked = {"2": wt.Turn("interactive", outputs="outputCoordinates"), "3": wt.Turn("saved", ["2"], supplied=["2"])}
    assert wt.ready(picked, {"2"}) == ["3"]
    assert wt.awaited(picked) == []
    other = {**picked, "4": wt.Turn("saved", ["2"])}  # wants another of its outputs, which is not there
    assert wt.ready(other, {"2", "3"}) == []
    assert wt.awaited(other) == ["2"]
    only_after = {**picked, "3": wt.Turn("saved", ["2"])}  # linked by no output: Scipion waits until it is finished
    assert wt.ready(only_after, {"2"}) == []


def test_streaming_protocols_start_on_growing_inputs() -> None:
    growing, still = wt.Turn("running", growing=True), wt.Turn("running")
    streams, waits = wt.Turn("saved", ["2"], streams=True), wt.Turn("saved", ["2"])
    assert wt.ready({"2": growing, "3": streams}, set()) == ["3"]
    assert wt.ready({"2": growing, "3": waits}, set()) == []
    assert wt.ready({"2": still, "3": streams}, set()) == []


def test_interrupted_protocols_start_again_once() -> None:
    turns = {
        "2": wt.Turn("failed", interrupted=True, begun=True),
        "3": wt.Turn("running", interrupted=True, begun=True),
    }
    assert wt.ready(turns, set()) == ["2", "3"]
    assert wt.ready(turns, {"2", "3"}) == []


@pytest.mark.parametrize(
    ("turn", "starts"),
    [
        (wt.Turn("saved"), True),
        (wt.Turn("saved", mine=False), False),  # a box that the user has only saved
        (wt.Turn("failed", mine=False, interrupted=True), False),  # one of his that died
        (wt.Turn("failed", interrupted=True, begun=False), False),  # a step that he had started himself
        (wt.Turn("saved", begun=True), False),  # one that he has reset
        (wt.Turn("failed", interrupted=True, begun=True), True),
        (wt.Turn("failed", begun=True), False),
        (wt.Turn("aborted", begun=True), False),
    ],
)
def test_only_the_project_files_steps_are_started_and_each_of_them_once(turn: wt.Turn, starts: bool) -> None:
    assert wt.ready({"2": turn}, set()) == ["2"] * starts


def test_the_users_own_work_keeps_the_run_from_ending_only_where_a_step_waits_for_it() -> None:
    his = wt.Turn("running", mine=False)
    assert not wt.is_busy({"2": wt.Turn("finished"), "9": his})
    assert wt.is_busy({"2": wt.Turn("saved", ["9"]), "9": his})
    assert wt.is_busy({"2": wt.Turn("running")})


def test_a_person_is_awaited_where_nothing_else_keeps_the_steps_back() -> None:
    turns = {
        "2": wt.Turn("finished", begun=True),
        "3": wt.Turn("interactive", ["2"], begun=True),
        "4": wt.Turn("saved", ["3"]),
        "5": wt.Turn("saved", ["4"]),
    }
    assert wt.awaited(turns) == ["3"]
    assert wt.awaited({**turns, "2": wt.Turn("failed", begun=True)}) == []
    assert wt.awaited({**turns, "4": wt.Turn("finished"), "5": wt.Turn("finished")}) == []
    assert wt.awaited({**turns, "4": wt.Turn("saved", ["3"], mine=False), "5": wt.Turn("finished")}) == []
    used = {**turns, "4": wt.Turn("finished", ["3"], begun=True), "6": wt.Turn("interactive", ["4"], begun=True)}
    assert wt.awaited({**used, "5": wt.Turn("saved", ["6"])}) == ["6"]  # and no more 3, whose part was used


def test_a_step_that_the_user_has_reset_is_awaited_where_others_need_it() -> None:
    """He changes something in it and starts it himself: the others go on when it is done."""
    reset = wt.Turn("saved", ["2"], begun=True)
    turns = {"2": wt.Turn("finished", begun=True), "3": reset, "4": wt.Turn("saved", ["3"])}
    assert wt.ready(turns, set()) == []
    assert wt.awaited(turns) == ["3"]
    assert wt.awaited({**turns, "4": wt.Turn("saved", ["3"], begun=True)}) == []  # all is in his hands
    assert wt.awaited({**turns, "3": wt.Turn("saved", ["2"], mine=False)}) == []  # a box of his own


def test_a_parent_that_is_not_in_the_project_holds_nothing_back() -> None:
    assert wt.ready({"3": wt.Turn("saved", ["99"])}, set()) == ["3"]
