"""The gateway's server: our page, noVNC's files, and the WebSocket to the VNC server's unix socket.

Nothing that a client sent is logged but the method and the path of our own; never a header, a query or a body.
"""

from __future__ import annotations

import html
import json
import os
import signal
import socket
import ssl
import sys
import time
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from .access import Access
from .config import Config
from .relay import SessionSocket, relay
from .rules import Site, link_token

PATIENCE = 15.0  # seconds that a client may take for its request
TYPES = {".html": "text/html; charset=utf-8", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-cache",
}


class Refused(Exception):
    """A request that is not served: status and reason go to the client and into the journal."""

    def __init__(self, status: HTTPStatus, reason: str) -> None:
        super().__init__(reason)
        self.status, self.reason = status, reason


class Gateway(ThreadingHTTPServer):
    """One thread per connection; the TLS handshake happens there, too, so that no client holds up the others."""

    daemon_threads = True

    def __init__(self, config: Config) -> None:
        self.config = config
        self.address_family = socket.AF_INET6 if ":" in config.bind else socket.AF_INET
        self.site = Site(tls=bool(config.certificate), names=config.hosts)
        self.access = Access(Path(config.state), time.time, config.session_hours * 3600)
        self._tls: ssl.SSLContext | None = None
        self._loaded = 0.0
        self._context()
        super().__init__((config.bind, config.port), Handler)

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Serve one connection."""
        request.settimeout(PATIENCE)
        context = self._context()
        if context is None:
            super().finish_request(request, client_address)
            return
        with context.wrap_socket(request, server_side=True) as wrapped:
            super().finish_request(wrapped, client_address)

    def _context(self) -> ssl.SSLContext | None:
        """TLS with the present certificate, None without TLS. Sessions outlive a certificate.

        A context keeps one certificate for each kind of key: a new one makes sure that an old certificate is gone.
        """
        if not self.config.certificate:
            return None
        changed = Path(self.config.certificate).stat().st_mtime
        if changed != self._loaded:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(self.config.certificate, self.config.key)
            self._tls, self._loaded = context, changed
        return self._tls

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A broken connection is everyday life; anything else is named, without what the client sent."""
        error = sys.exc_info()[1]
        if not isinstance(error, OSError):
            say(f"error: {type(error).__name__}")

    def connect(self) -> socket.socket | None:
        """A connection to the VNC server, or None when it is not there."""
        vnc = socket.socket(socket.AF_UNIX)
        try:
            vnc.connect(self.config.vnc_socket)
        except OSError:
            vnc.close()
            return None
        return vnc


class Handler(BaseHTTPRequestHandler):
    """One client's requests."""

    server: Gateway
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "cloudify-desktop", ""

    def do_GET(self) -> None:
        """Answer a request."""
        self.host = self.headers.get("Host", "")
        try:
            self._route()
        except Refused as refused:
            say(f"refused ({refused.status.value}): {refused.reason}")
            self.close_connection = True
            self._answer(refused.status, "text/plain; charset=utf-8", f"{refused.reason}\n".encode())

    def _route(self) -> None:
        if not self.server.site.allows_host(self.host):
            raise Refused(HTTPStatus.MISDIRECTED_REQUEST, "This is not a name of this desktop.")
        if self.headers.get("Upgrade", "").lower() == "websocket":
            self._websocket()
        elif self.path == "/health":
            self._json({"status": "ok", "desktop": self._desktop()})
        elif self.path == "/session":
            self._json({"session": self.server.access.is_live(self._session()), "desktop": self._desktop()})
        else:
            self._file(unquote(urlsplit(self.path).path))

    def _websocket(self) -> None:
        access = self.server.access
        token, session = link_token(self.headers.get("Sec-WebSocket-Protocol", "")), self._session()
        if not self.server.site.allows_origin(self.headers.get("Origin", ""), self.host):
            raise Refused(HTTPStatus.FORBIDDEN, "Foreign origin.")
        if self.headers.get("Sec-WebSocket-Version") != "13" or not self.headers.get("Sec-WebSocket-Key"):
            raise Refused(HTTPStatus.BAD_REQUEST, "This is no WebSocket of version 13.")
        if not access.is_open(token) and not access.is_live(session):
            raise Refused(HTTPStatus.FORBIDDEN, "The link is used up or has expired.")
        vnc = self.server.connect()  # before the link is used up: a desktop that is down costs nobody a link
        if vnc is None:
            raise Refused(HTTPStatus.SERVICE_UNAVAILABLE, "The desktop is not running.")
        with vnc:
            opened = access.redeem(token)
            if opened is None and not access.is_live(session):  # another connection was faster
                raise Refused(HTTPStatus.FORBIDDEN, "The link is used up or has expired.")
            self._relay(vnc, opened or session, self.server.site.set_cookie(self.host, opened) if opened else None)

    def _relay(self, vnc: socket.socket, session: str, cookie: str | None) -> None:
        self.close_connection = True
        browser = SessionSocket(cookie)
        browser.accept(self.connection, self.headers)
        say("connected by " + ("a new link" if cookie else "its session"))
        try:
            reason = relay(browser, vnc, lambda: self.server.access.keep(session))
        except OSError:
            reason = "connection lost"
        say(f"disconnected: {reason}")

    def _file(self, path: str) -> None:
        config = self.server.config
        folder, name = config.page, path.removeprefix("/") or "index.html"
        if path.startswith("/novnc/"):
            folder, name = config.novnc, path.removeprefix("/novnc/")
        target = Path(folder, name).resolve()
        if not target.is_relative_to(Path(folder).resolve()) or target.suffix not in TYPES or not target.is_file():
            raise Refused(HTTPStatus.NOT_FOUND, "There is nothing here.")
        body = target.read_bytes()
        if target.suffix == ".html":
            for field in ("title", "open_command"):
                body = body.replace(f"@{field}@".encode(), html.escape(getattr(config, field)).encode())
        self._answer(HTTPStatus.OK, TYPES[target.suffix], body)

    def _session(self) -> str:
        return self.server.site.session(self.host, self.headers.get("Cookie", ""))

    def _desktop(self) -> str:
        vnc = self.server.connect()
        if vnc is not None:
            vnc.close()
        return "up" if vnc else "down"

    def _json(self, value: dict[str, object]) -> None:
        self._answer(HTTPStatus.OK, "application/json", json.dumps(value).encode())

    def _answer(self, status: HTTPStatus, kind: str, body: bytes) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(body)), **HEADERS}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Silence the library's log: it would quote what the client sent."""


def say(message: str) -> None:
    """One line for the journal."""
    print(message, flush=True)


def notify_ready() -> None:
    """Tell systemd that the port is open."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if address:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
            channel.sendto(b"READY=1", "\0" + address[1:] if address.startswith("@") else address)


def main() -> None:
    """Serve until systemd stops us."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with Gateway(Config.load(Path(sys.argv[1]))) as gateway:
        config = gateway.config
        say(f"listening on {config.bind}:{config.port}{' with TLS' if config.certificate else ''}")
        notify_ready()
        gateway.serve_forever()


if __name__ == "__main__":
    main()
