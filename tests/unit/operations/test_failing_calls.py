"""An uninstall of which something fails, with `ignore_failure`: nothing is lost, and what is left can be ended."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from copy import deepcopy
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from cloudify.exceptions import NonRecoverableError

from cloudify_scipion.errors import PermanentError
from cloudify_scipion.lifecycle.held import held_volumes
from tests.fakes.deployment import GATE, UNINSTALL, Deployment
from tests.fakes.kill import Reaper
from tests.fakes.world import World
from tests.unit.lifecycle.test_seal import installed

ENDING = (GATE, *UNINSTALL)
IGNORING: dict[tuple[str, str], dict[str, Any]] = {("machine", "stop"): {"ignore_failure": True}}


@dataclass
class Failing(Reaper):
    """Every call of one method of a port fails, `after` it has done its work or before; it notes what is called."""

    method: str = ""
    seen: set[str] = field(default_factory=set)

    def call(self, name: str, work: Callable[[], Any]) -> Any:
        if not name.startswith(("clock.", "progress.")):  # those never fail
            self.seen.add(name)
        if name != self.method:
            return work()
        if self.after:
            work()
        raise PermanentError(f"{name} failed")


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("which", range(len(ENDING)))
def test_what_fails_in_an_uninstall_can_be_ended_later(tmp_path: Path, which: int, after: bool) -> None:
    begun = World(tmp_path / "begun")
    demo, noticing = installed(begun), Failing()
    demo.run(ENDING[:which])
    begun.end_process()
    kept = copied(demo, tmp_path / "kept")
    demo.operation(*ENDING[which], noticing)
    for method in sorted(noticing.seen):
        again = copied(kept, tmp_path / method)
        for operation in ENDING[which:]:
            failing = Failing(method=method, after=after) if operation == ENDING[which] else None
            with suppress(NonRecoverableError):
                again.operation(*operation, failing, **IGNORING.get(operation, {}))
        again.world.end_process()
        assert_findable(again.world, method)
        again.run(ENDING, ignore_failure=True)  # held is as good as sealed
        again.world.end_process()
        assert not again.world.host.machines and not again.world.host.alive(), method
        assert_findable(again.world, method)


def copied(demo: Deployment, root: Path) -> Deployment:
    """The same deployment once more, on a copy of its world."""
    runtime = deepcopy(demo.runtime)
    for made in (facts["made"] for facts in runtime.values() if "made" in facts):
        made["root"] = str(root)
    return replace(demo, world=demo.world.copy(root), runtime=runtime, log=[])


def assert_findable(world: World, method: str) -> None:
    """The data are somewhere; a machine has a record; a volume is listed once it has no machine."""
    volumes = world.host.volumes
    kept = any(volume.files.get("mine") == b"results" for volume in volumes.values())
    assert kept or world.space().files.get("mine") == b"results", method
    machines = {*world.host.machines, *world.host.folderless}
    assert not machines or world.known(), method
    assert machines or {*volumes} <= {held.volume for held in held_volumes(world.services())}, method
