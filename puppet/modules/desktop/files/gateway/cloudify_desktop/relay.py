"""Bytes between a WebSocket and the VNC server, for as long as the session lives and the browser answers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from websockets.exceptions import ConnectionClosed
from websockets.legacy.server import WebSocketServerProtocol

from .connections import Connection
from .rfb import LookOnly, NotUnderstood

CHUNK = 65536
PARTING = 1.0  # seconds


@dataclass(frozen=True)
class Patience:
    """How often things are done, and how long is waited for an answer; in seconds.

    Browsers answer a ping by themselves, so that both ways carry something every 20 s: proxies that end what is idle
    for a minute end nothing, and who says nothing for longer is gone.
    """

    request: float = 15.0
    between: float = 5.0
    ping: float = 20.0
    silence: float = 50.0
    check: float = 0.5


@dataclass
class Relay:
    """One browser at the desktop. `keep` renews its session, `live` only asks; both say whether it still lives."""

    browser: WebSocketServerProtocol
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    connection: Connection
    elapsed: Callable[[], float]
    keep: Callable[[], bool]
    live: Callable[[], bool]
    patience: Patience

    async def run(self) -> str:
        """Carry bytes both ways; returns in words why it ended."""
        works = (self._to_vnc(), self._to_browser(), self._ping(), self._watch())
        tasks = [asyncio.create_task(work) for work in works]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            return next(iter(done)).result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _to_vnc(self) -> str:
        looks = LookOnly() if self.connection.view_only else None
        try:
            while True:
                message = await self.browser.recv()
                self._heard()
                data = message if isinstance(message, bytes) else b""
                self.writer.write(looks.feed(data) if looks else data)
                self.connection.received += len(data)
                await self.writer.drain()
        except ConnectionClosed:
            return "browser left"
        except OSError:
            return "desktop stopped"
        except NotUnderstood as error:
            return f"it may only look, and sent what is not known ({error})"

    async def _to_browser(self) -> str:
        try:
            while data := await self.reader.read(CHUNK):
                await self.browser.send(data)
        except ConnectionClosed:
            return "browser left"
        except OSError:
            pass
        return "desktop stopped"

    async def _ping(self) -> str:
        try:
            while True:
                await asyncio.sleep(self.patience.ping)
                asyncio.ensure_future(await self.browser.ping()).add_done_callback(self._answered)
        except ConnectionClosed:
            return "browser left"

    def _answered(self, pong: asyncio.Future[None]) -> None:
        if not pong.cancelled() and pong.exception() is None:
            self._heard()

    def _heard(self) -> None:
        self.connection.heard = self.elapsed()

    async def _watch(self) -> str:
        """What is not awaited above, since a send to a peer that is gone may never return."""
        renewed = self.connection.heard
        while True:
            await asyncio.sleep(self.patience.check)
            if self.connection.ended:
                return self.connection.ended
            heard = self.connection.heard
            if self.elapsed() - heard > self.patience.silence:
                return "the browser no longer answers"
            if not (self.keep() if heard > renewed else self.live()):  # traffic renews, an open socket does not
                return "session ended"
            renewed = heard


async def part(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Leave the VNC server when it has read all: a socket that is closed with something unread loses what was sent."""
    try:
        writer.write_eof()
        async with asyncio.timeout(PARTING):
            while await reader.read(CHUNK):
                pass
    except OSError:  # TimeoutError is one
        pass
    finally:
        writer.close()
