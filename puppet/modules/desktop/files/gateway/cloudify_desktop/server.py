"""The gateway's server: takes connections, each of which is a `Browser`. python3 -m cloudify_desktop.server SETTINGS"""

from __future__ import annotations

import asyncio
import functools
import signal
import sys
from pathlib import Path

from websockets.legacy import http
from websockets.legacy.server import WebSocketServer, WebSocketServerProtocol
from websockets.legacy.server import serve as serve_websockets
from websockets.typing import Subprotocol

from .browser import Browser
from .certificate import Certificate
from .config import Config
from .door import Door, listen
from .gateway import Gateway
from .journal import notify_ready, quiet_log, say
from .relay import Patience

LARGEST = 1 << 16  # bytes of one message; noVNC's have 10 kB at most
WAITING = 32  # messages that have come and that the VNC server does not take
# A browser sends 20 lines, and one with all of a host's cookies; those of many strangers have to fit into the memory.
# Debian's version of the library has no other way to say so.
http.MAX_HEADERS, http.MAX_LINE = 48, 8192


async def serve(gateway: Gateway, door: Door) -> WebSocketServer:
    """Begin to serve who comes to the door."""
    gateway.strangers = door.strangers
    certificate = gateway.config.certificate
    return await serve_websockets(
        _relay,
        sock=door,
        ssl=Certificate(certificate, gateway.config.key).context if certificate else None,
        ssl_handshake_timeout=gateway.patience.request if certificate else None,
        create_protocol=functools.partial(Browser, gateway),
        logger=quiet_log(),
        compression=None,  # pictures are compressed already
        subprotocols=[Subprotocol("binary")],  # beside it the page offers its link, which is no protocol
        server_header=None,
        ping_interval=None,  # the relay does
        max_size=LARGEST,
        max_queue=WAITING,
    )


async def _relay(browser: WebSocketServerProtocol) -> None:
    assert isinstance(browser, Browser)  # `create_protocol` makes no other
    await browser.admitted()


async def run(config: Config) -> None:
    """Serve until systemd stops us."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    gateway = Gateway(config, Patience())
    with listen(config.bind, config.port) as door:
        await serve(gateway, door)
        say(f"listening on {config.bind}:{config.port}{' with TLS' if config.certificate else ''}")
        notify_ready()
        await stop.wait()


if __name__ == "__main__":
    asyncio.run(run(Config.load(Path(sys.argv[1]))))
