"""The site file as Python values. Built only from documents that were checked before (see `load`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Ports:
    """Ports of 127.0.0.1 that projects may be published on, both ends included."""

    first: int = 20000
    last: int = 20999


@dataclass(frozen=True)
class SiteDesktop:
    """How desktops are served: `tls` is none, self-signed or given; the others are names of secrets."""

    tls: str = "none"
    tls_certificate: str = ""
    tls_key: str = ""


@dataclass(frozen=True)
class Site:
    """Where machines run, and what is allowed there."""

    name: str
    provider: str = "local"
    allow_discard: bool = False
    ports: Ports = field(default_factory=Ports)
    desktop: SiteDesktop = field(default_factory=SiteDesktop)


def site_from_document(document: Mapping[str, Any]) -> Site:
    """The site of a checked document."""
    ports = {key: int(value) for key, value in document.get("ports", {}).items()}
    return Site(
        name=document["name"],
        provider=document["provider"],
        allow_discard=document.get("allow_discard", False),
        ports=Ports(**ports),
        desktop=SiteDesktop(**document.get("desktop", {})),
    )
