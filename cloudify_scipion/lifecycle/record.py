"""What is known of a project apart from Cloudify's memory: kept in its state folder, never secret."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from cloudify_scipion.errors import PermanentError
from cloudify_scipion.project.site import Site, site_from_document

FORMAT = 2
"""Of the record's file. Raise it when an older program would lose or misread what a record says."""
MAX_EVENTS = 200


WRITTEN, DISCARDING = "written", "discarding"
"""Tags of a volume that a machine had writable, and of one whose deletion began."""


class MachineState(StrEnum):
    """What machine the project has. `new` may become a layer for others, `personal` has something of the project on
    it, `rescue` only saves the volume of a project whose own machine is gone."""

    NONE, NEW, PERSONAL, RESCUE = "none", "new", "personal", "rescue"


class VolumeState(StrEnum):
    """What may be on the volume: `written` once a machine had it writable, `discarding` once its deletion began."""

    NEW, WRITTEN, DISCARDING = "new", "written", "discarding"


@dataclass(frozen=True)
class Binding:
    """Who owns a project id: the first (installation, tenant, deployment) that used it."""

    installation: str
    tenant: str
    deployment: str

    def __str__(self) -> str:
        return f"deployment {self.deployment} (tenant {self.tenant}, installation {self.installation})"


@dataclass(frozen=True)
class Event:
    """Something worth remembering; `at` is UTC in ISO 8601."""

    at: str
    text: str


@dataclass(frozen=True)
class Record:
    """One project. Times are UTC in ISO 8601, sizes bytes; `ports` maps a service's name to the port
    that the provider has reserved for it.

    `held` says why the volume is kept, empty if it is not; `at_end` is `discard` only if project and site both said so
    when the volume was made or adopted. `seal` is what the agent said of the last proof that all is saved, empty once
    the volume may have been written since (it is valid only together with the volume's tags). `saved` is what is known
    of the last pull or push. `settings` holds what was last asked of each part (keys: project, time_limit, site,
    volume, data, secrets, facility, software, workflow, puppet, desktop; planned: what later nodes will ask for),
    enough to build all of it again. `layer` is the software layer that the machine stands on, empty while its software
    is not complete.
    """

    project: str
    binding: Binding
    generation: int = 1
    created: str = ""
    expires: str = ""
    machine: str = ""
    volume: str = ""
    volume_bytes: int = 0
    volume_state: VolumeState = VolumeState.NEW
    at_end: str = "hold"
    held: str = ""
    seal: Mapping[str, Any] = field(default_factory=dict)
    saved: Mapping[str, Any] = field(default_factory=dict)
    machine_state: MachineState = MachineState.NONE
    ports: Mapping[str, int] = field(default_factory=dict)
    layer: str = ""
    tls_fingerprint: str = ""
    settings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    work_folder: str = ""
    events: tuple[Event, ...] = ()

    @property
    def installed(self) -> bool:
        """Whether the project has a machine."""
        return self.machine_state != MachineState.NONE

    @property
    def rescuing(self) -> bool:
        """Whether its machine is one that only saves."""
        return self.machine_state == MachineState.RESCUE

    @property
    def volume_written(self) -> bool:
        """Whether anything may be on the volume."""
        return self.volume_state != VolumeState.NEW

    @property
    def discarding(self) -> bool:
        """Whether the deletion of the volume began."""
        return self.volume_state == VolumeState.DISCARDING

    def site(self) -> Site:
        """The site where the project's machine runs."""
        return site_from_document(self.settings["site"])

    def noting(self, at: datetime, text: str) -> Record:
        """The record with one more event, the oldest dropped beyond a limit."""
        event = Event(at.isoformat(timespec="seconds"), text)
        return replace(self, events=(*self.events, event)[-MAX_EVENTS:])

    def asking(self, part: str, settings: Mapping[str, Any]) -> Record:
        """The record with what is now asked of `part`."""
        return replace(self, settings={**self.settings, part: dict(settings)})

    def port(self, name: str) -> int:
        """The port reserved for service `name`. Raises PermanentError when the project has no machine."""
        if name not in self.ports:
            raise PermanentError(f"project '{self.project}' has no machine", "install it")
        return self.ports[name]

    def tags(self) -> dict[str, str]:
        """The tags that every resource of the project carries."""
        return {
            "project": self.project,
            "deployment": self.binding.deployment,
            "generation": str(self.generation),
            "installation": self.binding.installation,
        }

    def volume_tags(self) -> dict[str, str]:
        """The tags of its volume: what a record alone may not say, and the digest of its seal, if it has one."""
        said = {WRITTEN: self.volume_written, DISCARDING: self.discarding}
        seal = {"seal": self.seal["manifest"]} if self.seal else {}
        return {**self.tags(), **{name: "yes" for name, is_so in said.items() if is_so}, **seal}


def to_document(record: Record) -> dict[str, Any]:
    """The record as plain JSON types, with its format."""
    return {"format": FORMAT, **asdict(record)}


def from_document(document: Mapping[str, Any]) -> Record:
    """The reverse of `to_document`; keys that it does not know are passed over."""
    for name in ("settings", "seal", "saved", "ports"):
        if not isinstance(document.get(name, {}), Mapping):
            raise ValueError(f"{name} is no object")
    known = {f.name for f in fields(Record)}
    values = {key: value for key, value in {**_states(document), **document}.items() if key in known}
    values["machine_state"] = MachineState(values["machine_state"])
    values["volume_state"] = VolumeState(values["volume_state"])
    values["binding"] = Binding(**document["binding"])
    values["events"] = tuple(Event(**event) for event in document.get("events", ()))
    return Record(**values)


def _states(document: Mapping[str, Any]) -> dict[str, Any]:
    """The states as format 1 said them, by flags. A volume that is not known to be empty is not."""
    own = MachineState.PERSONAL if document.get("personal") else MachineState.NEW
    machine = own if document.get("installed") else MachineState.NONE
    volume = VolumeState.WRITTEN if document.get("volume_written", True) else VolumeState.NEW
    return {
        "machine_state": MachineState.RESCUE if document.get("rescuing") else machine,
        "volume_state": VolumeState.DISCARDING if document.get("discarding") else volume,
    }
