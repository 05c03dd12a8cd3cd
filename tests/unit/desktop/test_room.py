"""Connections that nobody ends: they leave room for a new browser, with TLS as without, and come to an end."""

from __future__ import annotations

import contextlib
import re
import socket
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from cloudify_desktop import door
from cloudify_desktop.connections import IN_ALL
from cloudify_desktop.door import Strangers
from cloudify_desktop.server import LARGEST, WAITING
from websockets.legacy import http

from tests.browser.certificate import fingerprint, presented, self_signed
from tests.browser.target import connection
from tests.unit.desktop.conftest import FILES
from tests.unit.desktop.served import CALM, LONG, Served, gateway, wait_until, websocket

MANY = 300
UNIT = FILES.parent / "templates/gateway.service.epp"
HELLO = bytes.fromhex("160301020001")  # TLS: the first bytes of a greeting of 512
Held = contextlib.ExitStack


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return self_signed(tmp_path_factory.mktemp("pair"))


@pytest.fixture(params=["http", "https"])
def served(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Served]:
    pair = request.getfixturevalue("pair") if request.param == "https" else None
    with gateway(tmp_path, CALM, pair) as served:
        yield served


def silent(served: Served, held: Held) -> socket.socket:
    return held.enter_context(socket.create_connection(("127.0.0.1", urlsplit(served.url).port or 0), timeout=LONG))


def in_the_middle(served: Served, held: Held) -> socket.socket:
    """Of a request, or of TLS's handshake."""
    sock = silent(served, held)
    sock.sendall(HELLO if served.url.startswith("https") else b"GET / HTTP/1.1\r\n")
    return sock


def asks_and_stays(served: Served, held: Held) -> socket.socket:
    """Its answer waits to be read, and the connection to be used again."""
    sock = held.enter_context(connection(served.url))
    sock.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: keep-alive\r\n\r\n")
    return sock


def never_reads(served: Served, held: Held) -> socket.socket:
    peer = held.enter_context(websocket(served, token=served.token()))
    assert peer.status == 101
    return peer.sock


@pytest.mark.parametrize("kind", [silent, in_the_middle, asks_and_stays, never_reads])
def test_half_dead_connections_leave_room(served: Served, kind: Callable[[Served, Held], socket.socket]) -> None:
    with Held() as held:
        half_dead = [kind(served, held) for _ in range(MANY)]
        peer = held.enter_context(websocket(served, token=served.token()))
        assert peer.status == 101
        peer.send(b"I am alive")
        wait_until(lambda: b"I am alive" in served.vnc.heard)
        assert served.status("/health") == 200
        wait_until(lambda: len(served.gateway.connections.all) <= IN_ALL)
        while half_dead[0].recv(65536):  # the first ones were ended
            pass
        wait_until(lambda: len(served.vnc.writers) <= IN_ALL)


def test_a_session_is_no_stranger(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(served.gateway.strangers, "_limit", 5)
    with Held() as held:
        peer = held.enter_context(websocket(served, token=served.token()))
        for _ in range(20):
            silent(served, held)
        assert served.status("/health") == 200
        peer.send(b"I am alive")
        wait_until(lambda: b"I am alive" in served.vnc.heard)


def test_of_strangers_the_oldest_of_the_busiest_address_goes() -> None:
    room, ends = Strangers(4), [socket.socketpair() for _ in range(6)]
    addresses = ["one", "many", "many", "many", "two", "two"]
    try:
        for (ours, _), address in zip(ends, addresses, strict=True):
            room.came(ours, address)
        for _, theirs in ends:
            theirs.setblocking(False)
        gone = []
        for number, (_, theirs) in enumerate(ends):
            with contextlib.suppress(BlockingIOError):
                gone += [number] if theirs.recv(1) == b"" else []
        assert gone == [1, 2]
    finally:
        for end in (end for both in ends for end in both):
            end.close()


def test_those_that_have_left_take_no_room() -> None:
    room, ends = Strangers(2), [socket.socketpair() for _ in range(3)]
    room.came(ends[0][0], "here")
    room.came(ends[1][0], "here")
    ends[0][0].close()
    room.came(ends[2][0], "here")
    ends[1][1].setblocking(False)
    with pytest.raises(BlockingIOError):
        ends[1][1].recv(1)
    for end in (end for both in ends for end in both):
        end.close()


def test_the_limits_are_far_below_what_the_unit_may_open() -> None:
    assert door.LIMIT + 2 * IN_ALL < 1024


def test_what_strangers_and_browsers_send_and_nobody_takes_has_room() -> None:
    (room,) = re.findall(r"^MemoryMax=(\d+)M$", UNIT.read_text("utf-8"), re.MULTILINE)
    heads = door.LIMIT * http.MAX_HEADERS * http.MAX_LINE
    assert heads + IN_ALL * (WAITING + 2) * LARGEST < int(room) * 2**20 / 2


@pytest.mark.parametrize(("lines", "length", "status"), [(40, 10, b"200"), (1, 8000, b"200"), (60, 10, b"400")])
def test_a_head_has_room_for_what_browsers_send_and_not_for_more(
    served: Served, lines: int, length: int, status: bytes
) -> None:
    with connection(served.url) as sock:
        more = b"Cookie-of-others: " + b"x" * length + b"\r\n"
        sock.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n" + more * lines + b"\r\n")
        assert sock.recv(12).split()[1] == status


def test_who_sends_more_at_once_than_has_room_is_ended(served: Served) -> None:
    with websocket(served, token=served.token()) as peer:
        peer.sock.sendall(b"\x82\xff" + (LARGEST + 1).to_bytes(8, "big") + bytes(4))
        assert peer.read() is None


def test_a_renewed_certificate_is_used_from_the_next_connection_on(tmp_path: Path) -> None:
    old, new = self_signed(tmp_path, "old"), self_signed(tmp_path, "new")
    used = tmp_path / "cert.pem", tmp_path / "key.pem"
    for source, target in zip(old, used, strict=True):
        target.write_bytes(source.read_bytes())
    with gateway(tmp_path / "state", CALM, used) as served:
        port = urlsplit(served.url).port or 0
        with websocket(served, token=served.token()) as peer:
            assert presented(port) == fingerprint(old[0].read_text())
            new[0].rename(used[0])
            assert presented(port) == fingerprint(old[0].read_text())  # its key is not there yet
            new[1].rename(used[1])
            assert presented(port) == fingerprint(used[0].read_text())
            peer.send(b"still here")
            wait_until(lambda: served.vnc.heard.endswith(b"still here"))


def test_no_connection_resumes_one_that_was_shown_an_older_certificate(tmp_path: Path) -> None:
    client = ssl.create_default_context()
    client.check_hostname, client.verify_mode, client.minimum_version = False, ssl.CERT_NONE, ssl.TLSVersion.TLSv1_3
    earlier = None
    with gateway(tmp_path / "state", CALM, self_signed(tmp_path)) as served:
        parts = "127.0.0.1", urlsplit(served.url).port or 0
        for _ in range(3):
            with client.wrap_socket(socket.create_connection(parts, timeout=60), session=earlier) as sock:
                sock.sendall(b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
                assert sock.recv(12) == b"HTTP/1.1 200" and not sock.session_reused
                earlier = sock.session
