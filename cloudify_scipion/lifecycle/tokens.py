"""Access tokens on the machine: each in a file that only root reads, sent over SSH's standard input."""

from __future__ import annotations

from collections.abc import Mapping

from cloudify_scipion.lifecycle.ports import Services
from cloudify_scipion.lifecycle.record import Record
from cloudify_scipion.lifecycle.space import Part
from cloudify_scipion.project.spaces import token_name

FOLDER = "/etc/onedata/tokens"


def send_tokens(services: Services, record: Record, parts: Mapping[str, Part]) -> None:
    """Put the tokens of these mounts on the machine, whole or not at all."""
    if not parts:
        return
    shell, secrets = services.connect(record), record.settings.get("secrets", {})
    shell.run(["install", "-d", "-m", "0700", FOLDER])
    for space in {part.space.name: part.space for part in parts.values()}.values():
        token = services.secrets.get(token_name(space, secrets)).strip()
        shell.run(["install", "-m", "0600", "/dev/stdin", token_file(space.name)], stdin=token.encode())


def token_file(space: str) -> str:
    """Where the machine has the token of a data space."""
    return f"{FOLDER}/{space}"


def onedata_data(parts: Mapping[str, Part]) -> dict[str, object]:
    """Hiera data of OneData's client: what is mounted where. Tokens are in it by the name of their file only."""
    if not parts:
        return {}
    mounts = {name: _mount(part) for name, part in parts.items()}
    return {"onedata::install": False, "onedata::mounts": mounts}


def _mount(part: Part) -> dict[str, object]:
    return {
        "path": part.target,
        "onezone": part.space.onezone,
        "provider": part.space.provider,
        "space": part.space.space,
        "folder": part.path,
        "read_only": part.read_only,
        "token_file": token_file(part.space.name),
    }
