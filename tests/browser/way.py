"""A way between browser and gateway that can be cut, closed, or holds WebSockets back as proxies do."""

from __future__ import annotations

import contextlib
import re
import socket
import threading

DROPS = b"\r\n\r\n"
"""For `refuses`: the WebSocket goes on as a plain request."""
HANGS = b""
"""For `refuses`: the WebSocket is never answered."""
TLS = b"\x16"


def answers(status: int) -> bytes:
    """For `refuses`: an answer of the proxy's own."""
    return f"HTTP/1.1 {status} Proxy\r\nContent-Length: 3\r\nConnection: close\r\n\r\nno\n".encode()


class Way:
    """Listens on a port of its own, for one gateway's port.

    `refuses` is what becomes of a WebSocket; with `late`, the gateway has seen it and answered by then.
    `carried` counts the bytes to the gateway and from it.
    """

    def __init__(self, port: int) -> None:
        self.to = port
        self._ends: list[socket.socket] = []
        self.refuses: bytes | None = None
        self.late = False
        self.carried = [0, 0]
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._begin()

    def cut(self) -> None:
        """End what is connected; what comes next is let through."""
        ends, self._ends = self._ends, []
        for end in ends:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Nobody answers any more."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()

    def open(self) -> None:
        """Answer again, on the same port."""
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self._begin()

    def _begin(self) -> None:
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def _accept(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                browser, _ = listener.accept()
                threading.Thread(target=self._carry, args=(browser,), daemon=True).start()

    def _carry(self, browser: socket.socket) -> None:
        with browser, socket.create_connection(("127.0.0.1", self.to)) as gateway, contextlib.suppress(OSError):
            self._ends += [browser, gateway]
            head = b""
            while b"\r\n\r\n" not in head and head[:1] != TLS and (data := browser.recv(65536)):
                head += data
            if self.refuses is not None and b"\r\nUpgrade:" in head:
                self._refuse(head, browser, gateway)
                return
            gateway.sendall(head)
            back = threading.Thread(target=self._pump, args=(gateway, browser, 1), daemon=True)
            back.start()
            self._pump(browser, gateway, 0)
            back.join()

    def _refuse(self, head: bytes, browser: socket.socket, gateway: socket.socket) -> None:
        assert self.refuses is not None
        if self.late:
            gateway.sendall(head)
            gateway.recv(65536)
        if self.refuses == DROPS:
            gateway.sendall(re.sub(rb"\r\n(Upgrade|Connection):[^\r]*", b"", head))
            self._pump(gateway, browser, 1)
        elif self.refuses == HANGS:
            browser.recv(1)
        else:
            browser.sendall(self.refuses)

    def _pump(self, source: socket.socket, target: socket.socket, direction: int) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
                self.carried[direction] += len(data)
        for end in (source, target):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
