"""The project file as Python values. Built only from documents that were checked before (see `load`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Protocol = Mapping[str, Any]
"""One step of a Scipion workflow: `object.className`, `object.id`, `object.label` and its parameters."""


@dataclass(frozen=True)
class Owner:
    """Who works in the project; every field may be empty."""

    name: str = ""
    email: str = ""
    ssh_keys: tuple[str, ...] = ()


@dataclass(frozen=True)
class Software:
    """The software that a project asks for: names to exact versions, as the catalogue has them."""

    scipion: str
    plugins: Mapping[str, str] = field(default_factory=dict)
    em_packages: Mapping[str, str] = field(default_factory=dict)
    example_data: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Workflow:
    """A Scipion workflow; `wait_minutes` is how long the install follows it once it runs."""

    protocols: Sequence[Protocol] = ()
    run: bool = False
    wait_minutes: int = 0


@dataclass(frozen=True)
class Volume:
    """The working copy's disk. `size_gb` counts 10^9 bytes; `at_end` is `hold` or `discard`."""

    size_gb: int
    at_end: str = "hold"


@dataclass(frozen=True)
class TimeLimit:
    """Days from the first install until the project expires."""

    days: int = 14


@dataclass(frozen=True)
class Desktop:
    """The remote desktop; `geometry` is WIDTHxHEIGHT in pixels."""

    geometry: str = "1600x900"


@dataclass(frozen=True)
class Project:
    """One user's cryo-EM work with a time limit. Without protocols, the Scipion project starts empty."""

    id: str
    title: str
    software: Software
    volume: Volume
    owner: Owner = field(default_factory=Owner)
    workflow: Workflow = field(default_factory=Workflow)
    time_limit: TimeLimit = field(default_factory=TimeLimit)
    desktop: Desktop = field(default_factory=Desktop)


def project_from_document(document: Mapping[str, Any], protocols: Sequence[Protocol] = ()) -> Project:
    """The project of a checked document. `protocols` is the workflow, where the document only names its file."""
    workflow = dict(document.get("workflow", {}))
    workflow.pop("file", None)
    given = workflow.pop("protocols", None)
    return Project(
        id=document["id"],
        title=document["title"],
        software=software_from_document(document["software"]),
        volume=Volume(**_whole(document["volume"])),
        owner=owner_from_document(document.get("owner", {})),
        workflow=Workflow(tuple(given if given is not None else protocols), **_whole(workflow)),
        time_limit=TimeLimit(**_whole(document.get("time_limit", {}))),
        desktop=Desktop(**document.get("desktop", {})),
    )


def software_from_document(document: Mapping[str, Any]) -> Software:
    """The `software` part of a checked project document."""
    return Software(
        scipion=document["scipion"],
        plugins=dict(document.get("plugins", {})),
        em_packages=dict(document.get("em_packages", {})),
        example_data=dict(document.get("example_data", {})),
    )


def owner_from_document(document: Mapping[str, Any]) -> Owner:
    """The `owner` part of a checked project document."""
    return Owner(document.get("name", ""), document.get("email", ""), tuple(document.get("ssh_keys", ())))


def _whole(document: Mapping[str, Any]) -> dict[str, Any]:
    """JSON Schema takes 2.0 for an integer; here it becomes one."""
    return {key: int(value) if isinstance(value, float) else value for key, value in document.items()}
