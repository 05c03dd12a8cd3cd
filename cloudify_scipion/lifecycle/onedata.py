"""OneData on the machine: its client in the software run, its mounts in the project run, and their access tokens.

A token lies in a file that the client's user alone reads, and comes over SSH's standard input.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from cloudify_scipion.errors import TokenExpires
from cloudify_scipion.lifecycle.facts import AGENT
from cloudify_scipion.lifecycle.ports import Services
from cloudify_scipion.lifecycle.record import Record
from cloudify_scipion.lifecycle.space import Part, onedata_parts
from cloudify_scipion.project.spaces import token_name
from cloudify_scipion.project.tokens import expiry_problem

CLASS = "onedata"
FOLDER = "/etc/onedata"


def client_data(record: Record) -> dict[str, object]:
    """Hiera data of the software run: the client in its exact version; empty where nothing needs it."""
    for part in onedata_parts(record).values():
        if repository := part.space.repository:
            told = {
                "url": repository.url,
                "suite": repository.suite,
                "components": list(repository.components),
                "key": repository.key,
                "fingerprint": repository.fingerprint,
            }
            return {"onedata::install": True, "onedata::version": repository.version, "onedata::repository": told}
    return {}


def mounts_data(record: Record) -> dict[str, object]:
    """Hiera data of the project run: what is mounted where; empty where nothing is."""
    parts = onedata_parts(record)
    mounts = {name: _mount(part) for name, part in parts.items()}
    return {"onedata::install": False, "onedata::mounts": mounts} if mounts else {}


def check_tokens(services: Services, record: Record) -> None:
    """Raise PermanentError for a token that is not known, TokenExpires for one that ends before the project does."""
    for name, token in _tokens(services, record).values():
        if problem := expiry_problem(token, datetime.fromisoformat(record.expires)):
            raise TokenExpires(f"secret '{name}' of a data space: {problem}", "put another token there")


def send_tokens(services: Services, record: Record) -> None:
    """Put the tokens on the machine, whole or not at all."""
    tokens = _tokens(services, record)
    shell = services.connect(record)
    if tokens:
        shell.run(["install", "-d", "-m", "0755", FOLDER])
    for mount, (_, token) in tokens.items():
        words = ["install", "-m", "0600", "-o", str(AGENT), "/dev/stdin", f"{FOLDER}/{mount}.token"]
        shell.run(words, stdin=token.encode())


def restart_mounts(services: Services, record: Record) -> None:
    """Mount everything anew, as for a new token."""
    units = [f"onedata@{mount}.service" for mount in onedata_parts(record)]
    if units:
        services.connect(record).run(["systemctl", "restart", *units], timeout=300)


def _tokens(services: Services, record: Record) -> Mapping[str, tuple[str, str]]:
    """The name and the value of the secret of each mount."""
    own = record.settings.get("secrets", {})
    names = {mount: token_name(part.space, own) for mount, part in onedata_parts(record).items()}
    return {mount: (name, services.secrets.get(name).strip()) for mount, name in names.items()}


def _mount(part: Part) -> dict[str, object]:
    return {
        "host": part.space.provider,
        "space": part.space.space,
        "path": part.path,
        "mountpoint": part.target,
        "read_only": part.read_only,
    }
