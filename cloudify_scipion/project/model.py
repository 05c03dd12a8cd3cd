"""The project file as Python values. Built only from documents that were checked before (see `load`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from inspect import signature
from typing import Any, TypeVar

Part = TypeVar("Part")
Protocol = Mapping[str, Any]
"""One step of a Scipion workflow: `object.className`, `object.id`, `object.label` and its parameters."""


@dataclass(frozen=True)
class Facility:
    """Where the data were taken; every field may be empty."""

    name: str = ""
    microscope: str = ""
    camera: str = ""
    session: str = ""


@dataclass(frozen=True)
class Acquisition:
    """How the data were taken; None is not known. Units stand in the names; `detector` is (width, height) in pixels.

    `pixel_size_angstrom` and `detector` are those of the movie files, with super-resolution pixels if
    `super_resolution` says so; `bin_factor` is applied when movies are aligned. Without movies, the pixels are those of
    the micrographs or particles that the project starts from.
    """

    voltage_kv: float | None = None
    spherical_aberration_mm: float | None = None
    amplitude_contrast: float | None = None
    magnification: float | None = None
    pixel_size_angstrom: float | None = None
    dose_per_frame: float | None = None
    detector: tuple[int, int] | None = None
    frames: int | None = None
    super_resolution: bool = False
    bin_factor: float = 1
    movies: int | None = None
    particles: int | None = None
    box_size: int | None = None


@dataclass(frozen=True)
class ProjectData:
    """The project's own data at `source` (SPACE:PATH); empty `include` means everything. Sizes count 10^9 bytes."""

    source: str
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    size_gb: float | None = None


@dataclass(frozen=True)
class Dataset:
    """Raw data at `source` (SPACE:PATH), mounted read-only at `mount` on the machine."""

    source: str
    mount: str
    size_gb: float | None = None


@dataclass(frozen=True)
class Data:
    """Where the project's data are."""

    project: ProjectData | None = None
    datasets: tuple[Dataset, ...] = ()


@dataclass(frozen=True)
class Needs:
    """What a project asks of a machine; None is to be worked out. GB are 10^9 bytes."""

    cpus: int | None = None
    ram_gb: float | None = None
    gpus: int | None = None
    gpu_memory_gb: float | None = None
    compute_capability: float | None = None


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
    accepted_licences: tuple[str, ...] = ()


@dataclass(frozen=True)
class Workflow:
    """A Scipion workflow; `wait_minutes` is how long the install follows it once it runs.

    `missing_plugins` is `refuse` or `read_only`: what to do with a project whose steps no plugin knows any more.
    """

    protocols: Sequence[Protocol] = ()
    run: bool = False
    wait_minutes: int = 0
    missing_plugins: str = "refuse"


@dataclass(frozen=True)
class Volume:
    """The working copy's disk. `size_gb` counts 10^9 bytes; `at_end` is `hold` or `discard`."""

    size_gb: int
    at_end: str = "hold"


@dataclass(frozen=True)
class TimeLimit:
    """Days from the first install until the project expires.

    The owner is warned `warning_days` before, and the volume kept for `grace_days` after. `time_zone` is for dates that
    people read.
    """

    days: int = 14
    warning_days: int = 3
    grace_days: int = 30
    time_zone: str = "UTC"


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
    facility: Facility = field(default_factory=Facility)
    acquisition: Acquisition = field(default_factory=Acquisition)
    data: Data = field(default_factory=Data)
    needs: Needs = field(default_factory=Needs)
    secrets: Mapping[str, str] = field(default_factory=dict)


def project_from_document(document: Mapping[str, Any], protocols: Sequence[Protocol] = ()) -> Project:
    """The project of a checked document. `protocols` is the workflow, where the document only names its file."""
    needs = document.get("needs", "auto")
    return Project(
        id=document["id"],
        title=document["title"],
        software=built(Software, document["software"]),
        volume=built(Volume, document["volume"]),
        owner=built(Owner, document.get("owner", {})),
        workflow=built(Workflow, {"protocols": list(protocols), **document.get("workflow", {})}),
        time_limit=built(TimeLimit, document.get("time_limit", {})),
        desktop=built(Desktop, document.get("desktop", {})),
        facility=built(Facility, document.get("facility", {})),
        acquisition=_acquisition(document.get("acquisition", {})),
        data=_data(document.get("data", {})),
        needs=built(Needs, {} if needs == "auto" else needs),
        secrets=dict(document.get("secrets", {})),
    )


def built(kind: Callable[..., Part], document: Mapping[str, Any]) -> Part:
    """A dataclass of those keys of a checked document that it has fields for.

    Lists become tuples. JSON Schema takes 2.0 for an integer; here it becomes one.
    """
    types = {name: str(parameter.annotation).split(" | ") for name, parameter in signature(kind).parameters.items()}
    return kind(**{name: _typed(document[name], types[name]) for name in types.keys() & document.keys()})


def _typed(value: Any, types: Sequence[str]) -> Any:
    if isinstance(value, float) and "int" in types:
        return int(value)
    return tuple(value) if isinstance(value, list) else value


def _acquisition(document: Mapping[str, Any]) -> Acquisition:
    detector = document.get("detector")
    size = (int(detector["width"]), int(detector["height"])) if detector else None
    return built(Acquisition, {**document, "detector": size})


def _data(document: Mapping[str, Any]) -> Data:
    project = document.get("project")
    datasets = tuple(built(Dataset, dataset) for dataset in document.get("datasets", ()))
    return Data(project and built(ProjectData, project), datasets)
