"""The gateway's port, and room for those who have brought no session: however many, they keep nobody out. No clock."""

from __future__ import annotations

import contextlib
import socket
from collections import Counter
from typing import Any

LIMIT = 256  # browsers ask and go within milliseconds: so many are there only where somebody holds them open
# The kernel ends connections whose peer is gone, also those that are no WebSocket yet: after about a minute.
KEEPALIVE = {socket.TCP_KEEPIDLE: 20, socket.TCP_KEEPINTVL: 10, socket.TCP_KEEPCNT: 4, socket.TCP_USER_TIMEOUT: 60_000}


class Strangers:
    """Those that have asked nothing yet, are in the middle of TLS, or do not read their answer."""

    def __init__(self, limit: int = LIMIT) -> None:
        self._limit = limit
        self._there: dict[socket.socket, str] = {}  # the oldest first

    def came(self, connection: socket.socket, address: str) -> None:
        """Make room by ending the oldest of the address that has the most; nobody new is refused."""
        self._there = {one: where for one, where in self._there.items() if one.fileno() >= 0}
        while len(self._there) >= self._limit:
            ((most, _),) = Counter(self._there.values()).most_common(1)
            oldest = next(one for one, where in self._there.items() if where == most)
            del self._there[oldest]
            _end(oldest)
        self._there[connection] = address

    def known(self, descriptor: int) -> None:
        """This one has a session: other limits hold for it."""
        self._there = {one: where for one, where in self._there.items() if one.fileno() != descriptor}


class Door(socket.socket):
    """Listens, and knows what it has accepted: who is still in the middle of TLS is nowhere else to be seen."""

    strangers: Strangers

    def accept(self) -> tuple[socket.socket, Any]:
        """As a socket does."""
        connection, address = super().accept()
        self.strangers.came(connection, address[0])
        return connection, address


def listen(bind: str, port: int) -> Door:
    """A socket that listens; what it accepts inherits the kernel's watch over dead peers."""
    family = socket.AF_INET6 if ":" in bind else socket.AF_INET
    plain = socket.create_server((bind, port), family=family, backlog=256)
    plain.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in KEEPALIVE.items():
        plain.setsockopt(socket.IPPROTO_TCP, option, value)
    door = Door(fileno=plain.detach())
    door.strangers = Strangers()
    return door


def _end(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):  # its peer was faster
        connection.shutdown(socket.SHUT_RDWR)  # its reader sees the end, and closes it
