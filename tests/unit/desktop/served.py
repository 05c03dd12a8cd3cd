"""A real gateway on a free port of this host, before a VNC server of the test's own."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from cloudify_desktop.config import Config
from cloudify_desktop.connections import CONNECTED, connected
from cloudify_desktop.door import listen
from cloudify_desktop.gateway import Gateway
from cloudify_desktop.relay import Patience
from cloudify_desktop.server import serve

from tests.browser.peer import LONG, Peer
from tests.browser.target import connection, get, opening

NEVER = 100.0 * LONG
CALM = Patience(request=NEVER, check=0.02)
PINGS = Patience(request=NEVER, ping=0.05, check=0.02)


class Clock:
    """The gateway's time, which goes on when the test says so: on a busy machine as on an idle one."""

    def __init__(self) -> None:
        self.time, self.wrong = time.time(), 0.0

    def wall(self) -> float:
        """What a clock shows that somebody may have set."""
        return self.time + self.wrong

    def __call__(self) -> float:
        return self.time


def wait_until(done: Callable[[], bool]) -> None:
    """Until it is so; TimeoutError when it never is."""
    end = time.monotonic() + LONG
    while not done():
        if time.monotonic() > end:
            raise TimeoutError
        time.sleep(0.01)


class Vnc:
    """Keeps what it is sent, and says what it is told to, to everybody."""

    def __init__(self) -> None:
        self.heard = self.greeting = b""
        self.came = 0
        self.writers: list[asyncio.StreamWriter] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        self.writers.append(writer)
        self.came += 1
        writer.write(self.greeting)
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(65536):
                self.heard += data
        self.writers.remove(writer)
        writer.close()


class Served:
    """The gateway, its VNC server, and the loop they run in."""

    def __init__(self, gateway: Gateway, vnc: Vnc, url: str, loop: asyncio.AbstractEventLoop, clock: Clock) -> None:
        self.gateway, self.vnc, self.url, self.loop, self.clock = gateway, vnc, url, loop, clock

    def token(self, *, view_only: bool = False) -> str:
        """A fresh link's token."""
        return self.gateway.access.issue(60, view_only=view_only).token

    def who(self) -> list[dict[str, object]]:
        """Who is connected, as the link command says it."""
        return connected(Path(self.gateway.config.state) / CONNECTED)

    def say(self, data: bytes) -> None:
        """The VNC server's word to all. A browser may be let in before the server has looked at its connection."""
        wait_until(lambda: len(self.vnc.writers) >= max(1, len(self.who())))
        for writer in list(self.vnc.writers):
            self.loop.call_soon_threadsafe(writer.write, data)

    def facts(self, *, cookie: str = "", token: str = "", tab: str = "") -> dict[str, object]:
        """What /session answers."""
        with connection(self.url) as sock:
            host = self.url.split("/")[2]
            headers = {"Host": host, "Cookie": cookie, "X-Desktop-Link": token, "X-Desktop-Tab": tab}
            lines = [f"{name}: {value}" for name, value in headers.items()]
            sock.sendall("\r\n".join(["GET /session HTTP/1.1", *lines, "", ""]).encode())
            answer = b"".join(iter(lambda: sock.recv(4096), b""))
        facts: dict[str, object] = json.loads(answer.split(b"\r\n\r\n", 1)[1])
        return facts

    def status(self, path: str) -> int:
        """The status of a plain request."""
        return int(get(self.url, path).split()[1])


@contextmanager
def websocket(served: Served, *, token: str = "", cookie: str = "", tab: str = "") -> Iterator[Peer]:
    """A WebSocket at the gateway, or its refusal."""
    with connection(served.url) as sock:
        yield Peer(sock, opening(sock, served.url, token=token, cookie=cookie, tab=tab))


@contextmanager
def gateway(folder: Path, patience: Patience, pair: tuple[Path, Path] | None = None) -> Iterator[Served]:
    """Serves until it is left; a session lives an hour of its clock. `pair` is a certificate and its key, for TLS."""
    page = folder / "page"
    page.mkdir(parents=True)
    (page / "index.html").write_text("<title>@title@</title>", "utf-8")
    (folder / "secret.js").write_text("beside what is served", "utf-8")
    places = str(folder), str(folder / "vnc"), str(page), str(page)
    config = Config("Mine & yours", "ask", "127.0.0.1", 0, [], 1.0, *places, *(str(file) for file in pair or ()))
    loop, vnc, listener, clock = asyncio.new_event_loop(), Vnc(), listen("127.0.0.1", 0), Clock()
    url = f"{'https' if pair else 'http'}://127.0.0.1:{listener.getsockname()[1]}/"
    served = Served(Gateway(config, patience, clock.wall, clock), vnc, url, loop, clock)
    thread = threading.Thread(target=loop.run_forever)

    async def begin() -> None:
        await asyncio.start_unix_server(vnc.serve, config.vnc_socket)
        await serve(served.gateway, listener)

    async def end() -> None:
        loop.remove_reader(listener)  # nobody more comes in
        for writer in list(vnc.writers):
            writer.close()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.wait([*tasks, asyncio.create_task(asyncio.sleep(0))], timeout=LONG)

    thread.start()
    try:
        asyncio.run_coroutine_threadsafe(begin(), loop).result(LONG)
        yield served
    finally:
        asyncio.run_coroutine_threadsafe(end(), loop).result(LONG)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(LONG)
        listener.close()
        loop.close()
