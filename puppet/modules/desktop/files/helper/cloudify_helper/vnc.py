"""What a browser could say to the VNC server: python3 -m cloudify_helper.vnc SOCKET [WIDTHxHEIGHT]

Without a size, it presses Shift: with the first key that comes by VNC, the server takes that keyboard's layout anew and
forgets the letter that it had just put on a code for it. So the first key of a new server is one that types nothing.
"""

from __future__ import annotations

import socket
import struct
import sys
from pathlib import Path

SHIFT = 0xFFE1
SECONDS = 5.0
EXTENDED_DESKTOP_SIZE = -308
"""An encoding; the server falls over a change of size by who does not know it."""


def press_shift() -> bytes:
    """Shift, down and up."""
    return struct.pack(">BBxxI", 4, 1, SHIFT) + struct.pack(">BBxxI", 4, 0, SHIFT)


def set_size(width: int, height: int) -> bytes:
    """One screen of that size in pixels."""
    known = struct.pack(">BxHi", 2, 1, EXTENDED_DESKTOP_SIZE)
    return known + struct.pack(">BxHHBx", 251, width, height, 1) + struct.pack(">IHHHHI", 0, 0, 0, width, height, 0)


def say(path: Path, words: bytes) -> None:
    """Connect beside all others, say it, and leave when the server has read it; raises OSError."""
    with socket.socket(socket.AF_UNIX) as server:
        server.settimeout(SECONDS)
        server.connect(str(path))
        _receive(server, 12)
        server.sendall(b"RFB 003.008\n")
        _receive(server, _receive(server, 1)[0])
        server.sendall(b"\1")  # security: none
        _receive(server, 4)
        server.sendall(b"\1")  # shared
        _receive(server, struct.unpack(">20xI", _receive(server, 24))[0])
        server.sendall(words)
        server.shutdown(socket.SHUT_WR)
        while server.recv(4096):
            pass


def _receive(server: socket.socket, length: int) -> bytes:
    data = b""
    while len(data) < length:
        part = server.recv(length - len(data))
        if not part:
            raise ConnectionError("the VNC server closed the connection")
        data += part
    return data


def main(path: str, size: str = "") -> None:
    """The command."""
    width, _, height = size.partition("x")
    say(Path(path), set_size(int(width), int(height)) if size else press_shift())


if __name__ == "__main__":
    main(*sys.argv[1:])
