"""A browser's side of RFB, over a WebSocket: does what it is told, allowed or not."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import contextmanager

from tests.browser.peer import Peer
from tests.browser.target import VERSION, Desktop, connection, opening, token_of

UPDATE, BELL, CUT_TEXT = 0, 2, 3  # what a server says


class Viewer:
    """At a desktop, past the greeting. It asks for no picture, so that all that comes is short."""

    def __init__(self, peer: Peer) -> None:
        self._peer, self._data = peer, b""
        self._exactly(12)
        peer.send(VERSION)
        self._exactly(self._exactly(1)[0])
        peer.send(b"\1")
        self._exactly(4)
        peer.send(b"\1")
        self.width, self.height = struct.unpack(">HH", self._exactly(4))
        self._exactly(16)
        self._exactly(int.from_bytes(self._exactly(4), "big"))

    def say(self, *messages: bytes) -> None:
        """To the server, if the gateway lets it through."""
        for message in messages:
            self._peer.send(message)

    def cut_text(self) -> tuple[int, bytes]:
        """The next word of the server about its clipboard: its length, which is negative when it is extended."""
        kind = self._exactly(1)[0]
        assert kind == CUT_TEXT, kind
        length = int(struct.unpack(">xxxi", self._exactly(7))[0])
        return length, self._exactly(abs(length))

    def is_ended(self) -> bool:
        """Whether the gateway ends the connection, whatever comes before."""
        while self._peer.read() is not None:
            pass
        return True

    def _exactly(self, count: int) -> bytes:
        while len(self._data) < count:
            data = self._peer.read()
            assert data is not None, "the gateway has ended the connection"
            self._data += data
        found, self._data = self._data[:count], self._data[count:]
        return found


@contextmanager
def viewer(desktop: Desktop, link: str) -> Iterator[Viewer]:
    """Opens a link."""
    with connection(desktop.url) as sock:
        yield Viewer(Peer(sock, opening(sock, desktop.url, token=token_of(link))))
