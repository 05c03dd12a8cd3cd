"""Reading an access token of OneData: a macaroon, whose caveats say until when it is good. Nothing else is read."""

from __future__ import annotations

import base64
import re
from datetime import UTC, datetime

# OneData writes base64 without the characters that a URL would quote: `0` begins a pair that stands for one of these.
_PAIRS = {"00": "0", "01": "+", "02": "/"}
_TIME = re.compile(rb"time < ([0-9]{9,12})(?![0-9])")


def token_expires(token: str) -> datetime | None:
    """When a token ends by its own caveats (UTC, aware); None if it does not say so, or is no macaroon."""
    texts = (token, re.sub("0[012]", lambda pair: _PAIRS[pair[0]], token))
    found = [int(seconds) for text in texts for seconds in _TIME.findall(_decoded(text))]
    return datetime.fromtimestamp(min(found), UTC) if found else None


def expiry_problem(token: str, end: datetime) -> str:
    """Why a token is not good until `end`, the project's; empty if it is, or does not say. Never shows the token."""
    expires = token_expires(token)
    if expires is None or expires >= end:
        return ""
    return f"the token ends {_day(expires)}, before the project does ({_day(end)}): ask for one that is good for longer"


def _day(when: datetime) -> str:
    return when.strftime("%Y-%m-%d %H:%M UTC")


def _decoded(text: str) -> bytes:
    plain = re.sub(r"[^A-Za-z0-9+/]", "", text.replace("-", "+").replace("_", "/"))
    plain = plain[: len(plain) - len(plain) % 4]  # what is left over belongs to the signature, which is last
    return base64.b64decode(plain)
