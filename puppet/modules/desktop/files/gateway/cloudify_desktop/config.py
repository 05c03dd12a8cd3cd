"""The settings, as Puppet writes them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Config:
    """The gateway's settings, as Puppet writes them into gateway.json."""

    title: str
    open_command: str
    bind: str
    port: int
    hosts: list[str]
    session_hours: float
    state: str
    vnc_socket: str
    page: str
    novnc: str
    certificate: str | None = None
    key: str | None = None
    project: str | None = None
    ends_at: str | None = None
    saving: str = "/run/scipion-data"

    @classmethod
    def load(cls, path: Path) -> Config:
        """Read the file; raises TypeError when a setting is missing or unknown."""
        return cls(**json.loads(path.read_text("utf-8")))
