"""A machine that boots has its volume writable, and the seal on it is gone before anybody could write."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from cloudify_scipion.lifecycle.layout import WHOLE
from tests.contract.worlds import RealWorld, spec
from tests.installation import wait_until
from tests.realhost import RealHost

pytestmark = pytest.mark.machine

MODULE = Path(__file__).parents[2] / "puppet/modules/working_copy"
SYSTEMD = "/etc/systemd/system"
SEAL = '{"manifest": "abc"}'
LOGIN = "[Service]\nType=oneshot\nExecStart=/bin/sh -c 'ls {seal} > /saw 2>&1 || true'\n"
"""Whatever starts as services do, which is when people could begin to write."""


def unit() -> str:
    """The unit as Puppet writes it."""
    text = (MODULE / "templates/scipion-data-unseal.service.epp").read_text()
    return re.sub(r"<%-.*?-%>\n", "", text).replace("<%= $volume %>", WHOLE)


def enable(world: RealWorld, name: str, text: str, target: str) -> None:
    world.put("m", f"{SYSTEMD}/{name}", text)
    link = world.host.folder("m").path / f"root{SYSTEMD}/{target}.wants/{name}"
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(f"{SYSTEMD}/{name}")


def test_a_boot_takes_the_seal_away(machine_state: Path) -> None:
    host = RealHost(machine_state)
    host.clear()
    world = RealWorld(host)
    world.volumes.create("v", 100_000_000, {})
    world.machines.start(spec(world, "m", volume="v"))
    enable(world, "scipion-data-unseal.service", unit(), "sysinit.target")
    enable(world, "login.service", LOGIN.format(seal=f"{WHOLE}/agent/seal.json"), "multi-user.target")
    world.machines.stop("m")
    (host.folder("m").path / "upper/saw").unlink(missing_ok=True)  # the first boot may have come to it
    world.seal("v", SEAL)
    world.volumes.detach("v")
    assert world.volumes.seal("v") == {"manifest": "abc"}
    world.machines.start(spec(world, "m", volume="v"))  # as whoever boots it: the lifecycle would unseal before
    wait_until(lambda: world.get("m", "/saw") is not None, 120)
    assert "No such file" in (world.get("m", "/saw") or "")
    assert world.volumes.seal("v") == {}
    host.clear()
