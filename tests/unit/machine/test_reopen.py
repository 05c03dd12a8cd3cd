"""The machine's `scipion-data-reopen`: gives the user the desktop back after a seal that was broken off."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
import reopen as r

from cloudify_scipion.lifecycle import layout
from cloudify_scipion.lifecycle.agent import unit
from cloudify_scipion.lifecycle.layout import SEAL

FILES = Path(__file__).parents[3] / "puppet/modules/working_copy/files"


PUSH, DESKTOP = "scipion-data-push.timer", "cloudify-desktop-vnc"


class Machine:
    """Its files in a folder, and whether the working copy is read-only; `told` is what was run."""

    def __init__(self, folder: Path) -> None:
        self.state, self.user, self.units = folder / "agent", folder / "user", folder / "units"
        self.state.mkdir()
        self.config = folder / "config.json"
        self.config.write_text(json.dumps({"state": str(self.state), "user_path": str(self.user)}))
        self.units.write_text(f"{PUSH}\n{DESKTOP}\n")
        self.read_only = True
        self.told: list[str] = []

    def run(self, argv: Sequence[str]) -> object:
        self.told.append(" ".join(argv))
        if argv[0] == "mount":
            assert argv[1:] == ["-o", "remount,bind,rw", str(self.user)]
            self.read_only = False
        return None

    def reopen(self) -> int:
        return r.main(self.config, self.units, self.run, lambda _: self.read_only)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


STARTED = [f"systemctl start --no-block {name}" for name in (unit("pull"), PUSH, DESKTOP)]
STOPPED = f"systemctl stop --no-block {layout.REOPEN_TIMER}"


def test_without_a_seal_all_is_opened_and_started(machine: Machine) -> None:
    assert machine.reopen() == 0
    assert not machine.read_only
    assert machine.told[1:] == [*STARTED, STOPPED]
    assert not machine.units.exists()


def test_a_seal_that_was_made_stays(machine: Machine) -> None:
    (machine.state / SEAL).write_text("{}")
    assert machine.reopen() == 0
    assert machine.read_only and machine.told == [STOPPED]


def test_a_damaged_one_and_a_link_count_as_made(machine: Machine) -> None:
    (machine.state / SEAL).symlink_to("nowhere")
    machine.reopen()
    assert machine.read_only


def test_while_a_work_goes_on_it_waits(machine: Machine) -> None:
    """The seal is a work, too, and holds the lock until its file is there."""
    lock = os.open(machine.state / "lock", os.O_RDWR | os.O_CREAT)
    fcntl.flock(lock, fcntl.LOCK_EX)
    assert machine.reopen() == 0
    assert machine.read_only and machine.told == [] and machine.units.exists()
    os.close(lock)
    machine.reopen()
    assert not machine.read_only


def test_no_work_begins_while_it_opens(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    def run(argv: Sequence[str]) -> object:
        if argv[0] == "mount":
            with pytest.raises(BlockingIOError), (machine.state / "lock").open() as other:
                fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return None

    r.main(machine.config, machine.units, run, lambda _: True)


def test_killed_before_it_was_closed(machine: Machine) -> None:
    """Programs were ended, and the working copy was never made read-only."""
    machine.read_only = False
    machine.reopen()
    assert machine.told == [*STARTED, STOPPED]


def test_without_a_list_saving_goes_on(machine: Machine) -> None:
    machine.units.unlink()
    machine.reopen()
    assert machine.told[1:] == [STARTED[0], STOPPED]


def test_what_fails_is_tried_again(machine: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    def fails(argv: Sequence[str]) -> object:
        raise subprocess.CalledProcessError(32, argv[0])

    assert r.main(machine.config, machine.units, fails, lambda _: True) == 1
    assert machine.units.exists()
    machine.config.write_text("{")
    assert machine.reopen() == 1
    machine.config.write_text(json.dumps({"state": "/nowhere/agent", "user_path": "/nowhere"}))
    assert machine.reopen() == 1
    assert capsys.readouterr().err.count("scipion-data-reopen: ") == 3


def test_it_and_the_lifecycle_mean_the_same() -> None:
    assert (r.TIMER, str(r.UNITS), unit("pull")) == (layout.REOPEN_TIMER, layout.REOPEN_UNITS, r.PULL)
    assert (FILES / layout.REOPEN_TIMER).is_file()
