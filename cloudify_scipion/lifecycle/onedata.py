"""OneData on the machine: its client in the software run, its mounts in the project run, and their access tokens.

A token lies in a file that the client's user alone reads, and comes over SSH's standard input.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from datetime import datetime

from cloudify_scipion.errors import (
    PermanentError,
    ReadOnlyDataSpace,
    ScipionError,
    TokenExpires,
    TokenRefused,
    UnknownDataSpace,
)
from cloudify_scipion.lifecycle.facts import AGENT
from cloudify_scipion.lifecycle.ports import Services
from cloudify_scipion.lifecycle.record import Record
from cloudify_scipion.lifecycle.space import Part, onedata_parts
from cloudify_scipion.project.spaces import NOT_OWN, may_name, token_name
from cloudify_scipion.project.tokens import expiry_problem

CLASS = "onedata"
FOLDER = "/etc/onedata"
RESTART_SECONDS = 300.0
_END_RETRIES = """
for mount; do
    unit=onedata@$mount.service
    test "$(systemctl show -P ActiveState "$unit")" != activating || systemctl stop "$unit"
done
"""
_SAID = r"""
for mount; do
    unit=onedata@$mount.service
    test "$(systemctl show -P ActiveState "$unit")" = active && continue
    last=$(journalctl -q -n 1 -o json --output-fields=_SYSTEMD_INVOCATION_ID -u "$unit" -t onedata-mount)
    start=$(echo "$last" | sed -n 's/.*"_SYSTEMD_INVOCATION_ID" *: *"\([0-9a-f]*\)".*/\1/p')
    test -n "$start" || continue
    journalctl -q --no-pager -o cat -n 20 "_SYSTEMD_INVOCATION_ID=$start" -t onedata-mount | sed "s/^/$mount /"
done
"""
"""Of each mount that is not there, what the client and what starts it said at the last start: its name, then a line."""
_ABOUT_TOKENS = re.compile(r"\b(token|macaroon)\b", re.IGNORECASE)
_SECRET = re.compile(r"[A-Za-z0-9+/_=-]{40,}")
_OURS = "onedata: "
_DENIED = ("Permission denied", "Operation not permitted", "Read-only file system")


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


def end_retries(services: Services, record: Record) -> None:
    """Stop the mounts that fail and are tried again and again: starting one would wait for its next turn."""
    if parts := onedata_parts(record):
        services.connect(record).run(["sh", "-c", _END_RETRIES, "sh", *parts], timeout=RESTART_SECONDS)


def restart_mounts(services: Services, record: Record, targets: Collection[str] | None = None) -> None:
    """Mount anew, as for a new token: everything, or what is seen at `targets`.

    Raises what keeps a mount from being there.
    """
    parts = onedata_parts(record)
    units = [f"onedata@{name}.service" for name, part in parts.items() if targets is None or part.target in targets]
    if not units:
        return
    words = ["systemctl", "restart", *units]
    if services.connect(record).run(words, timeout=RESTART_SECONDS, expect=range(128)).code != 0:
        units_said = PermanentError("data spaces cannot be mounted", "see `journalctl -u 'onedata@*'` on the machine")
        raise mount_error(services, record) or units_said


def mount_error(services: Services, record: Record) -> ScipionError | None:
    """What keeps a mount from being there, as far as it says; None if all are there.

    Only the client knows whether a token is refused, and only in words.
    """
    parts = onedata_parts(record)
    if not parts:
        return None
    told = services.connect(record).run(["sh", "-c", _SAID, "sh", *parts], expect=range(128)).stdout
    lines = [_SECRET.sub("(hidden)", line) for line in reversed(told.splitlines())]
    found = (
        _error(record, part, line.removeprefix(f"{name} "))
        for name, part in parts.items()
        for line in lines
        if line.startswith(f"{name} ")
    )
    return next((error for error in found if error), None)


def _error(record: Record, part: Part, said: str) -> PermanentError | None:
    """What a line means: the client's own words, or those of onedata-mount, which begin with `onedata:`."""
    space = part.space
    if not said.startswith(_OURS):
        if not _ABOUT_TOKENS.search(said):
            return None
        secret = token_name(space, record.settings.get("secrets", {}))
        return TokenRefused(
            f"{space.provider} refuses the token of the data space '{space.name}': {said}",
            f"put another one into the secret '{secret}', then: {_renew(record)}",
        )
    said = said.removeprefix(_OURS)
    if said.startswith("the space is not there"):
        return UnknownDataSpace(
            f"{space.provider} shows no space '{space.space}' (data space '{space.name}'): {said}",
            "correct the site file, or let the token's owner into the space",
        )
    if f" of {part.path!r} cannot be made: " in said and any(word in said for word in _DENIED):
        return ReadOnlyDataSpace.found(space.name, said, f"let the token's owner write there, then: {_renew(record)}")
    if f" of {part.path!r}: " in said:
        return UnknownDataSpace(
            f"the data space '{space.name}' has no folder '{part.path}': {said}", "correct the project file"
        )
    return None


def _renew(record: Record) -> str:
    return f"cfy executions start renew_token -b {record.binding.deployment}"


def _tokens(services: Services, record: Record) -> Mapping[str, tuple[str, str]]:
    """The name and the value of the secret of each mount."""
    own, site = record.settings.get("secrets", {}), record.settings.get("site", {})
    for name in own.values():  # of a blueprint that was written by hand, too
        if not may_name(record.project, name, site.get("shared_secrets", ())):
            raise PermanentError(f"secrets: {NOT_OWN.format(record.project)}", "name another secret in the blueprint")
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
