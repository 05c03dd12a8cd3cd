"""Room for TCP connections that have brought no session: however many they are, they keep nobody out. No clock."""

from __future__ import annotations

import contextlib
import socket
from collections import Counter

LIMIT = 256  # browsers ask and go within milliseconds: so many are there only where somebody holds them open


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


def _end(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):  # its peer was faster
        connection.shutdown(socket.SHUT_RDWR)  # its reader sees the end, and closes it
