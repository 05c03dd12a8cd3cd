"""What is known of a project apart from Cloudify's memory: kept in its state folder, never secret."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import datetime
from typing import Any

from cloudify_scipion.errors import PermanentError

FORMAT = 1
"""Of the record's file. Raise it when an older program would lose or misread what a record says."""
MAX_EVENTS = 200


WRITTEN, DISCARDING = "written", "discarding"
"""Tags of a volume that a machine had writable, and of one whose deletion began."""


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

    `volume_written` is true once a machine had the volume writable; `held` says why the volume is kept, empty if
    it is not; `at_end` is `discard` only if project and site both said so when the volume was made or adopted;
    `discarding` is true once its deletion began. `seal` is what the agent said of the last proof that all is saved,
    empty once the volume may have been written since (it is valid only together with the volume's tags). `saved` is
    what is known of the last pull or push. `settings` holds what was last asked of each part (keys: project, site,
    volume, data, secrets, facility, software, workflow, desktop; planned: what later nodes will ask for), enough to
    build all of it again. `installed` is true from the first machine until it is removed; `rescuing` while the machine
    is one that only saves the volume of a project whose own machine is gone. `layer` is the software layer that the
    machine stands on, empty while its software is not complete. `personal` is true once anything of the project was put
    on the machine: from then on it makes no layer for others.
    """

    project: str
    binding: Binding
    generation: int = 1
    created: str = ""
    expires: str = ""
    machine: str = ""
    volume: str = ""
    volume_bytes: int = 0
    volume_written: bool = False
    at_end: str = "hold"
    held: str = ""
    discarding: bool = False
    seal: Mapping[str, Any] = field(default_factory=dict)
    saved: Mapping[str, Any] = field(default_factory=dict)
    rescuing: bool = False
    installed: bool = False
    ports: Mapping[str, int] = field(default_factory=dict)
    layer: str = ""
    personal: bool = False
    tls_fingerprint: str = ""
    settings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    work_folder: str = ""
    events: tuple[Event, ...] = ()

    def noting(self, at: datetime, text: str) -> Record:
        """The same record with one more event, the oldest dropped beyond a limit."""
        event = Event(at.isoformat(timespec="seconds"), text)
        return replace(self, events=(*self.events, event)[-MAX_EVENTS:])

    def asking(self, part: str, settings: Mapping[str, Any]) -> Record:
        """The same record with what is now asked of `part`."""
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
    """The record as plain JSON types."""
    return asdict(record)


def from_document(document: Mapping[str, Any]) -> Record:
    """The reverse of `to_document`; keys of other versions are ignored, so that an older program reads a newer file."""
    for name in ("settings", "seal", "saved", "ports"):
        if not isinstance(document.get(name, {}), Mapping):
            raise ValueError(f"{name} is no object")
    known = {f.name for f in fields(Record)}
    values = {key: value for key, value in document.items() if key in known}
    values.setdefault("volume_written", True)  # what is not known to be empty is not
    values["binding"] = Binding(**document["binding"])
    values["events"] = tuple(Event(**event) for event in document.get("events", ()))
    return Record(**values)
