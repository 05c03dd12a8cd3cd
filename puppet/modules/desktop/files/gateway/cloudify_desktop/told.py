"""What the page tells beside the desktop: how saving stands, and when the project's time ends."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from pathlib import Path

from cloudify_saving.folder import Folder
from cloudify_saving.state import saving_state

from .config import Config


def told(config: Config, now: float) -> dict[str, object]:
    """Facts for the page; times in seconds since 1970; the end may be unknown."""
    folder = Folder(Path(config.saving))
    state = saving_state(folder.status(), now, agent=folder.agent())
    ends = datetime.fromisoformat(config.ends_at).timestamp() if config.ends_at else None
    return {"saving": asdict(state), "ends": ends}
