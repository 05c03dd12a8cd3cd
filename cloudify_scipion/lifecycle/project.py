"""Accepting a project: whose it is, and what may change in it once it exists."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from cloudify_scipion.errors import PermanentError, ProjectTaken
from cloudify_scipion.lifecycle.facts import MachineFacts, VolumeFacts
from cloudify_scipion.lifecycle.ports import Services
from cloudify_scipion.lifecycle.provider import Provider
from cloudify_scipion.lifecycle.record import DISCARDING, WRITTEN, Binding, MachineState, Record, VolumeState
from cloudify_scipion.lifecycle.space import data_source
from cloudify_scipion.project.names import resource_name

DAY = timedelta(days=1)


def accept_project(services: Services, project: Mapping[str, Any], site: Mapping[str, Any], binding: Binding) -> Record:
    """The project's record, made at the first call and bound to the deployment before anything else is made.

    Raises ProjectTaken when the id belongs to another deployment.
    """
    known = services.projects.load(project["id"])
    if known and known.binding != binding:
        raise ProjectTaken(
            f"project '{project['id']}' belongs to {known.binding}, first used {known.created}",
            "choose another project id, or work with that deployment",
        )
    record = known or _new_record(services, project, site, binding)
    expires = _expires(record.created, project)
    record = as_it_is(services, record.asking("project", project).asking("site", site))
    asked = replace(record, expires=expires)
    if asked != known:
        services.projects.save(asked)
    return asked


def as_it_is(services: Services, record: Record) -> Record:
    """The record as the volume says that it is: it may be an older copy of itself, and know too little of the data.

    What the volume was not told may not let it go; a machine that is younger than the record is of no rescue.
    """
    provider = services.of(record)
    volume, machine = provider.volumes.look(record.volume), provider.machines.look(record.machine)
    if record.rescuing and _generation(machine) > record.generation:
        record = replace(record, machine_state=_own(machine))
    if not volume.exists:
        return record
    later = _generation(volume) > record.generation
    if record.discarding and volume.tags.get(DISCARDING) == "yes":
        return record
    written = later or volume.tags.get(WRITTEN) == "yes" or machine.running or record.volume_written
    return replace(record, volume_state=VolumeState.WRITTEN if written else VolumeState.NEW)


def _own(machine: MachineFacts) -> MachineState:
    """The state of a machine that is not known to be another one: who knows what is on it."""
    return MachineState.PERSONAL if machine.exists else MachineState.NONE


def _generation(facts: VolumeFacts | MachineFacts) -> int:
    """The generation in its tags, 0 where that is not to be read."""
    told = facts.tags.get("generation", "")
    return int(told) if told.isdecimal() else 0


def has_remains(provider: Provider, project: str, binding: Binding) -> bool:
    """Whether a machine or volume is there although the project's record was lost."""
    name = _name(project, binding)
    machine = provider.machines.look(name)
    return machine.exists or machine.running or provider.volumes.look(name).exists


def _name(project: str, binding: Binding) -> str:
    return resource_name("scipion", project, key=f"{binding.installation}/{project}")


def _new_record(services: Services, project: Mapping[str, Any], site: Mapping[str, Any], binding: Binding) -> Record:
    """A first record. A volume or machine that is there already is that of a lost one, and who knows what is in it."""
    _refuse_second(services, project["id"], binding)
    now = services.clock.now()
    name = _name(project["id"], binding)
    provider = services.at(site)
    volume, machine = provider.volumes.look(name), provider.machines.look(name)
    owner = {**machine.tags, **volume.tags}.get("deployment", binding.deployment)
    if owner != binding.deployment:
        raise ProjectTaken(
            f"project '{project['id']}' belongs to deployment {owner}, whose volume or machine {name} is there",
            "choose another project id, or work with that deployment",
        )
    return Record(
        project=project["id"],
        binding=binding,
        generation=max(_generation(volume), _generation(machine)),
        created=now.isoformat(timespec="seconds"),
        machine=name,
        volume=name,
        volume_bytes=volume.size_bytes,
        volume_state=VolumeState.WRITTEN if volume.exists else VolumeState.NEW,
        machine_state=_own(machine),
        layer=machine.layer or "",
    )


def _refuse_second(services: Services, project: str, binding: Binding) -> None:
    """A deployment works on one project: with another id, nothing would ever delete the first one's machine."""
    for other in services.projects.of_deployment(binding):
        if other.project != project and other.installed:
            raise ProjectTaken(
                f"{binding} works on project '{other.project}', not on '{project}'",
                f"uninstall it first, or install '{project}' as another deployment (cfy install -b)",
            )


def _expires(created: str, project: Mapping[str, Any]) -> str:
    """The time limit counts from the first install, whatever is changed later."""
    return (datetime.fromisoformat(created) + int(project["time_limit_days"]) * DAY).isoformat(timespec="seconds")


def refuse_changes(
    record: Record, volume_bytes: int = 0, software: Mapping[str, Any] | None = None, source: str | None = None
) -> None:
    """Raise PermanentError with the differences when an existing project is asked to become something else.

    What is not given (0, None) is not compared. `source` is where the project's data are saved: with another one, the
    agent's memory of what is there would be wrong.
    """
    differences = []
    if record.volume_bytes and volume_bytes not in (0, record.volume_bytes):
        differences.append(f"volume: is {record.volume_bytes / 1e9:g} GB, asked for {volume_bytes / 1e9:g} GB")
    if record.volume_written and "data" in record.settings and source not in (None, data_source(record)):
        differences.append(f"data.project.source: is {data_source(record)!r}, asked for {source!r}")
    if record.installed and software is not None:
        differences += _software_differences(record.settings.get("software", software), software)
    if differences:
        listed = "\n".join(f"  {difference}" for difference in differences)
        raise PermanentError(
            f"project '{record.project}' exists and cannot be changed in this way:\n{listed}",
            "put the old values back, or use another project id; after an uninstall, software may be another one",
        )


def _software_differences(was: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    keys = ("scipion", "plugins", "em_packages", "example_data", "lock", "files")
    return [
        f"software.{key}: is {was.get(key)!r}, asked for {now.get(key)!r}"
        for key in keys
        if (was.get(key) or {}) != (now.get(key) or {})
    ]


def make_personal(services: Services, record: Record) -> Record:
    """Before anything of the project is put on its machine: from then on it makes no layer for others."""
    is_new = record.machine_state == MachineState.NEW
    return update(services, record, machine_state=MachineState.PERSONAL) if is_new else record


def note(services: Services, record: Record, text: str) -> Record:
    """Remember an event of the project and say it."""
    services.progress.say(text)
    noted = record.noting(services.clock.now(), text)
    services.projects.save(noted)
    return noted


def update(services: Services, record: Record, **values: Any) -> Record:
    """Save the record with new values, if they are new."""
    changed = replace(record, **values)
    if changed != record:
        services.projects.save(changed)
    return changed
