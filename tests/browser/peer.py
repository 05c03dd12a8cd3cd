"""The other end of a gateway's WebSocket."""

from __future__ import annotations

import socket
import struct

LONG = 60  # seconds after which a test gives up: far longer than it takes on a busy machine


class Peer:
    """A browser's end of a WebSocket, which answers pings only when it is asked to read."""

    def __init__(self, sock: socket.socket, head: str) -> None:
        self.sock, self.head = sock, head
        self.status = int(head.split()[1])
        self.pings = self.code = 0  # code: by which the gateway has ended it
        sock.settimeout(LONG)

    @property
    def cookie(self) -> str:
        """The session's cookie, or an empty text."""
        lines = [line for line in self.head.split("\r\n") if line.startswith("Set-Cookie: ")]
        return lines[0].removeprefix("Set-Cookie: ").split(";")[0] if lines else ""

    def send(self, data: bytes, kind: int = 2) -> None:
        """One message, masked with zeros."""
        length = bytes([0x80 | len(data)]) if len(data) < 126 else bytes([0xFE]) + struct.pack(">H", len(data))
        self.sock.sendall(bytes([0x80 | kind]) + length + bytes(4) + data)

    def read(self) -> bytes | None:
        """The next message, answering pings before it; None when the gateway has ended the connection."""
        while True:
            head = self._exactly(2)
            if len(head) < 2:
                return None
            if head[0] & 15 == 8:
                self.code = int.from_bytes(self._exactly(head[1])[:2])
                return None
            length = head[1]
            if length > 125:
                length = int.from_bytes(self._exactly(2 if length == 126 else 8), "big")
            data = self._exactly(length)
            if head[0] & 15 != 9:
                return data
            self.pings += 1
            self.send(data, 10)

    def _exactly(self, count: int) -> bytes:
        data = b""
        while len(data) < count and (part := self.sock.recv(count - len(data))):
            data += part
        return data
