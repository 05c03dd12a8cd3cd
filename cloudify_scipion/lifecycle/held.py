"""Volumes that are kept because nothing proves that their data are saved; also those whose record was lost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cloudify_scipion.errors import PermanentError
from cloudify_scipion.lifecycle.ports import Services
from cloudify_scipion.lifecycle.record import Binding, Record, VolumeState
from cloudify_scipion.lifecycle.volume import what_is_known, why_held

LOST = "its project's record is lost or damaged"
NO_MACHINE = "its machine is gone"


@dataclass(frozen=True)
class Held:
    """A held volume: of which project and deployment, how big (bytes), why it is kept, and how much is saved."""

    project: str
    volume: str
    bytes: int
    why: str
    saved: str = ""
    deployment: str = ""


def held_volumes(services: Services) -> Sequence[Held]:
    """All of this installation, by project."""
    records = [*services.projects.readable()]
    found = [
        Held(r.project, r.volume, r.volume_bytes, why, what_is_known(r), r.binding.deployment)
        for r in records
        if (why := why_held(r) or _has_no_machine(services, r))
    ]
    known = {record.volume for record in records}
    lost = [held for site in services.sites() for held in _tagged(services, site) if held.volume not in known]
    return sorted({held.volume: held for held in found + lost}.values(), key=lambda held: held.project)


def _has_no_machine(services: Services, record: Record) -> str:
    """Why a volume is kept whose machine is lost, perhaps with its deployment; empty where that is not so."""
    lost = record.volume_written and not services.of(record).machines.look(record.machine).exists
    return NO_MACHINE if lost and services.of(record).volumes.look(record.volume).exists else ""


def lost_record(services: Services, project: str) -> Record:
    """What the tags of its volume tell of a project whose record was lost. Raises PermanentError if there is none."""
    for place, held in [(site, held) for site in services.sites() for held in _tagged(services, site)]:
        if held.project == project:
            return Record(
                project,
                Binding(services.projects.installation(), "", held.deployment),
                machine=held.volume,
                volume=held.volume,
                volume_bytes=held.bytes,
                volume_state=VolumeState.WRITTEN,
                settings={"site": place},
            )
    raise PermanentError(
        f"no volume of a project '{project}' is here", "look for a typing error: cloudify-scipion held"
    )


def _tagged(services: Services, site: Mapping[str, Any]) -> Sequence[Held]:
    """The volumes of a site that carry this installation's tags."""
    volumes = services.provider(site).volumes.all()
    if not volumes:
        return []
    own = services.projects.installation()
    return [
        Held(facts.tags["project"], name, facts.size_bytes, LOST, deployment=facts.tags.get("deployment", ""))
        for name, facts in volumes.items()
        if facts.tags.get("installation") == own and "project" in facts.tags
    ]
