"""What the gateway needs of the machine: a socket, systemd, and the journal."""

from __future__ import annotations

import logging
import os
import socket

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


def listen(bind: str, port: int) -> socket.socket:
    """A socket that listens; what it accepts inherits the kernel's watch over dead peers."""
    family = socket.AF_INET6 if ":" in bind else socket.AF_INET
    listener = socket.create_server((bind, port), family=family, backlog=256)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in KEEPALIVE.items():
        listener.setsockopt(socket.IPPROTO_TCP, option, value)
    return listener


def say(message: str) -> None:
    """One line for the journal."""
    print(message, flush=True)


def notify_ready() -> None:
    """Tell systemd that the port is open."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if address:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
            channel.sendto(b"READY=1", "\0" + address[1:] if address.startswith("@") else address)
