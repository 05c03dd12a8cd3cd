"""A way between browser and gateway that can be cut, closed, or lets no WebSocket through."""

from __future__ import annotations

import contextlib
import socket
import threading


class Way:
    """Listens on a port of its own, for one gateway's port."""

    def __init__(self, port: int) -> None:
        self._to = port
        self._ends: list[socket.socket] = []
        self.upgrades = True
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
        with browser, socket.create_connection(("127.0.0.1", self._to)) as gateway:
            self._ends += [browser, gateway]
            head = b""
            with contextlib.suppress(OSError):
                while b"\r\n\r\n" not in head and (data := browser.recv(65536)):
                    head += data
                gateway.sendall(head if self.upgrades else head.replace(b"\r\nUpgrade:", b"\r\nX-Was-Upgrade:"))
            back = threading.Thread(target=_pump, args=(gateway, browser), daemon=True)
            back.start()
            _pump(browser, gateway)
            back.join()


def _pump(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    for end in (source, target):
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
