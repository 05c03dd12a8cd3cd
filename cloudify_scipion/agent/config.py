"""The agent's configuration, as Puppet writes it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cloudify_scipion.agent.errors import WrongUse

FILE = Path("/etc/scipion-data/config.json")
VERSION = 1
TRASH_BYTES = 50_000_000_000
"""How much the trash may hold of each kind where nothing else is said."""
TRASH_DAYS = 7
"""How long everything stays there at least."""
ROOM_PERCENT = 5
"""With less of the data space left there is an alarm."""


@dataclass(frozen=True)
class Config:
    """Whose data these are, and where they lie.

    `tree` is the working copy, `state` the agent's own folder on the same file system, `mark` the file that names the
    volume, `user_path` where the user sees the tree. `space` is the project's folder in the data space, `verify` a
    second way to it, empty if there is none. `mounted` says that without a mount of its own `space` is not the data
    space, but a folder of the machine's; `syncs_whole` that it is a file system of ours, all of which is synced at once
    instead of file by file; `grant` whose move it is where nothing may be written there. `fenced` says that no older
    machine of the project runs. What is younger than `trash_days` never goes from the trash by itself.
    """

    document: Mapping[str, Any]
    project: str
    volume: str
    generation: int
    fenced: bool
    tree: Path
    state: Path
    mark: Path
    user_path: Path
    user: int
    run: Path
    space: Path
    verify: str
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    trash_bytes: int = TRASH_BYTES
    trash_days: int = TRASH_DAYS
    room_percent: int = ROOM_PERCENT
    mounted: bool = False
    syncs_whole: bool = False
    grant: str = ""


def load_config(path: Path = FILE) -> Config:
    """Read it. Raises WrongUse."""
    try:
        return config_from(json.loads(path.read_bytes()))
    except OSError as error:
        raise WrongUse(
            f"the configuration {path} cannot be read: {error.strerror}", "install or repair the project"
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        raise WrongUse(f"the configuration {path} is damaged: {error!r}", "repair the project") from error


def config_from(document: Mapping[str, Any]) -> Config:
    """The configuration of a document."""
    if document["version"] != VERSION:
        raise WrongUse(f"the configuration has version {document['version']}, not {VERSION}", "repair the project")
    space = document["space"]
    told = space.get("syncs_whole", space["kind"] == "directory")  # machines were told the kind alone before
    return Config(
        document, document["project"], document["volume"], document["generation"], document["fenced"],
        Path(document["tree"]), Path(document["state"]), Path(document["mark"]), Path(document["user_path"]),
        document["user"], Path(document["run"]), Path(space["path"]), space["verify"],
        tuple(document["include"]), tuple(document["exclude"]), document["trash_bytes"] or TRASH_BYTES,
        document.get("trash_days", TRASH_DAYS), document.get("room_percent", ROOM_PERCENT), space.get("mounted", False),
        told, space.get("grant", ""),
    )  # fmt: skip
