"""Volumes that are kept because nothing proves that their data are saved; also those whose record was lost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cloudify_scipion.errors import PermanentError
from cloudify_scipion.lifecycle.ports import Services
from cloudify_scipion.lifecycle.record import Binding, Record
from cloudify_scipion.lifecycle.volume import what_is_known, why_held

LOST = "its project's record is lost"
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
    records = services.projects.all()
    found = [
        Held(r.project, r.volume, r.volume_bytes, why, what_is_known(r), r.binding.deployment)
        for r in records
        if (why := why_held(r) or _has_no_machine(services, r))
    ]
    known = {record.volume for record in records}
    return sorted(found + [held for held in _tagged(services) if held.volume not in known], key=lambda h: h.project)


def _has_no_machine(services: Services, record: Record) -> str:
    """Why a volume is kept whose machine is lost, perhaps with its deployment; empty where that is not so."""
    lost = record.volume_written and not services.machines.look(record.machine).exists
    return NO_MACHINE if lost and services.volumes.look(record.volume).exists else ""


def lost_record(services: Services, project: str) -> Record:
    """What the tags of its volume tell of a project whose record was lost. Raises PermanentError if there is none."""
    for held in _tagged(services):
        if held.project == project:
            binding = Binding(services.projects.installation(), "", held.deployment)
            return Record(
                project, binding, machine=held.volume, volume=held.volume, volume_bytes=held.bytes, volume_written=True
            )
    raise PermanentError(
        f"no volume of a project '{project}' is here", "look for a typing error: cloudify-scipion held"
    )


def _tagged(services: Services) -> Sequence[Held]:
    """The volumes that carry this installation's tags."""
    volumes = services.volumes.all()
    if not volumes:
        return []
    own = services.projects.installation()
    return [
        Held(facts.tags["project"], name, facts.size_bytes, LOST, deployment=facts.tags.get("deployment", ""))
        for name, facts in volumes.items()
        if facts.tags.get("installation") == own and "project" in facts.tags
    ]
