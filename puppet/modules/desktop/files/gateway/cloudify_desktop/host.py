"""What the gateway needs of the machine: a socket, systemd, and the journal."""

from __future__ import annotations

import logging
import os
import socket
from typing import Any

from .strangers import Strangers

# The kernel ends connections whose peer is gone, also those that are no WebSocket yet: after about a minute.
KEEPALIVE = {socket.TCP_KEEPIDLE: 20, socket.TCP_KEEPINTVL: 10, socket.TCP_KEEPCNT: 4, socket.TCP_USER_TIMEOUT: 60_000}


class _Named(logging.Handler):
    """The library's errors by their name alone: their text would quote what the client sent."""

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[0] if record.exc_info else None
        if error and not issubclass(error, OSError):  # a broken connection is everyday life
            say(f"error: {error.__name__}")


def quiet_log() -> logging.Logger:
    """A logger for the library, of which the journal gets no more than it may."""
    logger = logging.getLogger("cloudify_desktop")
    logger.propagate = False
    logger.handlers = [_Named(logging.ERROR)]
    return logger


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


def say(message: str) -> None:
    """One line for the journal."""
    print(message, flush=True)


def notify_ready() -> None:
    """Tell systemd that the port is open."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if address:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
            channel.sendto(b"READY=1", "\0" + address[1:] if address.startswith("@") else address)
