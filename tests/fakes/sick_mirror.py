"""A mirror of files over HTTP that falls sick in a way of one's choice, and remembers what it was asked for."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

SILENT, HEADERS, HALF, DRIP, SLOW_HEADERS = "silent", "headers", "half", "drip", "slow headers"
HANGS = (SILENT, HEADERS, HALF, DRIP, SLOW_HEADERS)
"""Takes the question and answers nothing; only headers; half of the file; a byte now and then; headers likewise."""
SLOW, WELL = "slow", "well"
"""The whole file in two seconds; at once."""


@dataclass
class SickMirror:
    """`sick`: what hangs, by the end of its path, and how many `times`. `asked`: all paths so far."""

    folder: Path
    way: str = WELL
    sick: str = ""
    times: int = 10_000
    asked: list[str] = field(default_factory=list)
    ended: threading.Event = field(default_factory=threading.Event)
    place: str = ""

    @property
    def url(self) -> str:
        """Without a slash at its end."""
        return f"http://{self.place}"


@contextmanager
def sick_mirror(
    folder: Path, way: str = WELL, sick: str = "", host: str = "127.0.0.1", times: int = 10_000
) -> Iterator[SickMirror]:
    """Serve the folder until the end of the block, when nothing hangs any longer. `host`: one of the loopback."""
    mirror = SickMirror(folder, way, sick, times)

    class Handler(_Handler):
        one = mirror

    with _Server((host, 0), Handler) as server:
        mirror.place = f"{host}:{server.server_port}"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield mirror
        finally:
            mirror.ended.set()
            server.shutdown()


@contextmanager
def refusing() -> Iterator[str]:
    """A URL where nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"


@contextmanager
def unreachable() -> Iterator[str]:
    """A URL that takes no connection and says nothing: its queue of connections is full."""
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        address = full.getsockname()
        waiting = [socket.socket() for _ in range(2)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(address)
        try:
            yield f"http://127.0.0.1:{address[1]}"
        finally:
            for one in waiting:
                one.close()


class _Server(ThreadingHTTPServer):
    def handle_error(self, *_: object) -> None:
        """Whoever asked may go whenever they like."""


class _Handler(SimpleHTTPRequestHandler):
    one: SickMirror

    def do_GET(self) -> None:
        mirror = self.one
        mirror.asked.append(self.path)
        path = mirror.folder / self.path.split("?")[0].lstrip("/")
        if path.is_dir() and (path / "index.html").is_file():
            path = path / "index.html"
        if not path.is_file():
            self.send_error(404)
        else:
            sick = self.path.endswith(mirror.sick) and mirror.times > 0
            mirror.times -= sick
            way = mirror.way if sick else WELL
            self._answer(path.read_bytes(), way, "text/html" if path.suffix == ".html" else "application/octet-stream")

    def _answer(self, content: bytes, way: str, kind: str) -> None:
        if way == SILENT:
            self.one.ended.wait()
            return
        if way == SLOW_HEADERS:
            self._drip(b"HTTP/1.0 200 OK\r\nServer: " + b"x" * 10_000)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Content-Type", kind)
        self.end_headers()
        if way == DRIP:
            self._drip(content)
            return
        if way == SLOW:
            for start in range(0, len(content), len(content) // 20 + 1):
                self.wfile.write(content[start : start + len(content) // 20 + 1])
                self.one.ended.wait(0.1)
            return
        sent = {HEADERS: 0, HALF: len(content) // 2}.get(way, len(content))
        self.wfile.write(content[:sent])
        if sent < len(content):
            self.one.ended.wait()

    def _drip(self, content: bytes) -> None:
        try:
            for byte in content:
                self.wfile.write(bytes([byte]))
                if self.one.ended.wait(0.4):
                    return
        except OSError:  # whoever asked has gone
            return

    def log_message(self, *_: object) -> None:
        pass
