"""What the gateway tells the machine: a line for the journal, and systemd that it is ready."""

from __future__ import annotations

import logging
import os
import socket


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


def say(message: str) -> None:
    """One line for the journal."""
    print(message, flush=True)


def notify_ready() -> None:
    """Tell systemd that the port is open."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if address:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
            channel.sendto(b"READY=1", "\0" + address[1:] if address.startswith("@") else address)
