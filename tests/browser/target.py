"""What the tests need to know of a desktop, and a WebSocket client that says exactly what it is told to."""

from __future__ import annotations

import base64
import os
import socket
import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol
from urllib.parse import urlsplit

VERSION = b"RFB 003.008\n"  # what a browser says first, and by what a link is used

DISPLAY = ("DISPLAY=:1", "XAUTHORITY=/run/cloudify-desktop-vnc/xauthority")
"""By which programs on the machine find the desktop's screen."""


class Desktop(Protocol):
    """A running desktop. `url` is its page, such as http://127.0.0.1:20001/ ."""

    url: str

    def link(self, valid: float = 60, *, view_only: bool = False) -> str:
        """A fresh link, valid for so many seconds."""

    def revoke(self) -> None:
        """End all links and sessions."""

    def run(self, argv: Sequence[str]) -> str:
        """Run a command on the machine as root; its standard output."""

    def has_opened(self) -> bool:
        """Whether Scipion's window is there: until then it may come in front of what a test looks at."""


def token_of(link: str) -> str:
    """The token in a link."""
    return link.split("#token=", 1)[1]


@contextmanager
def connection(url: str) -> Iterator[socket.socket]:
    """A raw connection to the desktop's port; over TLS without looking at the certificate, which is tested apart."""
    parts = urlsplit(url)
    plain = socket.create_connection((parts.hostname or "", parts.port or 0), timeout=60)
    with plain:
        if parts.scheme != "https":
            yield plain
            return
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        with context.wrap_socket(plain) as wrapped:
            yield wrapped


def handshake(
    url: str, *, token: str = "", cookie: str = "", origin: str | None = None, host: str | None = None
) -> str:
    """The head of the answer to a WebSocket's opening request; who is let in says a first word, and leaves."""
    with connection(url) as sock:
        head = opening(sock, url, token=token, cookie=cookie, origin=origin, host=host)
        if head.split()[1] == "101":
            sock.sendall(bytes([0x82, 0x80 | len(VERSION)]) + bytes(4) + VERSION)  # one message, masked with zeros
            sock.shutdown(socket.SHUT_WR)
            while sock.recv(65536):
                pass
        return head


def opening(
    sock: socket.socket,
    url: str,
    *,
    token: str = "",
    cookie: str = "",
    origin: str | None = None,
    host: str | None = None,
    tab: str = "",
) -> str:
    """Ask for a WebSocket on an open connection; the head of the answer."""
    parts = urlsplit(url)
    headers = {
        "Host": parts.netloc if host is None else host,
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode(),
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Protocol": "binary" + (f", link.{token}" if token else "") + (f", tab.{tab}" if tab else ""),
        "Origin": f"{parts.scheme}://{parts.netloc}" if origin is None else origin,
        "Cookie": cookie,
    }
    lines = [f"{name}: {value}" for name, value in headers.items() if value]
    sock.sendall("\r\n".join(["GET /websockify HTTP/1.1", *lines, "", ""]).encode("latin-1"))
    return _head(sock)


def get(url: str, path: str, *, host: str | None = None) -> str:
    """The head of the answer to a GET request."""
    with connection(url) as sock:
        sock.sendall(f"GET {path} HTTP/1.1\r\nHost: {host or urlsplit(url).netloc}\r\n\r\n".encode("latin-1"))
        return _head(sock)


def _head(sock: socket.socket) -> str:
    answer = b""
    while b"\r\n\r\n" not in answer and (byte := sock.recv(1)):  # what follows is for others to read
        answer += byte
    return answer.split(b"\r\n\r\n", 1)[0].decode("latin-1")
