"""Who may only look: keys, pointer and clipboard are not passed on, however the bytes are cut."""

from __future__ import annotations

import struct

import pytest
from cloudify_desktop.rfb import NO_CONTENTS, LookOnly, NotUnderstood

GREETING = b"RFB 003.008\n\x01\x01"
BEGUN = GREETING + NO_CONTENTS
EXTENDED_CLIPBOARD = -0x3F5E1A32
PASSED = {
    "pixel format": b"\0" + bytes(19),
    "update request": struct.pack(">BBHHHH", 3, 1, 0, 0, 800, 600),
    "continuous updates": struct.pack(">BBHHHH", 150, 1, 0, 0, 800, 600),
    "fence": struct.pack(">BxxxIB", 248, 1, 4) + b"\4\4\4\4",
}
HELD = {
    "key": struct.pack(">BBxxI", 4, 1, 0x61),
    "pointer": struct.pack(">BBHH", 5, 1, 10, 10),
    "clipboard": struct.pack(">BxxxI", 6, 5) + b"\3\3\3\3\3",
    "extended clipboard": struct.pack(">Bxxxi", 6, -6) + b"\0\0\0\4\4\4",
    "large clipboard": struct.pack(">BxxxI", 6, 300_000) + b"\4" * 300_000,
    "xvp": struct.pack(">BxBB", 250, 1, 2),
    "desktop size": struct.pack(">BxHHBx", 251, 640, 480, 2) + b"\5" * 32,
    "extended key": struct.pack(">BBHII", 255, 0, 1, 0x61, 30),
}


def said(data: bytes, size: int) -> bytes:
    looks = LookOnly()
    return b"".join(looks.feed(data[at : at + size]) for at in range(0, len(data), size))


@pytest.mark.parametrize("size", [1, 3, 7, 1 << 20])
def test_pictures_are_asked_for_and_nothing_is_done(size: int) -> None:
    everything = b"".join(held + passed for held in HELD.values() for passed in PASSED.values())
    passed = b"".join(PASSED.values()) * len(HELD)
    assert said(GREETING + everything, size) == BEGUN + passed


@pytest.mark.parametrize("kind", HELD)
def test_each_of_what_acts_is_held_back(kind: str) -> None:
    after = PASSED["update request"]
    assert said(GREETING + HELD[kind] + after, 1 << 20) == BEGUN + after


def test_who_looks_closes_nobody_elses_connection() -> None:
    assert said(GREETING[:-1] + b"\0", 100) == BEGUN


def test_no_server_is_left_to_think_that_this_viewer_takes_what_is_copied() -> None:
    """Without this encoding, the server would send the contents as the older message."""
    encodings = struct.pack(">BxHii", 2, 2, 7, -223)
    assert said(GREETING + encodings, 5) == BEGUN + struct.pack(">BxHiii", 2, 3, 7, -223, EXTENDED_CLIPBOARD)


@pytest.mark.parametrize("data", [GREETING + b"\x63", b"RFB 003.003\n", b"GET / HTTP/1.1", GREETING + b"\2\0\xff\xff"])
def test_what_is_not_known_ends_it(data: bytes) -> None:
    with pytest.raises(NotUnderstood):
        said(data, 1 << 20)
