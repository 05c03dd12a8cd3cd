"""One connection of a browser: its plain requests, whether its WebSocket is let in, and what it is answered.

Nothing that a client sent is logged; never a header, a query or a body.
"""

from __future__ import annotations

import asyncio
import functools
import time
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote, urlsplit

from websockets.datastructures import Headers, MultipleValuesError
from websockets.exceptions import InvalidMessage
from websockets.legacy.handshake import check_request
from websockets.legacy.server import WebSocketServerProtocol

from .connections import MADE_ROOM
from .gateway import Gateway, Vnc
from .journal import say
from .pages import Answer, Refused, as_file, as_json, as_refusal, may_stay, project_facts, stays
from .relay import PARTING, Relay, part
from .rules import link_token, tab_name

LINK_HEADER = "X-Desktop-Link"  # the page asks with it what has become of its link
TAB_HEADER = "X-Desktop-Tab"  # and what has come of its cut connection
POLICY = 1008  # the WebSocket's code for "not by our rules"
USED_UP = "The link is used up or has expired."
CROWDED = 4000  # ours, for the page: coming back by itself it would end the next one


class Browser(WebSocketServerProtocol):
    """One connection: a plain request, or a WebSocket that was let in."""

    def __init__(self, gateway: Gateway, *arguments: Any, **options: Any) -> None:
        self._cookie: list[tuple[str, str]] = []  # the header that starts a session, sent when the WebSocket opens
        super().__init__(*arguments, **{**options, "extra_headers": self._cookie})
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
            facts |= project_facts(self._gateway.config, time.time())
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
        """Let it in by its link or its session, or raise Refused; the link is used up when nothing else can fail."""
        gateway = self._gateway
        protocols = ", ".join(headers.get_all("Sec-WebSocket-Protocol"))
        token, self._tab = link_token(protocols), tab_name(protocols)
        if not gateway.site.allows_origin(headers.get("Origin", ""), host):
            raise Refused(HTTPStatus.FORBIDDEN, "Foreign origin.")
        check_request(headers.copy())
        if not gateway.access.is_open(token) and not gateway.access.live(session):
            raise Refused(HTTPStatus.FORBIDDEN, USED_UP)
        self._vnc = await self._reach_vnc()
        self._session = self._enter(host, token, session)
        gateway.strangers.known(self.transport.get_extra_info("socket").fileno())
        say("connected by " + ("a new link" if self._used else "its session"))

    async def _reach_vnc(self) -> Vnc:
        vnc = await self._gateway.connect()
        if vnc is None:
            raise Refused(HTTPStatus.SERVICE_UNAVAILABLE, "The desktop is not running.")
        if self.transport.is_closing():  # its loss has been told already: nobody would give this back
            vnc[1].close()
            raise ConnectionAbortedError("the browser left")
        return vnc

    def _enter(self, host: str, token: str, session: str) -> str:
        """The session that the link opens, or the one that is there."""
        access = self._gateway.access
        opened = access.redeem(token)
        if opened is None and not access.live(session):  # another connection was faster
            raise Refused(HTTPStatus.FORBIDDEN, USED_UP)
        if opened:
            self._used = token
            self._cookie.append(("Set-Cookie", self._gateway.site.set_cookie(host, opened)))
        return opened or session

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
