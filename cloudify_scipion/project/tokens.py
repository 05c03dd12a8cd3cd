"""Reading an access token of OneData: a macaroon, whose caveats say until when it is good. Nothing else is read."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from datetime import UTC, datetime

# OneData writes base64 without the characters that a URL would quote: `0` begins a pair that stands for one of these.
_PAIRS = {"00": "0", "01": "+", "02": "/"}
_TIME = re.compile(rb"cid time < ([0-9]{9,12})\n\Z")


def token_expires(token: str) -> datetime | None:
    """When a token ends by its own caveats (UTC, aware); None if it does not say so, or is no macaroon."""
    # Only one of the two ways to read it gives packets up to the end.
    ways = (token, re.sub("0[012]", lambda pair: _PAIRS[pair[0]], token))
    packets = max((list(_packets(_decoded(text))) for text in ways), key=len)
    found = [int(time[1]) for packet in packets if (time := _TIME.match(packet))]
    return datetime.fromtimestamp(min(found), UTC) if found else None


def expiry_problem(token: str, end: datetime) -> str:
    """Why a token is not good until `end`, the project's; empty if it is, or does not say. Never shows the token."""
    expires = token_expires(token)
    if expires is None or expires >= end:
        return ""
    return f"the token ends {_day(expires)}, before the project does ({_day(end)}): ask for one that is good for longer"


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
