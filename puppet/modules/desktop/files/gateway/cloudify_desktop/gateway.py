"""The gateway's server: our page, noVNC's files, and the WebSocket to the VNC server's unix socket.

Nothing that a client sent is logged; never a header, a query or a body.
"""

from __future__ import annotations

import asyncio
import functools
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from websockets.datastructures import Headers, MultipleValuesError
from websockets.exceptions import InvalidMessage
from websockets.legacy import http
from websockets.legacy.handshake import check_request
from websockets.legacy.server import WebSocketServer, WebSocketServerProtocol, serve

from .access import Access
from .certificate import Certificate
from .config import Config
from .connections import CONNECTED, MADE_ROOM, Connections
from .host import Door, listen, notify_ready, quiet_log, say
from .pages import Answer, Refused, as_file, as_json, as_refusal, may_stay, stays
from .relay import PARTING, Patience, Relay, part
from .rules import Site, link_token, tab_name
from .strangers import Strangers
from .told import told

LINK_HEADER = "X-Desktop-Link"  # the page asks with it what has become of its link
TAB_HEADER = "X-Desktop-Tab"  # and what has come of its cut connection
LARGEST = 1 << 16  # bytes of one message; noVNC's have 10 kB at most
WAITING = 32  # messages that have come and that the VNC server does not take
POLICY = 1008  # the WebSocket's code for "not by our rules"
CROWDED = 4000  # ours, for the page: coming back by itself it would end the next one
# A browser sends 20 lines, and one with all of a host's cookies; those of many strangers have to fit into the memory.
# Debian's version of the library has no other way to say so.
http.MAX_HEADERS, http.MAX_LINE = 48, 8192
Vnc = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass
class Gateway:
    """What all connections share."""

    config: Config
    patience: Patience
    now: Callable[[], float] = time.time
    elapsed: Callable[[], float] = time.monotonic

    def __post_init__(self) -> None:
        state = Path(self.config.state)
        self.site = Site(tls=bool(self.config.certificate), names=self.config.hosts)
        self.access = Access(state, self.now, self.config.session_hours * 3600)
        self.connections = Connections(state / CONNECTED, self.now, self.elapsed)
        self.strangers = Strangers()

    async def serve(self, listener: Door) -> WebSocketServer:
        """Begin to serve on a socket that listens."""
        self.strangers = listener.strangers
        certificate = self.config.certificate
        return await serve(
            Browser.admitted,  # type: ignore[arg-type]
            sock=listener,
            ssl=Certificate(certificate, self.config.key).context if certificate else None,
            ssl_handshake_timeout=self.patience.request if certificate else None,
            create_protocol=functools.partial(Browser, self),
            logger=quiet_log(),
            compression=None,  # pictures are compressed already
            select_subprotocol=lambda offered, ours: "binary" if "binary" in offered else "",  # type: ignore[arg-type,return-value]
            subprotocols=["binary"],  # type: ignore[list-item]
            server_header=None,
            ping_interval=None,  # the relay does
            max_size=LARGEST,
            max_queue=WAITING,
        )

    async def connect(self) -> Vnc | None:
        """A connection to the VNC server, or None when it is not there."""
        try:
            return await asyncio.open_unix_connection(self.config.vnc_socket)
        except OSError:
            return None

    async def desktop(self) -> str:
        """Whether the VNC server is `up` or `down`; it is not asked while somebody is connected to it."""
        if self.connections.all:
            return "up"
        vnc = await self.connect()
        if vnc:
            vnc[1].close()
        return "up" if vnc else "down"


class Browser(WebSocketServerProtocol):
    """One connection: a plain request, or a WebSocket that was let in."""

    def __init__(self, gateway: Gateway, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **{**options, "extra_headers": []})
        self._gateway = gateway
        self._session = self._tab = self._used = ""  # used: the link that opened this session
        self._vnc: Vnc | None = None

    async def read_http_request(self) -> tuple[str, Headers]:
        """The first request that is not answered here: a page asks for its many files by few connections."""
        patience = self._gateway.patience
        path, headers = await self._request(patience.request)
        while may_stay(headers) and (answered := await self.process_request(path, headers)):
            self.write_http_response(answered[0], stays(answered), answered[2])
            await self._drain()
            try:
                path, headers = await self._request(patience.between)
            except InvalidMessage as error:
                raise ConnectionAbortedError("nothing more came") from error
        return path, headers

    async def _request(self, seconds: float) -> tuple[str, Headers]:
        """Who asks nothing does not stay."""
        try:
            return await asyncio.wait_for(super().read_http_request(), seconds)
        except TimeoutError as error:
            raise InvalidMessage("no request came") from error

    async def process_request(self, path: str, headers: Headers) -> Answer | None:
        """Answer a plain request; None lets a WebSocket in."""
        try:
            return await self._route(path, headers)
        except Refused as refused:
            say(f"refused ({refused.status.value}): {refused.reason}")
            return as_refusal(refused)
        except MultipleValuesError:
            return as_refusal(Refused(HTTPStatus.BAD_REQUEST, "A header comes twice."))

    async def _route(self, path: str, headers: Headers) -> Answer | None:
        host = headers.get("Host", "")
        if not self._gateway.site.allows_host(host):
            raise Refused(HTTPStatus.MISDIRECTED_REQUEST, "This is not a name of this desktop.")
        session = self._gateway.site.session(host, headers.get("Cookie", ""))
        if headers.get("Upgrade", "").lower() == "websocket":
            await self._websocket(host, session, headers)
            return None
        if path == "/health":
            return as_json({"status": "ok", "desktop": await self._gateway.desktop()})
        if path == "/session":
            return await self._facts(session, headers.get(LINK_HEADER, ""), headers.get(TAB_HEADER, ""))
        return as_file(self._gateway.config, unquote(urlsplit(path).path))

    async def _facts(self, session: str, token: str, tab: str) -> Answer:
        access = self._gateway.access
        grant = access.live(session)
        facts: dict[str, object] = {"session": grant is not None, "view_only": bool(grant and grant.view_only)}
        if grant:
            facts |= told(self._gateway.config, time.time())
        if grant and not grant.view_only:
            facts["others"] = self._gateway.connections.others(grant.id)
        if tab and (id := grant.id if grant else access.id_of(token)):
            facts["received"] = await self._received(id, tab)
        link = access.told(token) if token else "none"  # after that: a link by which nothing has come is good again
        return as_json({**facts, "link": link, "desktop": await self._gateway.desktop()})

    async def _received(self, id: str, tab: str) -> int | None:
        connections, patience = self._gateway.connections, self._gateway.patience
        while not connections.end_tab(id, tab):
            await asyncio.sleep(patience.check / 10)
        return connections.received(id, tab)

    async def _websocket(self, host: str, session: str, headers: Headers) -> None:
        access, site = self._gateway.access, self._gateway.site
        token = link_token(", ".join(headers.get_all("Sec-WebSocket-Protocol")))
        if not site.allows_origin(headers.get("Origin", ""), host):
            raise Refused(HTTPStatus.FORBIDDEN, "Foreign origin.")
        check_request(headers.copy())  # before the link is used up, as what follows
        if not access.is_open(token) and not access.live(session):
            raise Refused(HTTPStatus.FORBIDDEN, "The link is used up or has expired.")
        self._vnc = await self._gateway.connect()
        if self._vnc is None:
            raise Refused(HTTPStatus.SERVICE_UNAVAILABLE, "The desktop is not running.")
        if self.transport.is_closing():  # its loss has been told already: nobody would give this back
            self._vnc[1].close()
            raise ConnectionAbortedError("the browser left")
        opened = access.redeem(token)
        if opened is None and not access.live(session):  # another connection was faster
            raise Refused(HTTPStatus.FORBIDDEN, "The link is used up or has expired.")
        self._session, self._tab = opened or session, tab_name(", ".join(headers.get_all("Sec-WebSocket-Protocol")))
        self._gateway.strangers.known(self.transport.get_extra_info("socket").fileno())
        if opened:
            self._used = token
            self.extra_headers.append(("Set-Cookie", site.set_cookie(host, opened)))  # type: ignore[union-attr]
        say("connected by " + ("a new link" if opened else "its session"))

    def connection_lost(self, error: Exception | None) -> None:
        """The connection to the VNC server goes with a browser's that was never let in."""
        super().connection_lost(error)
        if self._vnc:
            self._vnc[1].close()
            self._give_back()

    def _give_back(self) -> None:
        """The link, when nothing has come by it: something on the way holds back the answer, and the page lacks it."""
        if self._used:
            self._gateway.access.give_back(self._used, self._session)

    async def admitted(self) -> None:
        """Relay until one side leaves, falls silent or may not stay."""
        gateway = self._gateway
        grant = gateway.access.live(self._session)
        if grant is None or self._vnc is None:
            return
        (reader, writer), self._vnc = self._vnc, None
        address = str((self.remote_address or ("",))[0])
        connection = gateway.connections.enter(grant.id, grant.view_only, address, self._tab)
        keep = functools.partial(gateway.access.keep, self._session)
        live = functools.partial(self._is_live, self._session)
        try:
            relay = Relay(self, reader, writer, connection, gateway.elapsed, keep, live, gateway.patience)
            reason = await relay.run()
        finally:
            if not connection.received and gateway.connections.is_alone(connection):  # others have its cookie
                self._give_back()
            await part(reader, writer)
            gateway.connections.leave(connection)
        say(f"disconnected: {reason}")
        self.close_timeout = PARTING
        self.fail_connection(CROWDED if reason == MADE_ROOM else POLICY, reason)

    def _is_live(self, session: str) -> bool:
        return self._gateway.access.live(session) is not None


async def run(config: Config) -> None:
    """Serve until systemd stops us."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    gateway = Gateway(config, Patience())
    with listen(config.bind, config.port) as listener:
        await gateway.serve(listener)
        say(f"listening on {config.bind}:{config.port}{' with TLS' if config.certificate else ''}")
        notify_ready()
        await stop.wait()


if __name__ == "__main__":
    asyncio.run(run(Config.load(Path(sys.argv[1]))))
