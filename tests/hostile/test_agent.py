"""The agent on data spaces that misbehave: nothing is lost, failures are told, and the next work puts things right."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.hostile.machine import RESERVED, Machine, change, fill, on
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
    "busy": {"eagain_every": 7},
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
    "no space": Fault({"enospc_after": 2_000_000}, 5, ("full",)),
    "no space at all": Fault({"enospc_after": 0}, 5, ("full",)),
    "read-only": Fault({"read_only": True}, 4, ("cannot be written", "Read-only")),
    "not writable": Fault({"read_only": "EACCES"}, 4, ("cannot be written", "Permission denied")),
    "empty": Fault({"empty": True}, 4, ("not mounted",)),
    "all calls fail": Fault({"error": "EIO"}, 75, ("Input/output error",)),
    "reads fail": Fault({"error": "EIO", "error_kinds": ["read"]}, (75, 4), ("Input/output error",)),
    "renames fail": Fault({"error": "EIO", "error_kinds": ["rename"]}, 75, ("Input/output error",)),
    "creating fails": Fault({"error": "EIO", "error_kinds": ["create"]}, 75, ("Input/output error",)),
    "refused for ever": Fault({"error": "EACCES"}, 4, ("Permission denied",)),
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
