"""What a request may do, judged by its headers alone. Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Collection
from dataclasses import dataclass
from urllib.parse import urlsplit

LINK_PREFIX = "link."  # the token comes as a second WebSocket sub-protocol: unlike a URL, nobody logs that header
TAB_PREFIX = "tab."
LONGEST_TAB = 64


@dataclass(frozen=True)
class Site:
    """How the gateway is reached: over TLS or not, and by which names besides IP addresses and localhost."""

    tls: bool
    names: Collection[str] = ()

    def allows_host(self, host: str) -> bool:
        """Whether a Host header can be ours. A foreign name that resolves to us (DNS rebinding) is refused."""
        try:
            parts = urlsplit(f"//{host}")
            name = (parts.hostname or "").rstrip(".") if parts.port != 0 else ""
        except ValueError:  # no valid address or port
            return False
        return _is_address(name) or name == "localhost" or name.endswith(".localhost") or name in self.names

    def allows_origin(self, origin: str, host: str) -> bool:
        """Whether a WebSocket's Origin header is our own page. Absent counts as foreign: browsers always send it."""
        return origin.lower() == f"{'https' if self.tls else 'http'}://{host}".lower()

    def cookie_name(self, host: str) -> str:
        """The session cookie's name. It holds the port, as browsers send a host's cookies to all of its ports."""
        port = urlsplit(f"//{host}").port or (443 if self.tls else 80)
        return f"{'__Host-' if self.tls else ''}desktop-{port}"

    def set_cookie(self, host: str, session: str) -> str:
        """The value of the Set-Cookie header that starts a session."""
        secure = "; Secure" if self.tls else ""
        return f"{self.cookie_name(host)}={session}; Path=/; HttpOnly; SameSite=Strict{secure}"

    def session(self, host: str, cookies: str) -> str:
        """The session in a Cookie header, or an empty text. Beside it are other programs' cookies, of whatever form."""
        pairs = (cookie.strip().partition("=") for cookie in cookies.split(";"))
        return {name: value for name, _, value in pairs}.get(self.cookie_name(host), "")


def link_token(protocols: str) -> str:
    """The link's token in a Sec-WebSocket-Protocol header, or an empty text."""
    return _offered(protocols, LINK_PREFIX)


def tab_name(protocols: str) -> str:
    """How the page calls this connection, in the same header, or an empty text. No secret, and nothing opens by it."""
    return _offered(protocols, TAB_PREFIX)[:LONGEST_TAB]


def _offered(protocols: str, prefix: str) -> str:
    offered = [protocol.strip() for protocol in protocols.split(",")]
    return next((text.removeprefix(prefix) for text in offered if text.startswith(prefix)), "")


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
