"""A link opens the desktop once; its session lasts until it is revoked; nobody else gets in."""

from __future__ import annotations

import json
import re
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from selenium import webdriver

from tests.browser.desktop_browser import (
    browser,
    message,
    open_desktop,
    state_of,
    wait_for_frame,
    wait_for_message,
    wait_for_state,
)
from tests.browser.target import Desktop, connection, get, handshake, opening, token_of

pytestmark = pytest.mark.machine


def cookie_of(head: str) -> str:
    found = re.search(r"(?im)^Set-Cookie: ([^;]+); (.*)$", head)
    assert found and {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(found[2].strip().split("; ")), head
    return found[1]


def status(head: str) -> int:
    return int(head.split()[1])


def test_a_link_opens_and_leaves_no_token_behind(desktop: Desktop, page: webdriver.Chrome) -> None:
    link = desktop.link()
    open_desktop(page, link)
    assert page.current_url == desktop.url.rstrip("/") + "/"
    assert token_of(link) not in page.page_source
    page.get("about:blank")
    page.back()
    wait_for_frame(page)
    assert "token" not in page.current_url
    (cookie,) = page.get_cookies()
    assert cookie["httpOnly"] and cookie["sameSite"] == "Strict"
    assert cookie["secure"] is desktop.url.startswith("https:")


def test_loading_the_page_does_not_use_the_link_up(desktop: Desktop) -> None:
    token = token_of(desktop.link())
    assert status(get(desktop.url, "/")) == 200
    assert status(get(desktop.url, f"/?token={token}")) == 200
    assert status(handshake(desktop.url, token=token)) == 101


def test_a_used_link_is_refused(desktop: Desktop, page: webdriver.Chrome) -> None:
    link = desktop.link()
    assert status(handshake(desktop.url, token=token_of(link))) == 101
    page.get(link)
    wait_for_state(page, "ended")
    assert "is used up" in message(page)
    assert "Ask for a new link" in message(page)


def test_of_two_at_once_one_wins(desktop: Desktop) -> None:
    token = token_of(desktop.link())
    with ThreadPoolExecutor(8) as pool:
        heads = list(pool.map(lambda _: handshake(desktop.url, token=token), range(8)))
    assert sorted(map(status, heads)) == [101] + [403] * 7
    assert sum("Set-Cookie" in head for head in heads) == 1


def test_an_expired_link_is_refused(desktop: Desktop, page: webdriver.Chrome) -> None:
    link = desktop.link(valid=1)
    time.sleep(1.1)
    page.get(link)
    wait_for_state(page, "ended")
    assert "has expired" in message(page)


def test_reload_reconnects_and_a_stranger_does_not(desktop: Desktop, page: webdriver.Chrome) -> None:
    open_desktop(page, desktop.link())
    page.refresh()
    wait_for_frame(page)
    with browser(insecure=True) as stranger:
        stranger.get(desktop.url)
        wait_for_state(stranger, "ended")
        assert "opens with a link" in message(stranger)
    assert status(handshake(desktop.url)) == 403


def test_the_cookie_alone_connects_again(desktop: Desktop) -> None:
    cookie = cookie_of(handshake(desktop.url, token=token_of(desktop.link())))
    again = handshake(desktop.url, cookie=cookie)
    assert status(again) == 101 and "Set-Cookie" not in again
    assert status(handshake(desktop.url, cookie=cookie[:-1] + ("A" if cookie[-1] != "A" else "B"))) == 403


@pytest.mark.parametrize("origin", ["http://evil.example", "http://127.0.0.1:1", "null", ""])
def test_a_foreign_origin_is_refused(desktop: Desktop, origin: str) -> None:
    cookie = cookie_of(handshake(desktop.url, token=token_of(desktop.link())))
    assert status(handshake(desktop.url, cookie=cookie, origin=origin)) == 403
    token = token_of(desktop.link())
    assert status(handshake(desktop.url, token=token, origin=origin)) == 403
    assert status(handshake(desktop.url, token=token)) == 101, "a refused origin must not use the link up"


def test_a_foreign_page_cannot_connect(desktop: Desktop, page: webdriver.Chrome) -> None:
    open_desktop(page, desktop.link())
    page.get("data:text/html,<title>elsewhere</title>")
    socket_url = desktop.url.replace("http", "ws", 1).rstrip("/") + "/websockify"
    script = (
        "const socket = new WebSocket(arguments[0], 'binary'), done = arguments[1];"
        "socket.onopen = () => done('open'); socket.onerror = () => done('no')"
    )
    assert page.execute_async_script(script, socket_url) == "no"


@pytest.mark.parametrize("path", ["/", "/health", "/session", "/novnc/core/rfb.js"])
def test_a_rebound_name_is_refused(desktop: Desktop, path: str) -> None:
    assert status(get(desktop.url, path, host="evil.example:6080")) == 421


@pytest.mark.parametrize(
    "path", ["/novnc/../gateway.json", "/novnc/%2e%2e/page/index.html", "/../../etc/passwd", "/novnc/"]
)
def test_no_other_file_is_served(desktop: Desktop, path: str) -> None:
    assert status(get(desktop.url, path)) == 404


def test_revoke_cuts_the_connection_and_ends_the_session(desktop: Desktop, page: webdriver.Chrome) -> None:
    open_desktop(page, desktop.link())
    unused = token_of(desktop.link())
    with connection(desktop.url) as live:
        cookie = cookie_of(opening(live, desktop.url, token=token_of(desktop.link())))
        desktop.revoke()
        live.settimeout(60)
        while live.recv(65536):
            pass
    wait_for_state(page, "ended", 30)
    assert "session has ended" in message(page)
    assert status(handshake(desktop.url, cookie=cookie)) == 403
    assert status(handshake(desktop.url, token=unused)) == 403
    page.refresh()
    wait_for_state(page, "ended")
    open_desktop(page, desktop.link())


def test_after_a_restart_of_the_gateway_the_page_comes_back(desktop: Desktop, page: webdriver.Chrome) -> None:
    open_desktop(page, desktop.link())
    desktop.run(["systemctl", "stop", "cloudify-desktop-gateway"])
    try:
        wait_for_message(page, "interrupted", 30)
    finally:
        desktop.run(["systemctl", "start", "cloudify-desktop-gateway"])
    wait_for_frame(page, 30)


def test_a_stopped_vnc_server_is_said_and_costs_no_link(desktop: Desktop, page: webdriver.Chrome) -> None:
    desktop.run(["systemctl", "stop", "cloudify-desktop-vnc"])
    try:
        link = desktop.link()
        assert status(handshake(desktop.url, token=token_of(link))) == 503
        page.get(link)
        wait_for_message(page, "starting", 30)
    finally:
        desktop.run(["systemctl", "start", "cloudify-desktop-vnc", "cloudify-desktop-session"])
    wait_for_frame(page, 30)
    assert state_of(page) == "connected"


def test_vnc_is_reachable_through_the_gateway_only(desktop: Desktop) -> None:
    # Scipion's project window waits for its viewers on a port of its own, which is published nowhere.
    listeners = [line for line in desktop.run(["ss", "-Hltne"]).split("\n") if "uid:2000" not in line]
    ports = {line.split()[3].rsplit(":", 1)[1] for line in listeners if line.strip() and "127.0.0.1:" not in line}
    assert ports == {"22", "6080"}
    assert not [line for line in listeners if ":59" in line or ":60" in line and ":6080" not in line]
    folder = desktop.run(["stat", "-c", "%a %U %G", "/run/cloudify-desktop-vnc"]).split()
    assert folder[0] == "710" and folder[2] == "cloudify-desktop"


def test_nothing_secret_is_kept_or_logged(desktop: Desktop) -> None:
    used, unused = token_of(desktop.link()), token_of(desktop.link())
    cookie = cookie_of(handshake(desktop.url, token=used)).split("=", 1)[1]
    handshake(desktop.url, token=used)
    get(desktop.url, f"/{unused}?token={unused}")
    journal = desktop.run(["journalctl", "--no-pager", "-o", "cat", "-u", "cloudify-desktop-*"])
    kept = desktop.run(["grep", "-rs", "", "/run/cloudify-desktop", "/etc/cloudify-desktop/gateway.json"])
    assert "connected by a new link" in journal
    for secret in (used, unused, cookie):
        assert secret not in journal and secret not in kept


def test_health_says_what_is_up(desktop: Desktop) -> None:
    with connection(desktop.url) as sock:
        sock.sendall(b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
        answer = b"".join(iter(lambda: sock.recv(4096), b""))
    assert json.loads(answer.split(b"\r\n\r\n", 1)[1]) == {"status": "ok", "desktop": "up"}
