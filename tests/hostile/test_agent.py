"""The agent on data spaces that misbehave: nothing is lost, failures are told, and the next work puts things right."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.hostile.machine import MANY, RESERVED, Machine, change, fill, on
from tests.hostile.space import HostileSpace
from tests.unit.agent.rig import contents

pytestmark = pytest.mark.long


@pytest.fixture
def mounted(backing: Path) -> Iterator[HostileSpace]:
    """As a real client mounts: the kernel remembers for a second."""
    with HostileSpace(backing, kernel_cache=1) as space:
        yield space


@pytest.fixture
def machine(mounted: HostileSpace, tmp_path: Path, backing: Path) -> Iterator[Machine]:
    with on(mounted, tmp_path / "volume", backing) as made:
        yield made


ONE_BY_ONE = (
    "getattr", "readlink", "mkdir", "symlink", "unlink", "rmdir", "rename", "chmod", "chown", "utimens", "create",
    "open", "read", "write", "fsync", "opendir",
)  # fmt: skip
"""Calls that can be made again alone. A listing is three calls or more, and a close that fails costs the whole file: no
program can do these for ever where every fifth call fails."""

LASTING: dict[str, dict[str, Any]] = {
    "good": {},
    "times of whole seconds": {"coarse_times": True},
    "no symbolic links": {"no_symlinks": True},
    "no hard links": {"no_links": True},
    "no owners": {"no_chown": True},
    "owners ignored": {"no_chown": "ignore"},
    "no modes": {"no_chmod": True},
    "modes ignored": {"no_chmod": "ignore"},
    "no times": {"no_utime": True},
    "times ignored": {"no_utime": "ignore"},
    "no odd names": {"no_odd_names": True},
    "old attributes": {"stale_attributes": 30},
    "no rename flags": {"no_rename_flags": True},
    "renames by copying": {"no_rename_flags": True, "rename_copies": True},
    "busy": {"eagain_every": 11},
    "very busy": {"eagain_every": 5, "eagain_kinds": ONE_BY_ONE},
    "slow": {"delay": 0.002},
    "past the page cache": {"direct_io": True},
    "everything at once": {
        "coarse_times": True, "no_symlinks": True, "no_links": True, "no_chown": True, "no_chmod": True,
        "no_utime": True, "no_odd_names": True, "no_rename_flags": True, "rename_copies": True, "eagain_every": 5,
        "eagain_kinds": ONE_BY_ONE,
    },
}  # fmt: skip


@pytest.mark.parametrize("name", LASTING)
def test_a_project_on_a_space_that_is_so(name: str, machine: Machine, mounted: HostileSpace, tmp_path: Path) -> None:
    """Pull, save, change, seal, and open on another machine."""
    mounted.set(**LASTING[name])
    machine.web("facility/raw", b"facility's")
    machine.done("pull")
    fill(machine)
    first = machine.local()
    machine.done("push")
    assert machine.local() == first
    machine.clock.pass_time(60)
    change(machine)
    second = machine.local()
    machine.done("push")
    assert machine.local() == second, "the working copy is nobody's but its user's"
    machine.done("scan", "push", "verify")
    assert machine.conflicts() == []
    assert machine.alarms() == []
    kept = machine.everything()
    assert kept >= {content for content in [*first.values(), *second.values()] if not content.startswith(b"->")}
    machine.done("seal")
    assert (machine.state / "seal.json").exists()
    assert machine.local() == second
    again = Machine(
        tmp_path / "again", machine.space, machine="m2", generation=2, backing=machine.backing, verify=machine.verify
    )
    again.done("pull")
    assert again.local() == second
    assert (again.user / "script").stat().st_mode & 0o777 == 0o755
    assert (again.user / "folder/empty").is_dir()
    again.done("push", "verify")
    assert again.conflicts() == [] and contents(again.user) == second


# faults that come and go


@dataclass(frozen=True)
class Fault:
    """What a push says while it lasts: its exit code (one of these) and words of its message."""

    wrong: dict[str, Any]
    codes: int | tuple[int, ...]
    words: tuple[str, ...]


FAULTS = {
    "errors at close": Fault({"fails_at": "flush"}, 75, ("Input/output error",)),
    "errors at fsync": Fault({"fails_at": "fsync"}, 75, ("Input/output error",)),
    "errors at close of the project's": Fault({"fails_at": "flush", "only": "*/tmp/*"}, 75, ("Input/output error",)),
    "no space, told at close": Fault({"fails_at": "flush", "fails_with": "ENOSPC"}, 5, ("full",)),
    "no space, told at fsync": Fault({"fails_at": "fsync", "fails_with": "ENOSPC"}, 5, ("full",)),
    "no space": Fault({"enospc_after": 2_000_000}, 5, ("no room for 1 files", "large")),
    "no space at all": Fault({"enospc_after": 0}, 5, ("full",)),
    "read-only": Fault({"read_only": True}, 7, ("granted read-only", "Read-only file system")),
    "not writable": Fault({"read_only": "EACCES"}, 7, ("granted read-only", "Permission denied")),
    "empty": Fault({"empty": True}, 4, ("not mounted",)),
    "all calls fail": Fault({"error": "EIO"}, (75, 4), ("Input/output error",)),
    "reads fail": Fault({"error": "EIO", "error_kinds": ["read"]}, (75, 4, 6), ("Input/output error",)),
    "renames fail": Fault({"error": "EIO", "error_kinds": ["rename"]}, 75, ("Input/output error",)),
    "creating fails": Fault({"error": "EIO", "error_kinds": ["create"]}, 75, ("Input/output error",)),
    "refused for ever": Fault({"error": "EACCES"}, (7, 75), ("Permission denied",)),
    "busy for ever": Fault({"eagain_every": 1}, (75, 4), ("temporarily",)),
    "renames stop half-way": Fault(
        {"no_rename_flags": True, "rename_copies": True, "rename_stops": "half"}, 75, ("Input/output error",)
    ),
    "renames stop before the source is gone": Fault(
        {"no_rename_flags": True, "rename_copies": True, "rename_stops": "copied"}, 75, ("Input/output error",)
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_during_a_push(name: str, machine: Machine, mounted: HostileSpace) -> None:
    """It is told, destroys nothing here or there, and the next push completes."""
    fault = FAULTS[name]
    machine.done("pull")
    fill(machine)
    machine.done("push")
    machine.clock.pass_time(60)
    change(machine)
    before, local = machine.everything(), machine.local()
    mounted.set(**fault.wrong)
    for _ in range(2):
        machine.refused("push", fault.codes, *fault.words)
        assert machine.local() == local
        assert machine.everything() >= before, "what was there is there"
    mounted.good()
    machine.done("push")
    assert machine.local() == local
    assert machine.saved() == local
    assert machine.conflicts() == []
    assert not list((machine.backing / RESERVED / "tmp").iterdir())
    assert machine.everything() >= before | set(local.values())
    machine.done("scan", "push", "verify", "seal")
    assert machine.conflicts() == []


DURING = ("errors at close", "errors at fsync", "empty", "all calls fail", "reads fail", "refused for ever")
UNHARMED = {
    ("scan", "errors at close"), ("scan", "errors at fsync"), ("scan", "reads fail"), ("verify", "errors at close"),
    ("verify", "errors at fsync"), ("verify", "reads fail"), ("verify", "all calls fail"),
}  # fmt: skip
"""Works that may succeed all the same, since they do nothing that fails so."""


@pytest.mark.parametrize("work", ["pull", "scan", "verify", "seal"])
@pytest.mark.parametrize("name", DURING)
def test_a_fault_during_another_work(name: str, work: str, machine: Machine, mounted: HostileSpace) -> None:
    """A fault is nobody's deletion and no damage: afterwards all is as if it had not been.

    A verification reads another way, and goes on without the lease for as long as its last heartbeat counts.
    """
    fill(machine)
    machine.web("facility/raw", b"facility's")
    if work != "pull":
        machine.done("pull", "push")
        machine.write("new", b"new")
    local = machine.local()
    mounted.set(**FAULTS[name].wrong)
    ended = machine.work(work)
    if ended.code or (work, name) not in UNHARMED:
        assert ended.code in (1, 4, 6, 7, 75) and ended.message and ended.next_step, ended
    assert not (machine.state / "seal.json").exists()
    mounted.good()
    machine.done("pull", "push", "scan", "verify", "seal")
    assert machine.saved() == machine.local() == {**local, "facility/raw": b"facility's"}
    assert machine.conflicts() == [] and machine.trash() == {}


def test_a_pull_is_taken_up_where_it_was(machine: Machine, mounted: HostileSpace) -> None:
    for number in range(30):
        machine.web(f"raw/{number}", f"content {number}")
    mounted.set(error="EIO", error_kinds=["open"], only="*/raw/2*")
    ended = machine.refused("pull", 6, "11 files could not be pulled", "Input/output error")
    assert "tried again by the next scan" in ended.next_step
    assert len(machine.local()) == 19
    machine.write("new", "saved already")
    machine.done("push")
    mounted.good()
    machine.done("scan")
    assert machine.local() == machine.saved()
    assert len(machine.local()) == 31, "what could not be read was neither missed nor deleted"


@pytest.mark.parametrize("how", [{"read_only": True}, {"read_only": "EACCES"}])
def test_a_pull_of_a_space_that_cannot_be_written(how: dict[str, Any], machine: Machine, mounted: HostileSpace) -> None:
    mounted.set(**how)
    assert "operator" in machine.refused("pull", 7, "granted read-only").next_step


# writes that are acknowledged and never done


DROPS = {
    "zeros": {"drops_writes": "zeros"},
    "empty": {"drops_writes": "empty"},
    "zeros that the writer does not see": {"drops_writes": "zeros", "writer_sees_writes": True},
    "empty files that the writer does not see": {"drops_writes": "empty", "writer_sees_writes": True},
}


@pytest.mark.parametrize("only", ["", "*/tmp/*"])
@pytest.mark.parametrize("name", DROPS)
def test_dropped_writes_are_never_sealed(
    name: str, only: str, machine: Machine, mounted: HostileSpace, backing: Path
) -> None:
    machine.done("pull")
    fill(machine)
    machine.done("push")
    machine.clock.pass_time(60)
    change(machine)
    before, local = machine.everything(), machine.local()
    mounted.set(**DROPS[name], only=only)
    machine.work("push")
    dropped = machine.saved() != local or machine.work("verify").code != 0
    ended = machine.work("seal")
    assert machine.local() == local
    assert (ended.code != 0) == dropped, ended
    assert (machine.state / "seal.json").exists() == (not dropped)
    assert ended.code in (0, 6), ended
    assert machine.everything() >= before - {b""}
    machine.work("scan")
    assert machine.conflicts() == []
    mounted.good()
    machine.done("pull", "push")
    machine.work("verify")
    machine.done("push", "scan", "push", "verify", "seal")
    assert machine.conflicts() == []
    assert machine.saved() == machine.local() == local
    assert machine.everything() >= before | set(local.values())


def test_dropped_writes_and_a_client_that_stays_wrong(machine: Machine, mounted: HostileSpace) -> None:
    """The writer's own view goes on to show what was never stored: only the second mount's counts."""
    machine.done("pull")
    fill(machine)
    mounted.set(drops_writes="zeros", writer_sees_writes=True, only="*/tmp/*")
    machine.done("push")
    machine.refused("verify", 6, "files are not in the data space as they are here", "its content is another")
    mounted.set(drops_writes="")
    machine.done("scan", "push", "verify", "seal")
    assert machine.saved() == machine.local()
    assert machine.conflicts() == []


# a connection that is cut


@pytest.mark.parametrize("then", ["scan", "pull", "seal"])
def test_a_cut_connection(then: str, machine: Machine, mounted: HostileSpace, tmp_path: Path) -> None:
    """What was just written is empty afterwards, the lease and the manifest with it."""
    machine.web("facility/raw", b"facility's")
    machine.done("pull")
    fill(machine)
    machine.done("push")
    local = machine.local()
    assert mounted.cut() > MANY
    assert b"small 0" not in machine.everything()
    machine.done(then)
    if then != "seal":
        machine.done("push", "verify")
        assert machine.done("push").facts["files"] == 0
    assert machine.local() == machine.saved() == local
    assert machine.conflicts() == []
    again = Machine(
        tmp_path / "again", machine.space, machine="m2", generation=2, backing=machine.backing, verify=machine.verify
    )
    again.done("pull")
    assert again.local() == local
    assert (again.user / "script").stat().st_mode & 0o777 == 0o755


def test_a_cut_connection_and_a_new_machine(machine: Machine, mounted: HostileSpace, tmp_path: Path) -> None:
    """What was cut is lost with the first machine's volume; it is told, and the rest is whole."""
    machine.done("pull")
    machine.write("old", b"old")
    machine.done("push")
    time.sleep(0.3)
    machine.write("young", b"young")
    machine.done("push")
    mounted.cut(0.25)
    again = Machine(
        tmp_path / "again", machine.space, machine="m2", generation=2, backing=machine.backing, verify=machine.verify
    )
    again.done("pull")
    assert again.local() == {"old": b"old", "young": b""}
    again.done("push", "verify")


# a mount that hangs, or dies


@pytest.mark.parametrize("kinds", [(), ("fsync",), ("rename",), ("write",), ("utimens",), ("create", "getattr")])
@pytest.mark.parametrize("work", ["push", "scan", "seal"])
def test_a_mount_that_hangs(work: str, kinds: tuple[str, ...], machine: Machine, mounted: HostileSpace) -> None:
    """A work waits for it, and ends as if nothing had been."""
    machine.done("pull")
    fill(machine)
    machine.done("push")
    change(machine)
    machine.web("web", b"from the web")
    local = machine.local()
    mounted.set(hang=True, hang_kinds=kinds)
    running = machine.start(work)
    if work != "scan" or "write" in kinds or not kinds:  # a scan writes nothing but its heartbeat
        with pytest.raises(TimeoutError):
            running.result(timeout=1)
    mounted.release()
    assert running.result(timeout=60).code == 0
    machine.done("pull", "scan", "push", "verify", "seal")
    assert machine.saved() == machine.local() == {**local, "web": b"from the web"}
    assert machine.conflicts() == []


def test_a_mount_that_hangs_for_longer_than_the_lease(machine: Machine, mounted: HostileSpace) -> None:
    """Whoever waits for our heartbeat may have taken over meanwhile: nothing is put in place any more."""
    machine.done("pull")
    machine.write("a", b"content")
    mounted.set(hang=True, hang_kinds=["fsync"])
    running = machine.start("push")
    with pytest.raises(TimeoutError):
        running.result(timeout=1)
    machine.clock.pass_time(1000)
    mounted.release()
    ended = running.result(timeout=60)
    assert (ended.code, machine.saved()) == (75, {})
    assert "sign of life" in ended.message
    machine.done("push")
    assert machine.saved() == {"a": b"content"}


@pytest.mark.parametrize("when", ["before", "in a rename"])
def test_a_client_that_dies(when: str, machine: Machine, mounted: HostileSpace, backing: Path) -> None:
    machine.done("pull")
    fill(machine)
    machine.done("push")
    machine.clock.pass_time(60)
    change(machine)
    before, local = machine.everything(), machine.local()
    if when == "before":
        mounted.die()
    else:
        mounted.set(no_rename_flags=True, rename_copies=True, rename_stops="half", rename_then="die")
    for work in ("push", "push", "scan", "seal"):
        ended = machine.work(work)
        assert ended.code in (4, 75) and ended.next_step, ended
        assert "onnect" in ended.message or "not" in ended.message, ended
    assert machine.local() == local and machine.everything() >= before
    with HostileSpace(backing, kernel_cache=1) as remounted:
        machine.space = remounted.space / "project"
        machine.done("push")
        assert machine.conflicts() == []
        machine.done("scan", "push", "verify", "seal")
        assert machine.saved() == machine.local() == local
        assert machine.everything() >= before | set(local.values())


def test_the_second_mount_is_gone(machine: Machine, tmp_path: Path) -> None:
    """Verify says that it cannot look, not that files are missing."""
    machine.done("pull")
    fill(machine)
    machine.done("push")
    verify, machine.verify = machine.verify, str(tmp_path / "nothing")
    machine.refused("verify", 4, "second mount")
    machine.refused("seal", 4, "second mount")
    (tmp_path / "nothing").mkdir()
    machine.refused("verify", 4, "not mounted")
    machine.verify = verify
    assert machine.done("push").facts["files"] == 0
    machine.done("verify", "seal")
