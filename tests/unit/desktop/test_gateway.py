"""The gateway over real sockets: who gets in, who is told what, and who does not live for ever."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from cloudify_desktop.browser import CROWDED
from cloudify_desktop.connections import PER_SESSION
from cloudify_desktop.door import KEEPALIVE, listen
from cloudify_desktop.gateway import Vnc
from cloudify_desktop.relay import Patience
from cloudify_desktop.rfb import NO_CONTENTS

from tests.browser.certificate import self_signed
from tests.browser.peer import Peer
from tests.browser.target import connection, get, opening
from tests.unit.desktop.served import CALM, PINGS, Served, gateway, wait_until, websocket

GREETING = b"RFB 003.008\n\x01\x01"
KEY = struct.pack(">BBxxI", 4, 1, 0x61)
ASK = struct.pack(">BBHHHH", 3, 1, 0, 0, 800, 600)


@pytest.fixture
def calm(tmp_path: Path) -> Iterator[Served]:
    with gateway(tmp_path, CALM) as served:
        yield served


@pytest.fixture
def pinging(tmp_path: Path) -> Iterator[Served]:
    with gateway(tmp_path, PINGS) as served:
        yield served


def test_bytes_go_both_ways_and_the_title_is_shown_as_text(calm: Served) -> None:
    with websocket(calm, token=calm.token()) as peer:
        assert peer.status == 101 and peer.cookie and "link." not in peer.head
        wait_until(lambda: bool(calm.vnc.writers))
        calm.say(b"RFB 003.008\n")
        assert peer.read() == b"RFB 003.008\n"
        peer.send(GREETING + KEY)
        wait_until(lambda: calm.vnc.heard == GREETING + KEY)
    wait_until(lambda: not calm.vnc.writers and calm.who() == [])
    with connection(calm.url) as sock:
        sock.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        assert b"<title>Mine &amp; yours</title>" in b"".join(iter(lambda: sock.recv(4096), b""))


@pytest.mark.parametrize(
    ("path", "status"),
    [("/", 200), ("/health", 200), ("/../secret.js", 404), ("/%2e%2e/secret.js", 404), ("/%00", 404)],
)
def test_plain_requests(calm: Served, path: str, status: int) -> None:
    assert calm.status(path) == status
    assert int(get(calm.url, path, host="evil.example").split()[1]) == 421


def request(path: str, *more: str) -> bytes:
    return "\r\n".join([f"GET {path} HTTP/1.1", "Host: 127.0.0.1", *more, "", ""]).encode()


def test_a_page_gets_its_files_by_one_connection(calm: Served) -> None:
    kept = "Connection: keep-alive"
    with connection(calm.url) as sock:
        sock.sendall(request("/", kept) + request("/nothing.js", kept) + request("/health", kept) + request("/"))
        said = b"".join(iter(lambda: sock.recv(4096), b""))  # the last one did not ask for more
    assert [said.count(word) for word in (b"HTTP/1.1 200", b"HTTP/1.1 404", b"<title>")] == [3, 1, 2]
    assert said.count(b"Connection: keep-alive") == 3 and said.count(b"Connection: close") == 1


@pytest.mark.parametrize("body", ["Content-Length: 4", "Transfer-Encoding: chunked", "Upgrade: h2c"])
def test_nothing_is_read_after_a_body(calm: Served, body: str) -> None:
    with connection(calm.url) as sock:
        sock.sendall(request("/", "Connection: keep-alive", body) + request("/health"))
        said = b"".join(iter(lambda: sock.recv(4096), b""))
    assert said.count(b"HTTP/1.1") == 1


def test_a_connection_that_asks_for_nothing_more_ends_in_silence(tmp_path: Path) -> None:
    with gateway(tmp_path, Patience(between=0.05)) as served, connection(served.url) as sock:
        sock.sendall(request("/", "Connection: keep-alive"))
        assert b"".join(iter(lambda: sock.recv(4096), b"")).count(b"HTTP/1.1") == 1


def test_what_has_become_of_a_link_can_be_asked_without_using_it_up(calm: Served) -> None:
    token = calm.token()
    assert calm.facts(token=token) == {"session": False, "view_only": False, "link": "good", "desktop": "up"}
    with websocket(calm, token=token) as peer:
        assert calm.facts(cookie=peer.cookie)["session"] is True
        peer.send(GREETING)
        wait_until(lambda: calm.vnc.heard == GREETING)
    wait_until(lambda: calm.who() == [])
    assert calm.facts(token=token)["link"] == "used"
    assert calm.facts(token="never")["link"] == "unknown"
    assert calm.facts()["link"] == "none"


def test_saving_and_the_end_are_told_to_those_who_are_in(calm: Served, tmp_path: Path) -> None:
    there = replace(calm.gateway.config, saving=str(tmp_path / "run"), ends_at="2030-01-31T14:05:00+00:00")
    calm.gateway.config = there
    for view_only in (False, True):
        token = calm.token(view_only=view_only)
        assert not {"saving", "ends"} & set(calm.facts(token=token))
        with websocket(calm, token=token) as peer:
            facts = calm.facts(cookie=peer.cookie)
            assert facts["saving"] == {"mood": "none", "text": "No data space: copy what you need", "at": 0.0}
            assert facts["ends"] == 1896098700


def test_a_failed_attempt_uses_no_link_up(calm: Served) -> None:
    token = calm.token()
    head = f"GET /websockify HTTP/1.1\r\nHost: {calm.url.split('/')[2]}\r\nSec-WebSocket-Protocol: link.{token}\r\n"
    without_upgrade = head
    without_key = head + f"Upgrade: websocket\r\nConnection: Upgrade\r\nOrigin: {calm.url.rstrip('/')}\r\n"
    for request in (without_upgrade, without_key):
        with connection(calm.url) as sock:
            sock.sendall(request.encode() + b"\r\n")
            assert sock.recv(4096).split()[1] in (b"404", b"400")
    with websocket(calm, token=token) as peer:
        assert peer.status == 101


def test_a_link_whose_answer_never_arrived_is_good_again(calm: Served) -> None:
    token = calm.token()
    with websocket(calm, token=token, tab="first") as unseen:  # something on the way holds the answer back
        assert calm.facts(token=token)["link"] == "used"
        assert calm.facts(token=token, tab="first")["link"] == "good"
        assert unseen.read() is None
        assert calm.facts(cookie=unseen.cookie)["session"] is False
    with websocket(calm, token=token, tab="second") as seen:
        seen.send(GREETING)
        wait_until(lambda: calm.vnc.heard == GREETING)
        assert calm.facts(token=token, tab="second")["link"] == "used"


def test_a_session_that_another_window_uses_gives_no_link_back(calm: Served) -> None:
    token = calm.token()
    with websocket(calm, token=token) as silent, websocket(calm, cookie=silent.cookie) as other:
        wait_until(lambda: len(calm.who()) == 2)
        silent.sock.close()
        wait_until(lambda: len(calm.who()) == 1)
        other.send(GREETING)
        wait_until(lambda: calm.vnc.heard == GREETING)
        assert calm.facts(token=token, cookie=silent.cookie)["session"] is True
        assert calm.facts(token=token)["link"] == "used"


def test_a_revoked_session_gives_no_link_back(calm: Served) -> None:
    token = calm.token()
    with websocket(calm, token=token) as peer:
        calm.gateway.access.revoke()
        assert peer.read() is None
    wait_until(lambda: calm.who() == [])
    assert calm.facts(token=token)["link"] == "used"


def test_a_desktop_that_is_down_costs_no_link(calm: Served, tmp_path: Path) -> None:
    token = calm.token()
    (tmp_path / "vnc").rename(tmp_path / "gone")
    with websocket(calm, token=token) as peer:
        assert peer.status == 503
    assert calm.facts(token=token) == {"session": False, "view_only": False, "link": "good", "desktop": "down"}


@pytest.mark.parametrize("with_tls", [False, True])
def test_who_leaves_while_the_desktop_is_asked_costs_no_link(tmp_path: Path, with_tls: bool) -> None:
    with gateway(tmp_path / "state", CALM, self_signed(tmp_path) if with_tls else None) as served:
        token, answers = served.token(), served.gateway.connect
        with connection(served.url) as browser:

            async def answers_late() -> Vnc | None:
                browser.shutdown(socket.SHUT_RDWR)
                while any(one.fileno() >= 0 for one in served.gateway.strangers._there):
                    await asyncio.sleep(0.01)
                served.gateway.connect = answers  # type: ignore[method-assign]
                return await answers()

            served.gateway.connect = answers_late  # type: ignore[method-assign]
            assert opening(browser, served.url, token=token) == ""
        wait_until(lambda: served.gateway.connect == answers and served.vnc.came == 1 and not served.vnc.writers)
        assert served.facts(token=token)["link"] == "good"


def answer_a_ping(served: Served, peer: Peer) -> None:
    before = peer.pings
    while peer.pings == before:
        served.say(b"x")
        assert peer.read()


def test_an_idle_desktop_says_something_and_a_browser_that_answers_stays(pinging: Served) -> None:
    with websocket(pinging, token=pinging.token()) as peer:
        for _ in range(20):  # four times as long as silence is borne
            answer_a_ping(pinging, peer)
            pinging.clock.time += PINGS.silence / 5
        assert len(pinging.who()) == 1


@pytest.mark.parametrize("seconds", [10 * PINGS.silence, -10 * PINGS.silence])
def test_a_clock_that_is_set_cuts_nobody_and_keeps_no_dead_peer(pinging: Served, seconds: float) -> None:
    with websocket(pinging, token=pinging.token()) as peer:
        answer_a_ping(pinging, peer)
        pinging.clock.wrong = seconds
        for _ in range(5):
            answer_a_ping(pinging, peer)
        assert len(pinging.who()) == 1
        wait_until(lambda: is_gone_in_time(pinging))


def is_gone_in_time(served: Served) -> bool:
    """Whether the browser is gone; time goes on with each question, as an answer may still be on its way."""
    served.clock.time += PINGS.silence + 1
    return served.who() == []


def test_proxies_that_end_what_is_idle_for_a_minute_end_nothing() -> None:
    assert Patience().ping <= 30 < Patience().silence < 60


@pytest.mark.parametrize("waiting", [1, 10_000_000])  # more than fits on the way: sending to it never returns
def test_a_dead_peer_does_not_live(pinging: Served, waiting: int) -> None:
    with websocket(pinging, token=pinging.token()) as peer:
        assert peer.status == 101
        wait_until(lambda: len(pinging.who()) == 1)
        pinging.say(b"x" * waiting)
        pinging.clock.time += PINGS.silence + 1
        wait_until(lambda: pinging.who() == [] and not pinging.vnc.writers)


def test_who_has_to_go_for_another_is_told_so_and_stays_away(calm: Served) -> None:
    with contextlib.ExitStack() as held:
        first = held.enter_context(websocket(calm, token=calm.token()))
        for _ in range(PER_SESSION):
            held.enter_context(websocket(calm, cookie=first.cookie))
        assert first.read() is None and first.code == CROWDED
        wait_until(lambda: len(calm.who()) == PER_SESSION)


def test_who_asks_nothing_does_not_stay(tmp_path: Path) -> None:
    with gateway(tmp_path, Patience(request=0.1)) as served, connection(served.url) as sock:
        while sock.recv(4096):
            pass


def test_what_is_accepted_is_watched_by_the_kernel() -> None:
    with listen("127.0.0.1", 0) as listener, socket.create_connection(listener.getsockname()):
        accepted, _ = listener.accept()
        with accepted:
            assert accepted.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
            assert {option: accepted.getsockopt(socket.IPPROTO_TCP, option) for option in KEEPALIVE} == KEEPALIVE


@pytest.mark.parametrize("by", ["keys", "pongs"])
def test_traffic_renews_a_session_and_an_open_socket_does_not(tmp_path: Path, by: str) -> None:
    with gateway(tmp_path, replace(PINGS, silence=1e9)) as served:  # a session lives an hour
        with websocket(served, token=served.token()) as peer:
            wait_until(lambda: len(served.who()) == 1)
            for _ in range(3):
                served.clock.time += 3000
                (before,) = served.gateway.access.sessions()
                peer.send(b"x") if by == "keys" else answer_a_ping(served, peer)
                wait_until(partial(_renewed, served, before.time))
            served.clock.time += 3601  # nothing more was sent: ended with the session's life, and the rest is read
            while peer.read() is not None:
                pass
        with websocket(served, cookie=peer.cookie) as again:
            assert again.status == 403


def _renewed(served: Served, since: float) -> bool:
    return served.gateway.access.sessions()[0].time > since


def test_who_only_looks_sends_no_key_and_is_ended_alone(calm: Served) -> None:
    with websocket(calm, token=calm.token()) as owner, websocket(calm, token=calm.token(view_only=True)) as looks:
        looks.send(GREETING + KEY)
        looks.send(KEY + ASK)
        wait_until(lambda: calm.vnc.heard == GREETING + NO_CONTENTS + ASK)
        assert calm.facts(cookie=looks.cookie)["view_only"] is True
        wait_until(lambda: len(calm.who()) == 2)
        assert [calm.facts(cookie=one.cookie).get("others") for one in (owner, looks)] == [1, None]
        assert sorted(str(one["view_only"]) for one in calm.who()) == ["False", "True"]
        calm.gateway.access.revoke(view_only=True)
        assert looks.read() is None
        owner.send(KEY)
        wait_until(lambda: calm.vnc.heard.endswith(KEY))


def test_what_a_looking_browser_says_beyond_that_ends_it(calm: Served) -> None:
    with websocket(calm, token=calm.token(view_only=True)) as looks:
        looks.send(GREETING + b"\x63")
        assert looks.read() is None


def test_what_had_come_before_a_cut_is_told_and_its_rest_comes_no_more(calm: Served) -> None:
    with websocket(calm, token=calm.token(), tab="one") as peer:
        peer.send(GREETING)
        peer.send(KEY)
        wait_until(lambda: calm.vnc.heard == GREETING + KEY)
        assert calm.facts(cookie=peer.cookie, tab="one")["received"] == len(GREETING + KEY)
        assert peer.read() is None
    assert calm.facts(cookie=peer.cookie, tab="never")["received"] is None
    assert "received" not in calm.facts(tab="one")
