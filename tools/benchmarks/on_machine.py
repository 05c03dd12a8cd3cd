"""Runs on a machine: from a key to the picture of it, by a client that draws nothing. Standard library only.

    python3 on_machine.py SOCKET PORT TOKEN KEYS X Y WIDTH HEIGHT

It prints {"direct": [milliseconds, ...], "gateway": [...]} for keys whose picture lies at that place.
`direct` speaks to the VNC server's unix socket, `gateway` the same by a WebSocket; they take turns, so that both see
the same machine.
"""

from __future__ import annotations

import base64
import json
import os
import random
import select
import socket
import struct
import sys
import time
from collections.abc import Sequence

RAW = struct.pack(">BxHi", 2, 1, 0)
PAUSE = 0.03, 0.08  # seconds between keys: by chance, so that no rhythm of the server's meets them always
PING, PONG = 9, 10
WAIT, TIMES = 10.0, 5  # seconds for a key to be seen at all, and attempts


class Direct:
    """Bytes from and to a socket."""

    def __init__(self, sock: socket.socket, place: tuple[int, ...]) -> None:
        self.sock, self.place = sock, place
        sock.settimeout(30)

    def send(self, data: bytes) -> None:
        """All of it."""
        self.sock.sendall(data)

    def has_news(self, seconds: float = 0.0) -> bool:
        """Whether something is there to be read, or comes within that time."""
        return bool(select.select([self.sock], [], [], seconds)[0])

    def receive(self, count: int) -> bytes:
        """So many."""
        data = b""
        while len(data) < count:
            part = self.sock.recv(count - len(data))
            if not part:
                raise EOFError("the other end has left")
            data += part
        return data


class Framed(Direct):
    """A client of the VNC protocol in a WebSocket's frames, over the gateway."""

    def __init__(self, port: int, token: str, place: tuple[int, ...]) -> None:
        super().__init__(socket.create_connection(("127.0.0.1", port)), place)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # as browsers do
        self.waiting = b""
        host = f"127.0.0.1:{port}"
        lines = [
            "GET /websockify HTTP/1.1",
            f"Host: {host}",
            f"Origin: http://{host}",
            "Upgrade: websocket",
            "Connection: Upgrade",
            f"Sec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}",
            "Sec-WebSocket-Version: 13",
            f"Sec-WebSocket-Protocol: binary, link.{token}",
        ]
        self.sock.sendall("\r\n".join([*lines, "", ""]).encode())
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += super().receive(1)
        if b" 101 " not in head:
            raise EOFError(head.decode())

    def send(self, data: bytes) -> None:
        """One message of less than 126 bytes, masked with zeros."""
        self.sock.sendall(bytes([0x82, 0x80 | len(data)]) + bytes(4) + data)

    def receive(self, count: int) -> bytes:
        """So many of the messages' bytes."""
        while len(self.waiting) < count:
            self._take()
        found, self.waiting = self.waiting[:count], self.waiting[count:]
        return found

    def has_news(self, seconds: float = 0.0) -> bool:
        """As of a plain socket: a ping is none."""
        end = time.monotonic() + seconds
        while not self.waiting:
            if not super().has_news(max(0.0, end - time.monotonic())):
                return False
            self._take()
        return True

    def _take(self) -> None:
        """One frame; a ping is answered, as browsers do."""
        kind, length = super().receive(2)
        if length > 125:
            length = int.from_bytes(super().receive(2 if length == 126 else 8), "big")
        data = super().receive(length)
        if kind & 15 == PING:
            self.sock.sendall(bytes([0x80 | PONG, 0x80 | length]) + bytes(4) + data)
        self.waiting += data if kind & 15 < 3 else b""


def greet(way: Direct) -> None:
    """RFB's beginning, up to the first whole picture."""
    way.receive(12)
    way.send(b"RFB 003.008\n")
    way.receive(way.receive(1)[0])
    way.send(b"\1")
    way.receive(4)
    way.send(b"\1")
    way.receive(20)
    way.receive(int.from_bytes(way.receive(4), "big"))
    way.send(RAW)
    ask(way, incremental=False)
    update(way)


def ask(way: Direct, *, incremental: bool) -> None:
    """For what has changed."""
    way.send(struct.pack(">BBHHHH", 3, incremental, *way.place))


def update(way: Direct) -> None:
    """Wait for it."""
    while (kind := way.receive(1)[0]) != 0:
        if kind == 3:
            way.receive(int.from_bytes(way.receive(7)[3:], "big"))
    for _ in range(int.from_bytes(way.receive(3)[1:], "big")):
        _, _, width, height, _ = struct.unpack(">HHHHi", way.receive(12))
        way.receive(4 * width * height)


def quiet(ways: Sequence[Direct]) -> None:
    """All have asked, and nothing changes by itself any more."""
    for way in ways:
        ask(way, incremental=True)
    while True:
        time.sleep(random.uniform(*PAUSE))
        changed = [way for way in ways if way.has_news()]
        if not changed:
            return
        for way in changed:
            update(way)
            ask(way, incremental=True)


def pressed(way: Direct) -> float | None:
    """Milliseconds from a key to the picture of it, None if none comes; `quiet` comes before."""
    began = time.monotonic()
    for down in (1, 0):
        way.send(struct.pack(">BBxxI", 4, down, ord("x")))
    if not way.has_news(WAIT):
        return None
    update(way)
    return 1000 * (time.monotonic() - began)


def click(way: Direct) -> None:
    """Into the middle of the place: another window has come, and had the key."""
    x, y, width, height = way.place
    for button in (0, 1, 0):
        way.send(struct.pack(">BBHH", 5, button, x + width // 2, y + height // 2))


def measured(way: Direct, ways: Sequence[Direct]) -> float:
    """As `pressed`; where a key shows nothing it is pressed again."""
    for _ in range(TIMES):
        quiet(ways)
        if (milliseconds := pressed(way)) is not None:
            return milliseconds
        click(way)
    raise EOFError("the terminal shows nothing of what is typed")


def main() -> None:
    """Measure, and print."""
    path, port, token, keys, *numbers = sys.argv[1:]
    place = tuple(map(int, numbers))
    plain = socket.socket(socket.AF_UNIX)
    plain.connect(path)
    ways = {"direct": Direct(plain, place), "gateway": Framed(int(port), token, place)}
    for way in ways.values():
        greet(way)
    samples: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(int(keys)):
        for name, way in ways.items():
            samples[name].append(measured(way, list(ways.values())))
            for other in ways.values():
                if other is not way:
                    update(other)
    print(json.dumps(samples))


if __name__ == "__main__":
    main()
