"""OneData: what a site file says of its spaces, and until when an access token is good.

A token is a macaroon, whose caveats say until when it is good. Nothing else of it is read.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cloudify_scipion.project.documents import Findings, child_path
from cloudify_scipion.project.space_kinds.kind import DataSpace

# OneData writes base64 without the characters that a URL would quote: `0` begins a pair that stands for one of these.
_PAIRS = {"00": "0", "01": "+", "02": "/"}
_TIME = re.compile(rb"cid time < ([0-9]{9,12})\n\Z")


@dataclass(frozen=True)
class OneData(DataSpace):
    """A space of OneData: `provider` is the host that serves it, `space` its name there, if it is another one.

    `repository` is where the client comes from: apt's words for it (`url`, `suite`, `components`), the one `key` that
    signs it with its `fingerprint`, and the exact `version`.
    """

    provider: str = ""
    space: str = ""
    repository: Mapping[str, Any] = field(default_factory=dict)

    KIND, TITLE = "onedata", "OneData"
    SCHEMA = json.loads(Path(__file__).with_suffix(".json").read_text(encoding="utf-8"))
    SECRET, SITE_SECRET, SECRET_TITLE = "onedata_token", "token", "an access token"

    @classmethod
    def problems(cls, spaces: Mapping[str, Mapping[str, Any]], site: Mapping[str, Any]) -> Findings:
        """A machine has one client, whatever it mounts."""
        known = {name: told["repository"] for name, told in spaces.items() if "repository" in told}
        first = next(iter(known), "")
        for name in known:
            if known[name] != known[first]:
                which = f"this is another one than that of {first!r}: a machine has one client for all its data spaces"
                yield f"{child_path('$.data_spaces', name)}.repository", which

    def secret_problem(self, value: str, end: datetime) -> str:
        """That the token ends before `end`, by its own caveats."""
        expires = token_expires(value)
        if expires is None or expires >= end:
            return ""
        ends = f"the token ends {_day(expires)}, before the project does ({_day(end)})"
        return f"{ends}: ask for one that is good for longer"


def token_expires(token: str) -> datetime | None:
    """When a token ends by its own caveats (UTC, aware); None if it does not say so, or is no macaroon."""
    # Only one of the two ways to read it gives packets up to the end.
    ways = (token, re.sub("0[012]", lambda pair: _PAIRS[pair[0]], token))
    packets = max((list(_packets(_decoded(text))) for text in ways), key=len)
    found = [int(time[1]) for packet in packets if (time := _TIME.match(packet))]
    return datetime.fromtimestamp(min(found), UTC) if found else None


def _packets(content: bytes) -> Iterator[bytes]:
    """The packets of a macaroon: each begins with its own length, in four hexadecimal digits."""
    while re.match(rb"[0-9a-f]{4}", content):
        length = int(content[:4], 16)
        if not 4 < length <= len(content) or content[length - 1 : length] != b"\n":
            return
        yield content[4:length]
        content = content[length:]


def _day(when: datetime) -> str:
    return when.strftime("%Y-%m-%d %H:%M UTC")


def _decoded(text: str) -> bytes:
    plain = re.sub(r"[^A-Za-z0-9+/]", "", text.replace("-", "+").replace("_", "/"))
    plain = plain[: len(plain) - len(plain) % 4]  # what is left over belongs to the signature, which is last
    return base64.b64decode(plain)
