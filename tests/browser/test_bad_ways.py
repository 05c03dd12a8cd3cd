"""A real desktop over ways that cut, and beside connections that nobody ends; and what its gateway may do."""

from __future__ import annotations

import contextlib
import json
import random
import socket
import string
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from selenium import webdriver

from tests import seeds
from tests.browser.desktop_browser import open_desktop
from tests.browser.peer import Peer
from tests.browser.screen import terminal, typed
from tests.browser.shown import way_to
from tests.browser.target import VERSION, Desktop, connection, get, opening
from tests.unit.desktop.served import wait_until

pytestmark = pytest.mark.machine

UNIT = "cloudify-desktop-gateway"
LINKS = 12
EACH = 84  # of four kinds; a session has no more than eight at once
MOST_DESCRIPTORS, MOST_MEMORY = 1000, 200_000  # kB
PACE = 0.01  # seconds: what forwards a machine's port has no queue, and a connection that comes too soon waits a second
LETTERS, CUTS = 200, 5
STATES = """
window.states = [];
new MutationObserver(() => states.push(document.body.dataset.state)).observe(document.body, {attributes: true});
"""
PACKAGES = "/usr/lib/python3/dist-packages"
MBIND = {"x86_64": 237, "aarch64": 235}
NUMPY = f"""
import ctypes, platform
libc = ctypes.CDLL(None, use_errno=True)
number = {MBIND}[platform.machine()]
refused = libc.syscall(number, 0, 0, 0, 0, 0, 0) == -1 and ctypes.get_errno() == 1
print("mbind was refused" if refused else "mbind was allowed")
"""


def test_five_cuts_lose_no_letter(desktop: Desktop, page: webdriver.Chrome) -> None:
    draw = random.Random(seeds.seed())
    letters = "".join(draw.choices(string.ascii_lowercase, k=LETTERS))
    cuts = set(draw.sample(range(1, LETTERS), CUTS))
    with way_to(desktop.url) as way, terminal(desktop, raw=True):
        open_desktop(page, desktop.link().replace(urlsplit(desktop.url).netloc, f"127.0.0.1:{way.port}"))
        page.execute_script(STATES)
        for number, letter in enumerate(letters):
            if number in cuts:
                way.cut()
            press(page, letter)
        wait_until(lambda: len(typed(desktop)) >= LETTERS)
        assert typed(desktop) == letters
        assert set(page.execute_script("return states")) <= {"connected"}


def press(page: webdriver.Chrome, letter: str) -> None:
    key = {"key": letter, "code": f"Key{letter.upper()}", "windowsVirtualKeyCode": ord(letter.upper())}
    page.execute_cdp_cmd("Input.dispatchKeyEvent", {"type": "keyDown", "text": letter, **key})
    page.execute_cdp_cmd("Input.dispatchKeyEvent", {"type": "keyUp", **key})


@pytest.fixture
def half_dead(desktop: Desktop) -> Iterator[list[socket.socket]]:
    """Many that say nothing, stop in the middle of a request, leave their answer, or are at the desktop and gone."""
    ask = f"GET / HTTP/1.1\r\nHost: {urlsplit(desktop.url).netloc}\r\n\r\n"
    with contextlib.ExitStack() as held:
        found = []
        for first in ("", "GET / HT", ask) * EACH:
            found.append(held.enter_context(connection(desktop.url)))
            found[-1].sendall(first.encode())
            time.sleep(PACE)
        for token in tokens(desktop):
            cookie = ""
            for _ in range(EACH // LINKS):
                sock = held.enter_context(connection(desktop.url))
                peer = Peer(sock, opening(sock, desktop.url, token="" if cookie else token, cookie=cookie))
                assert peer.status == 101
                peer.send(VERSION)
                cookie, found = cookie or peer.cookie, [*found, sock]
        yield found


def tokens(desktop: Desktop) -> list[str]:
    told = desktop.run(["sh", "-c", f"for i in $(seq {LINKS}); do cloudify-desktop-link --valid 300; done"])
    return [json.loads(line)["token"] for line in told.splitlines()]


def test_half_dead_connections_leave_room(
    desktop: Desktop, half_dead: list[socket.socket], page: webdriver.Chrome
) -> None:
    assert len(half_dead) == 4 * EACH
    open_desktop(page, desktop.link())
    assert process(desktop, "ls /proc/$pid/fd | wc -l") < MOST_DESCRIPTORS
    assert process(desktop, "awk '/^Rss/ {print $2}' /proc/$pid/smaps_rollup") < MOST_MEMORY


def process(desktop: Desktop, question: str) -> int:
    """A number about the gateway's process."""
    return int(desktop.run(["sh", "-c", f"pid=$(systemctl show --property MainPID --value {UNIT}); {question}"]))


@pytest.fixture
def numpy(desktop: Desktop) -> Iterator[None]:
    """A stand-in for Debian's, which asks the kernel at its import for what the gateway's unit is refused."""
    place = f"{PACKAGES}/numpy/__init__.py"
    desktop.run(["sh", "-c", f"mkdir {PACKAGES}/numpy && printf '%s' \"$1\" > {place}", "sh", NUMPY])
    try:
        yield
    finally:
        desktop.run(["rm", "-r", f"{PACKAGES}/numpy"])


def test_what_the_sandbox_does_not_know_is_refused_and_kills_nothing(desktop: Desktop, numpy: None) -> None:
    rules = [line for line in desktop.run(["systemctl", "cat", UNIT]).splitlines() if line.startswith("SystemCall")]
    assert len(rules) == 4
    properties = [f"--property={rule}" for rule in rules]
    told = desktop.run(["systemd-run", "--quiet", "--pipe", "--wait", *properties, "python3", "-c", "import numpy"])
    assert told.strip() == "mbind was refused"
    assert desktop.run(["python3", "-c", "import numpy"]).strip() == "mbind was allowed"


def test_with_numpy_on_the_machine_the_gateway_still_starts(desktop: Desktop, numpy: None) -> None:
    desktop.run(["systemctl", "restart", UNIT])
    assert get(desktop.url, "/health").split()[1] == "200"
