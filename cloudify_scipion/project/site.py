"""The site file as Python values. Built only from documents that were checked before (see `load`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cloudify_scipion.project.model import built
from cloudify_scipion.project.space_kinds.kind import DataSpace
from cloudify_scipion.project.spaces import spaces_from_document

MOUNT_PREFIXES = ("/data", "/scratch", "/gpfs", "/mnt")
"""Folders below which datasets may be mounted where the site says nothing."""


@dataclass(frozen=True)
class SiteDesktop:
    """How desktops are served: `tls` is none, self-signed or given, empty for what the provider needs; the others are
    names of secrets."""

    tls: str = ""
    tls_certificate: str = ""
    tls_key: str = ""


@dataclass(frozen=True)
class GpuModel:
    """A graphics card: memory in GB (10^9 bytes) and NVIDIA compute capability."""

    name: str
    memory_gb: float
    compute_capability: float
    title: str = ""


@dataclass(frozen=True)
class Flavour:
    """A machine size. GB are 10^9 bytes; `gpu` is None where there is no graphics card."""

    name: str
    cpus: int
    ram_gb: float
    disk_gb: float = 0
    ephemeral_gb: float = 0
    gpus: int = 0
    gpu: GpuModel | None = None
    processor: str = ""


@dataclass(frozen=True)
class Limits:
    """What one project may ask for; None is no limit."""

    days: int | None = None
    volume_gb: int | None = None


@dataclass(frozen=True)
class Site:
    """Where machines run, and what is allowed there.

    `mirrors` maps names to URLs, `files` the files on them that the site answers for to their SHA-256 (hex);
    `cuda` is the version that the driver supports,
    empty if it is not known.
    """

    name: str
    provider: str = "local"
    allow_discard: bool = False
    desktop: SiteDesktop = field(default_factory=SiteDesktop)
    limits: Limits = field(default_factory=Limits)
    mount_prefixes: tuple[str, ...] = MOUNT_PREFIXES
    data_spaces: Mapping[str, DataSpace] = field(default_factory=dict)
    mirrors: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    cuda: str = ""
    flavours: tuple[Flavour, ...] = ()


def site_from_document(document: Mapping[str, Any]) -> Site:
    """The site of a checked document."""
    parts = {
        "desktop": site_desktop(document),
        "limits": built(Limits, document.get("limits", {})),
        "data_spaces": spaces_from_document(document),
        "mirrors": {name: mirror["url"] for name, mirror in document.get("mirrors", {}).items()},
        "files": files_from_document(document),
        "flavours": flavours_from_document(document),
    }
    return built(Site, {**document, **parts})


def site_desktop(document: Mapping[str, Any]) -> SiteDesktop:
    """How a checked site document wants desktops served."""
    return built(SiteDesktop, document.get("desktop", {}))


def files_from_document(document: Mapping[str, Any]) -> dict[str, str]:
    """Files that a checked site document answers for, of all its mirrors: name to SHA-256 (hex)."""
    mirrors = document.get("mirrors", {}).values()
    return {file: sha256 for mirror in mirrors for file, sha256 in mirror.get("files", {}).items()}


def flavours_from_document(document: Mapping[str, Any]) -> tuple[Flavour, ...]:
    """The flavours of a checked site document, each with its graphics card."""
    models = {name: GpuModel(name, **facts) for name, facts in document.get("gpu_models", {}).items()}
    flavours = document.get("flavours", ())
    return tuple(built(Flavour, {**facts, "gpu": models.get(facts.get("gpu"))}) for facts in flavours)
