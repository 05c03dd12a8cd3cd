"""The predecessor's losses, as far as the agent goes; tests/unit/safety/test_predecessor.py has those of the machine.

Its sync was `rsync --delete` behind a lock file. Each test tells what that did, and fails on it.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from cloudify_scipion.agent.errors import AgentError, GuardFailed
from tests.unit.agent.faults import Killed, Reaper
from tests.unit.agent.rig import Rig


@pytest.fixture
def facility(new: Rig) -> Rig:
    """A data space with raw data, before anything was copied."""
    for number in range(20):
        new.web(f"raw/movie{number}.mrc", f"movie {number}", age=5000)
    return new


@pytest.mark.parametrize("at", range(5, 50, 5))
def test_1_a_first_copy_that_was_interrupted_deletes_nothing(facility: Rig, at: int) -> None:
    """Its lock was written before the copy: the retry said "already deployed", and the next push deleted in the data
    space whatever had not been copied yet."""
    before = facility.saved()
    reaper = Reaper(at)
    with pytest.raises(Killed):
        replace(facility, workers=1, trees=reaper.tree, indexes=reaper.index).pull()
    assert len(facility.local()) < 20
    with pytest.raises(AgentError):
        facility.push()
    assert facility.saved() == before
    facility.pull()
    assert facility.local() == before
    result = facility.push()
    assert (result.deleted, result.held) == (0, 0)
    assert facility.saved() == before


def test_3_results_are_proven_to_be_saved_before_anything_is_deleted(facility: Rig) -> None:
    """Its cleanup looked at a variable. Here it takes a seal, and there is none without all data in the data space."""
    facility.pull()
    facility.write("results/class.mrcs", b"results")
    assert not (facility.state / "seal.json").exists()
    facility.seal()
    assert facility.saved()["results/class.mrcs"] == b"results"


@pytest.mark.parametrize("machine", ["m1", "m2"])
def test_4_a_machine_that_is_replaced_has_everything_and_goes_on(facility: Rig, tmp_path: Path, machine: str) -> None:
    """Under the same name its first copy "succeeded" with 0 files, and then every push failed; under another name the
    lock refused it for ever."""
    facility.pull()
    facility.write("results/one", b"1")
    facility.push()
    before = facility.saved()
    again = Rig(tmp_path / "new volume", facility.space, machine=machine, generation=2)
    assert again.pull().files == 21
    assert again.local() == before
    again.write("results/two", b"2")
    result = again.push()
    assert (result.files, result.deleted, result.failed) == (1, 0, [])
    assert again.saved() == {**before, "results/two": b"2"}


def test_5_links_with_spaces_in_their_names_come_back_right(facility: Rig, tmp_path: Path) -> None:
    """They came back wrong."""
    facility.pull()
    links = {
        "a link": "raw/movie1.mrc", "results/two  spaces ": "../raw/movie 2.mrc", " in front": "no where",
        "tab\tand\nnewline": "to \n", "link": "with space",
    }  # fmt: skip
    for name, target in links.items():
        (facility.user / name).parent.mkdir(exist_ok=True)
        (facility.user / name).symlink_to(target)
    facility.push()
    again = Rig(tmp_path / "other", facility.space, machine="m2", generation=2)
    again.pull()
    assert {name: str((again.user / name).readlink()) for name in links} == links
    assert again.local() == facility.local()


def test_6_the_root_disk_is_not_taken_for_the_volume(facility: Rig) -> None:
    """Its volume was silently skipped when its device had another name; the project landed on the root disk, and what
    was on the volume looked deleted."""
    facility.pull()
    before = facility.saved()
    facility.mark.rename(facility.root / "aside")  # the volume is not mounted: below it is an empty folder
    for path in sorted(facility.user.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    for work in (facility.pull, facility.push, facility.scan):
        with pytest.raises(GuardFailed, match="not mounted"):
            work()
    assert facility.saved() == before
    assert facility.local() == {}, "nothing is copied to the root disk"
