"""OneData on the machine: its client in the software run, its mounts in the project run, and their access tokens.

A token lies in a file that the client's user alone reads, and comes over SSH's standard input.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from cloudify_scipion.errors import PermanentError, ReadOnlyDataSpace, ScipionError, TokenRefused, UnknownDataSpace
from cloudify_scipion.lifecycle.layout import AGENT
from cloudify_scipion.lifecycle.ports import Shell
from cloudify_scipion.lifecycle.record import Record
from cloudify_scipion.lifecycle.space_kinds.kind import SpaceFolder, SpaceMounts
from cloudify_scipion.project.space_kinds.onedata import OneData

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


@dataclass(frozen=True)
class OneDataMounts(SpaceMounts[OneData]):
    """What OneData's client mounts: a unit for each, which tries again by itself."""

    KIND, CLASS, VERIFIES = OneData.KIND, "onedata", True
    GRANT = "the operator lets the token's owner write there, or renews the token with one that may"

    def software_data(self) -> Mapping[str, object]:
        """The client in its exact version, which is the same for all data spaces of a site."""
        repository = {"components": ["main"], **next(iter(self.parts.values())).space.repository}
        version = repository.pop("version")
        return {"onedata::install": True, "onedata::version": version, "onedata::repository": repository}

    def project_data(self) -> Mapping[str, object]:
        """What is mounted where."""
        return {"onedata::install": False, "onedata::mounts": {name: _mount(part) for name, part in self.parts.items()}}

    def prepare(self, shell: Shell, secrets: Mapping[str, str]) -> None:
        """Put the tokens there, and stop the mounts that fail and are tried again and again.

        (Starting one of these would wait for its next turn.)
        """
        own = self.record.settings.get("secrets", {})
        shell.run(["install", "-d", "-m", "0755", FOLDER])
        for name, part in self.parts.items():
            words = ["install", "-m", "0600", "-o", str(AGENT), "/dev/stdin", f"{FOLDER}/{name}.token"]
            shell.run(words, stdin=secrets[part.space.secret_name(own)].encode())
        shell.run(["sh", "-c", _END_RETRIES, "sh", *self.parts], timeout=RESTART_SECONDS)

    def mount_anew(self, shell: Shell, unwell: Collection[str] = ()) -> None:
        """Restart the units of what is unwell, or, where that is nothing of this kind, of everything."""
        named = {name for line in unwell for name, part in self.parts.items() if line.startswith(f"{part.target} ")}
        units = [f"onedata@{name}.service" for name in self.parts if not named or name in named]
        if shell.run(["systemctl", "restart", *units], timeout=RESTART_SECONDS, expect=range(128)).code != 0:
            see = PermanentError("data spaces cannot be mounted", "see `journalctl -u 'onedata@*'` on the machine")
            raise self.error(shell) or see

    def error(self, shell: Shell) -> ScipionError | None:
        """What the client says. Only the client knows whether a token is refused, and only in words."""
        told = shell.run(["sh", "-c", _SAID, "sh", *self.parts], expect=range(128)).stdout
        lines = [_SECRET.sub("(hidden)", line) for line in reversed(told.splitlines())]
        found = (
            _error(self.record, part, line.removeprefix(f"{name} "))
            for name, part in self.parts.items()
            for line in lines
            if line.startswith(f"{name} ")
        )
        return next((error for error in found if error), None)


def _error(record: Record, part: SpaceFolder[OneData], said: str) -> PermanentError | None:
    """What a line means: the client's own words, or those of onedata-mount, which begin with `onedata:`."""
    space, renew = part.space, f"cfy executions start renew_token -b {record.binding.deployment}"
    if not said.startswith(_OURS):
        if not _ABOUT_TOKENS.search(said):
            return None
        secret = space.secret_name(record.settings.get("secrets", {}))
        what = f"{space.provider} refuses the token of the data space '{space.name}': {said}"
        return TokenRefused(what, f"put another one into the secret '{secret}', then: {renew}")
    said = said.removeprefix(_OURS)
    if said.startswith("the space is not there"):
        what = f"{space.provider} shows no space '{space.space or space.name}' (data space '{space.name}'): {said}"
        return UnknownDataSpace(what, "correct the site file, or let the token's owner into the space")
    if f" of {part.path!r} cannot be made: " in said and any(word in said for word in _DENIED):
        return ReadOnlyDataSpace.found(space.name, said, f"let the token's owner write there, then: {renew}")
    if f" of {part.path!r}: " in said:
        what = f"the data space '{space.name}' has no folder '{part.path}': {said}"
        return UnknownDataSpace(what, "correct the project file")
    return None


def _mount(part: SpaceFolder[OneData]) -> dict[str, object]:
    there = {"host": part.space.provider, "space": part.space.space or part.space.name, "path": part.path}
    return {**there, "mountpoint": part.target, "read_only": part.read_only}
