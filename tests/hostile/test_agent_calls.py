"""How often the agent asks the data space, counted at the FUSE."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.hostile.machine import Machine
from tests.hostile.space import HostileSpace

pytestmark = pytest.mark.long
FILES, FOLDERS = 120, 6
WORK = 65
"""Calls that a work may make for itself: its heartbeats (five calls each: the lease is read and written), the manifest,
our own folders, how much room there is."""
PROBES = 150
"""Calls that find out what a data space can hold, at each pull."""


class Counted(Machine):
    """A machine whose project's folder is the mount itself."""

    mounted: HostileSpace
    second: HostileSpace

    def calls(self, *works: str) -> Mapping[str, int]:
        """What works cost, by kind."""
        self.mounted.reset_calls()
        self.second.reset_calls()
        self.done(*works)
        return self.mounted.reset_calls()


@pytest.fixture(params=[60.0])
def machine(tmp_path: Path, backing: Path, request: pytest.FixtureRequest) -> Iterator[Counted]:
    with HostileSpace(backing, kernel_cache=request.param) as one, HostileSpace(backing) as two:
        made = Counted(tmp_path / "volume", one.space, backing=backing, verify=str(two.space))
        made.mounted, made.second = one, two
        made.done("pull")
        for number in range(FILES):
            made.write(f"folder {number % FOLDERS}/{number}", f"content {number}")
        yield made


@pytest.mark.parametrize("machine", [1.0], indirect=True)
def test_an_unchanged_push(machine: Counted) -> None:
    machine.done("push", "push")
    time.sleep(1.1)  # the kernel has forgotten every name
    calls = machine.calls("push")
    assert sum(calls.values()) <= 9, calls
    heartbeat = {"open", "read", "write", "flush", "release"}
    assert set(calls) <= {"getattr", *heartbeat} and all(calls.get(call, 0) <= 1 for call in heartbeat), calls


def test_a_first_push(machine: Counted) -> None:
    calls = machine.calls("push")
    assert sum(calls.values()) - calls["getattr"] <= 6 * FILES + 3 * FOLDERS + WORK, calls
    assert calls["getattr"] <= 3 * FILES + 4 * FOLDERS, (
        calls,
        "its name once, and its folder once after each new name: twice where another thread has made one meanwhile",
    )
    assert calls["write"] <= FILES + 5
    assert calls["rename"] <= FOLDERS + 5, "a new folder is moved to its place at once"
    assert calls["opendir"] <= 3, "a push lists nothing but the lease"


def test_new_files_in_known_folders(machine: Counted) -> None:
    machine.done("push")
    for number in range(FILES):
        machine.write(f"folder {number % FOLDERS}/new {number}", f"new {number}")
    calls = machine.calls("push")
    assert sum(calls.values()) <= 14.5 * FILES + WORK, calls
    assert calls["write"] <= FILES + 5 and calls["rename"] <= FILES + 5


def test_a_push_of_changes(machine: Counted) -> None:
    machine.done("push")
    for number in range(0, FILES, 2):
        machine.write(f"folder {number % FOLDERS}/{number}", f"changed {number}", age=60)
    calls = machine.calls("push")
    assert sum(calls.values()) <= 22 * FILES / 2 + WORK, calls
    assert calls["opendir"] <= 3
    assert "read" not in calls or calls["read"] <= 5, "nothing is compared by content that is as it was left"


def test_a_push_of_deletions_and_moves(machine: Counted) -> None:
    machine.done("push")
    for number in range(0, FILES, 4):
        (machine.user / f"folder {number % FOLDERS}/{number}").unlink()
    (machine.user / "folder 1").rename(machine.user / "moved")
    calls = machine.calls("push")
    assert sum(calls.values()) <= 10 * FILES / 4 + 10 + WORK, calls
    assert calls["rename"] <= FILES / 4 + 5, "a folder is moved at once"
    assert calls["write"] <= 5


def test_a_scan_lists(machine: Counted) -> None:
    machine.done("push", "scan")
    calls = machine.calls("scan")
    assert sum(calls.values()) <= 6 * (FOLDERS + 3) + WORK, calls
    assert calls.get("write", 0) <= 1, "a scan writes nothing but its heartbeat"
    assert calls.get("read", 0) <= 5 and not {"create", "mkdir", "rename", "unlink", "utimens"} & set(calls), calls


def test_a_first_pull(machine: Counted, tmp_path: Path) -> None:
    machine.done("push")
    again = Counted(tmp_path / "again", machine.space, machine="m2", generation=2, backing=machine.backing)
    again.mounted, again.second = machine.mounted, machine.second
    calls = again.calls("pull")
    assert sum(calls.values()) <= 5 * FILES + 6 * FOLDERS + 2 * WORK + PROBES, calls
    assert calls["open"] <= FILES + 12 and calls["read"] <= FILES + 12, "a small file is opened once, and read at once"
    assert calls["getattr"] <= FILES + FOLDERS + PROBES, "its facts come with the listing"


def test_verify_opens_every_file_once(machine: Counted) -> None:
    machine.done("push")
    machine.calls("verify")
    calls = machine.second.calls()
    assert FILES <= calls["open"] <= FILES + 10, calls
    assert sum(machine.mounted.calls().values()) <= 8, "it asks another client"
