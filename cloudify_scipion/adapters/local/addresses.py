"""Where services of local machines answer: at ports of the host's loopback, reserved in the projects' records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from cloudify_scipion.adapters.local.network import HOST, port_is_free
from cloudify_scipion.adapters.lock import Locks
from cloudify_scipion.errors import PermanentError
from cloudify_scipion.lifecycle.facts import Endpoint
from cloudify_scipion.lifecycle.ports import Projects
from cloudify_scipion.lifecycle.record import Record

LOCK = "ports.lock"


@dataclass(frozen=True)
class Ports:
    """Ports of this host at which projects may answer, both ends included."""

    first: int = 20000
    last: int = 20999


def ports_of(site: Mapping[str, Any]) -> Ports:
    """The ports that a checked site document gives."""
    return Ports(**{key: int(value) for key, value in site.get("ports", {}).items()})


def reserve_ports(
    projects: Projects, root: Path, record: Record, services: Sequence[str], among: Ports
) -> Mapping[str, int]:
    """A free port for each service, reserved by writing them into the project's record under one lock."""
    with Locks().briefly(root / LOCK):
        known = projects.load(record.project)
        if known and set(services) <= set(known.ports):
            return dict(known.ports)
        taken = {port for other in projects.readable() for port in other.ports.values()}
        free = (port for port in range(among.first, among.last + 1) if port not in taken and port_is_free(port))
        chosen = dict(zip(services, free, strict=False))
        if len(chosen) < len(services):
            raise PermanentError(
                f"no free port between {among.first} and {among.last} on {HOST} (needed: {len(services)})",
                "widen `ports` in the site file, or end a project",
            )
        if known:
            projects.save(replace(known, ports=chosen))
        return chosen


def local_endpoint(record: Record, service: str) -> Endpoint:
    """Where the service answers; from another computer, SSH leads there."""
    port = record.port(service)
    return Endpoint(HOST, port, f"ssh -L {port}:{HOST}:{port} YOU@THIS-HOST")
