"""Bytes between a WebSocket and the VNC server, for as long as the session lives."""

from __future__ import annotations

import select
import socket
import ssl
import time
from collections.abc import Callable
from typing import Any

from websockify.websocket import WebSocket  # type: ignore[import-not-found,import-untyped,unused-ignore]

CHECK_EVERY = 0.5  # seconds: a revoked session is cut within this time
CHUNK = 65536


class SessionSocket(WebSocket):  # type: ignore[misc,unused-ignore]
    """websockify's protocol, whose 101 response also sets a cookie."""

    def __init__(self, cookie: str | None) -> None:
        super().__init__()
        self._cookie = cookie

    def select_subprotocol(self, protocols: list[str]) -> str:
        """Never echo the link's token: the only protocol that is spoken is noVNC's."""
        return "binary" if "binary" in protocols else ""

    def _queue_str(self, string: str) -> None:
        if string == "\r\n" and self._cookie:  # websockify offers no other place for a header of one's own
            super()._queue_str(f"Set-Cookie: {self._cookie}\r\n")
        super()._queue_str(string)

    def handle_ping(self, data: bytes) -> None:
        """Pings are not answered: a pong in the middle of a half-sent message would break it. Browsers send none."""


def relay(browser: Any, vnc: socket.socket, alive: Callable[[], bool]) -> str:
    """Carry bytes both ways; returns in words why it ended."""
    browser.setblocking(False)
    vnc.setblocking(False)
    to_vnc = to_browser = b""
    check_at = 0.0
    while True:
        if time.monotonic() >= check_at:
            check_at = time.monotonic() + CHECK_EVERY
            if not alive():
                return "session ended"
        # Nothing is read while its other side is still busy with what came before: memory stays bounded.
        wants_read = [end for end, full in ((browser, to_vnc), (vnc, to_browser)) if not full]
        wants_write = [end for end, full in ((vnc, to_vnc), (browser, to_browser)) if full]
        readable, _, _ = select.select(wants_read, wants_write, [], CHECK_EVERY)
        if vnc in readable:
            to_browser = vnc.recv(CHUNK)
            if not to_browser:
                return "desktop stopped"
        if browser in readable:
            received = _receive(browser)
            if received is None:
                return "browser left"
            to_vnc = received
        to_browser = _send(browser, to_browser)
        to_vnc = to_vnc[_push(vnc, to_vnc) :]


def _receive(browser: Any) -> bytes | None:
    """All complete messages that have arrived, or None when the browser has closed."""
    parts: list[bytes] = []
    while not parts or browser.pending():
        try:
            message = browser.recv()
        except ssl.SSLWantReadError:
            break
        if message is None:
            return None
        parts.append(message)
    return b"".join(parts)


def _send(browser: Any, data: bytes) -> bytes:
    """What is left to send; websockify wants the very same message again until it is through."""
    try:
        if data:
            browser.send(data)
    except (ssl.SSLWantWriteError, ssl.SSLWantReadError):
        return data
    return b""


def _push(vnc: socket.socket, data: bytes) -> int:
    try:
        return vnc.send(data) if data else 0
    except BlockingIOError:
        return 0
