"""What was once made for a deployment, remembered apart from the record: that no record is here proves nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

from cloudify_scipion.errors import RecordLost
from cloudify_scipion.lifecycle.ports import Services
from cloudify_scipion.lifecycle.record import Binding, Record

MADE = "made"
"""The runtime property that holds it, of nodes that stand for a machine or a volume."""


@dataclass(frozen=True)
class Made:
    """A project's machine and volume, and whose state has the record of them. Public, never secret."""

    project: str
    installation: str
    host: str
    root: str
    machine: str
    volume: str


def made_of(services: Services, record: Record) -> Made:
    """What is to be remembered of a project from before its first resource is made until it has ended."""
    place = services.projects.place()
    return Made(record.project, record.binding.installation, place.host, place.root, record.machine, record.volume)


def made_from(facts: object) -> Made:
    """What was remembered; what is missing in it, or damaged, is said to be unknown."""
    told = facts if isinstance(facts, Mapping) else {}
    return Made(**{field.name: str(told.get(field.name) or "(unknown)") for field in fields(Made)})


def has_ended(services: Services, project: str, binding: Binding, made: Made | None) -> bool:
    """Whether what is remembered has come to its end here: another installation may have made it anew since.

    So may a copy of this one, with another state folder; and what is remembered may be another project.
    """
    here = services.projects.place()
    ours = (project, binding.installation, here.host, here.root)
    same = made is None or (made.project, made.installation, made.host, made.root) == ours
    return same and services.projects.was_ended(project, binding)


def is_adoptable(services: Services, made: Made, binding: Binding) -> bool:
    """Whether an install or heal here finds all of it again by its tags, though the record was lost."""
    found = (made.volume in services.provider(site).volumes.all() for site in services.sites())
    return made.installation == binding.installation and any(found)


def record_lost(services: Services, made: Made, binding: Binding) -> RecordLost:
    """The error for whoever would end, or go on with, what another state's record knows."""
    here, deployment = services.projects.place(), binding.deployment
    if (made.host, made.root) == (here.host, here.root):
        ways = [f"restore {made.root} as it was, from a backup"]
    else:
        ways = [f"run this on host {made.host}, with the state folder {made.root}"]
    if is_adoptable(services, made, binding):
        ways += [f"cfy install ... -b {deployment}    make the record anew: machine and volume are here, and adopted"]
    ways += [
        f"cfy uninstall -b {deployment} -p ignore_failure=true    end the deployment alone: all else is left as it is"
    ]
    return RecordLost(
        f"project '{made.project}' has no record in the state folder {here} (installation {binding.installation}). "
        f"Machine {made.machine} and volume {made.volume} were made by installation {made.installation}, whose state "
        f"folder is {made.root} on host {made.host}: they and their data may be there still, so nothing was touched",
        "\n    ".join(["one of these", *ways]),
    )
