"""Until when an access token is good, as it says itself."""

from __future__ import annotations

import base64
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from cloudify_scipion.project.space_kinds.onedata import OneData, token_expires


def packet(key: str, value: bytes) -> bytes:
    body = key.encode() + b" " + value + b"\n"
    return f"{len(body) + 4:04x}".encode() + body


def macaroon(*caveats: str) -> bytes:
    parts = [packet("location", b"onezone.example.org"), packet("identifier", b"2/nmd/usr-1/x")]
    parts += [packet("cid", caveat.encode()) for caveat in caveats]
    return b"".join([*parts, packet("signature", bytes(range(224, 256)))])


def pairs(content: bytes) -> str:
    """As OneData writes it."""
    text = base64.b64encode(content).decode().rstrip("=")
    return text.replace("0", "00").replace("+", "01").replace("/", "02")


def url(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


@pytest.mark.parametrize("encode", [pairs, url])
@pytest.mark.parametrize("padding", range(6))
def test_the_earliest_time_caveat_counts(encode: Callable[[bytes], str], padding: int) -> None:
    told = ("x" * padding, "time < 1800000000", "time < 1790000000", "ip = 127.0.0.1")
    assert token_expires(encode(macaroon(*told))) == datetime.fromtimestamp(1790000000, UTC)
    assert token_expires(encode(macaroon("ip = 127.0.0.1"))) is None


@pytest.mark.parametrize("encode", [pairs, url])
def test_read_in_one_way_only(encode: Callable[[bytes], str]) -> None:
    """Digits that look like a pair of OneData's must not make another time."""
    for seconds in range(4102444800, 4102444800 + 3000, 7):
        assert token_expires(encode(macaroon(f"time < {seconds}"))) == datetime.fromtimestamp(seconds, UTC)


@pytest.mark.parametrize("text", ["", "x", "secret", "time < 1790000000", "MDAx", "\u20ac" * 9])
def test_what_is_no_macaroon(text: str) -> None:
    assert token_expires(text) is None


def test_a_token_that_ends_before_the_project() -> None:
    token = url(macaroon("time < 1790000000"))
    assert OneData("any").secret_problem(token, datetime.fromtimestamp(1790000000, UTC)) == ""
    told = OneData("any").secret_problem(token, datetime.fromtimestamp(1790000060, UTC))
    assert "ends 2026-09-21 14:13 UTC, before the project does (2026-09-21 14:14 UTC)" in told
    assert token not in told
