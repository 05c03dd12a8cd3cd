"""The part `desktop`: the first picture after a link, from a key to its picture, and the gateway's memory."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import median, quantiles

from selenium import webdriver

from tests.browser.desktop_browser import browser, click, open_desktop
from tests.browser.peer import Peer
from tests.browser.screen import program
from tests.browser.target import VERSION, connection, opening, token_of
from tests.conftest import Demo
from tests.installation import Installation, remove, wait_until, write_project
from tools.benchmarks.installs import FRAME_SECONDS, rendered, timed_install
from tools.benchmarks.progress import say
from tools.benchmarks.report import Figure

PROJECT = "bench-desktop"
FIRST_FRAME = 1.5
KEYS = 200
CONNECTIONS = (0, 1, 8, 32)
PER_SESSION = 8  # the gateway's limit
TERMINAL = ("xterm", "-geometry", "100x30+0+0", "-e", "sh", "-c")
SHOWS = "seq 10; exec cat"  # what is typed, from the eleventh line on
PLACE = (0, 60, 920, 400)  # all columns of that terminal and most lines, in pixels: nothing else lies there
PAUSE = 0.03, 0.08  # seconds between keys, by chance, so that they meet no rhythm
WAIT, TIMES = 10.0, 5  # seconds for a key to be seen at all, and attempts
SETTLED = 2.0  # seconds that memory is given after the last connection
GATEWAY = "pid=$(systemctl show --property MainPID --value cloudify-desktop-gateway)"
MEMORY = f"{GATEWAY}; awk '/^Pss:/ {{print $2}}' /proc/$pid/smaps_rollup"
LOOK = """
const canvas = document.querySelector("#screen canvas"), context = canvas.getContext("2d"), place = arguments[0];
const look = () => new Uint32Array(context.getImageData(...place).data.buffer).reduce((a, b) => (31 * a + b) | 0, 0);
"""
WATCH = f"""
{LOOK}
window.seen = null;
const turn = window.turn = (window.turn ?? 0) + 1;
addEventListener("keydown", (event) => {{
  const began = event.timeStamp, before = look();
  const frame = () => {{
    if (window.turn !== turn) return;
    if (look() === before) requestAnimationFrame(frame);
    else window.seen = performance.now() - began;
  }};
  requestAnimationFrame(frame);
}}, {{capture: true, once: true}});
"""
NOTES = (
    """From a link to the first frame: a browser that runs already, with nothing in its cache, is given a fresh link,
until the picture on its canvas has more than one colour. That is looked at every 50 ms.""",
    """From a key to its pixels: from the browser's own time stamp of the key to the first animation frame (16.7 ms
apart) in which the terminal on the canvas looks otherwise. That holds the page, both ways over the machine's forwarded
port, gateway, X server, terminal, and decoding; not the screen's own delay.""",
    """The same without a browser, on the machine: a client that draws nothing, over the gateway's WebSocket and, in
turn with that, straight at the VNC server's socket. What differs is the gateway.""",
    """Memory is the gateway's proportional share (PSS). Each connection asks for pictures of a terminal that
scrolls.""",
)


def measure(installation: Installation, runs: int) -> tuple[list[Figure], list[str]]:
    """On a machine of its own, without anything computing on it."""
    rendered(installation, write_project(installation.folder / "projects", id=PROJECT, workflow={"run": False}))
    try:
        timed_install(installation, PROJECT)
        return figures(Demo(installation, "", PROJECT), runs)
    finally:
        remove(installation, PROJECT)


def figures(
    desktop: Demo, runs: int, keys: int = KEYS, connections: Sequence[int] = CONNECTIONS
) -> tuple[list[Figure], list[str]]:
    """All of them, on a desktop that runs."""
    wait_until(desktop.has_opened, FRAME_SECONDS)
    found = [Figure("from a link to the first frame", [first_frame(desktop) for _ in range(runs)], limit=FIRST_FRAME)]
    with browser() as page:
        open_desktop(page, desktop.link(), FRAME_SECONDS)
        found += _of_keys(
            "from a key to its pixels in the browser", [pressed(desktop, page, keys) for _ in range(runs)]
        )
    without = [without_browser(desktop, keys) for _ in range(runs)]
    found += _of_keys("without a browser, through the gateway", [samples["gateway"] for samples in without])
    found += _of_keys("without a browser, straight at the VNC server", [samples["direct"] for samples in without])
    ratios = [median(samples["gateway"]) / median(samples["direct"]) for samples in without]
    return [*found, Figure("ratio of these medians", ratios, ""), *memory(desktop, connections)], list(NOTES)


def first_frame(desktop: Demo) -> float:
    """Seconds."""
    with browser() as page:
        page.get("about:blank")
        return open_desktop(page, desktop.link(), FRAME_SECONDS)


def pressed(desktop: Demo, page: webdriver.Chrome, keys: int) -> list[float]:
    """Milliseconds from each key to its pixels."""
    say(f"{keys} keys in a browser")
    with program(desktop, [*TERMINAL, SHOWS]):
        while _changes(page):
            pass
        return [_pressed(page) for _ in range(keys)]


def without_browser(desktop: Demo, keys: int) -> dict[str, list[float]]:
    """Milliseconds from each key to its pixels, by the machine's own client."""
    say(f"{keys} keys without a browser")
    text = Path(__file__).with_name("on_machine.py").read_text("utf-8")
    words = ["/run/cloudify-desktop-vnc/socket", "6080", token_of(desktop.link()), str(keys), *map(str, PLACE)]
    with program(desktop, [*TERMINAL, SHOWS]):
        samples: dict[str, list[float]] = json.loads(desktop.run(["python3", "-c", text, *words]))
    return samples


def memory(desktop: Demo, connections: Sequence[int]) -> list[Figure]:
    """The gateway's memory with so many connections, and what one takes, in MB."""
    say(f"the gateway's memory with {', '.join(map(str, connections))} connections")
    found = []
    desktop.run(["systemctl", "restart", "cloudify-desktop-gateway"])  # a process gives nothing back that it once took
    with program(desktop, [*TERMINAL, "while date +%N; do sleep 0.05; done"]), ExitStack() as held:
        peers: list[Peer] = []
        for count in connections:
            while len(peers) < count:
                peers += _session(desktop, held, min(PER_SESSION, count - len(peers)))
            _stream(peers)
            found.append(float(desktop.run(["sh", "-c", MEMORY])) / 1000)
    rows = [
        Figure(f"the gateway with {count} connections", [mb], "MB")
        for count, mb in zip(connections, found, strict=True)
    ]
    return [
        *rows,
        Figure("one connection of the most", [(found[-1] - found[0]) / (connections[-1] - connections[0])], "MB"),
    ]


def _of_keys(name: str, runs: Sequence[Sequence[float]]) -> list[Figure]:
    hundredths = [quantiles(samples, n=100, method="inclusive") for samples in runs]
    return [
        Figure(f"{name}, median of {len(runs[0])}", [cut[49] for cut in hundredths], "ms"),
        Figure("the slowest of a hundred", [cut[98] for cut in hundredths], "ms"),
    ]


def _changes(page: webdriver.Chrome) -> bool:
    """Whether the terminal is not there yet, or still being drawn."""
    before = page.execute_script(f"{LOOK} return look();", PLACE)
    time.sleep(1)
    return bool(page.execute_script(f"{LOOK} return look();", PLACE) != before)


def _pressed(page: webdriver.Chrome) -> float:
    for _ in range(TIMES):
        time.sleep(random.uniform(*PAUSE))
        page.execute_script(WATCH, PLACE)
        for kind, more in (("keyDown", {"text": "x"}), ("keyUp", {})):
            event = {"type": kind, "key": "x", "code": "KeyX", "windowsVirtualKeyCode": 88, **more}
            page.execute_cdp_cmd("Input.dispatchKeyEvent", event)
        if (seen := _seen(page)) is not None:
            return seen
        click(page, PLACE[2] / 2, PLACE[3] / 2)  # another window had come, and had the key
    raise RuntimeError("the terminal shows nothing of what is typed")


def _seen(page: webdriver.Chrome) -> float | None:
    end = time.monotonic() + WAIT
    while (seen := page.execute_script("return window.seen")) is None and time.monotonic() < end:
        time.sleep(0.01)
    return None if seen is None else float(seen)


def _session(desktop: Demo, held: ExitStack, count: int) -> list[Peer]:
    """So many connections of a session of their own, past RFB's greeting."""
    peers: list[Peer] = []
    token = token_of(desktop.link())
    for _ in range(count):
        sock = held.enter_context(connection(desktop.url))
        cookie = peers[0].cookie if peers else ""
        peers.append(Peer(sock, opening(sock, desktop.url, token="" if cookie else token, cookie=cookie)))
        for message in (VERSION, b"\1", b"\1"):
            peers[-1].read()
            peers[-1].send(message)
    return peers


def _stream(peers: Sequence[Peer]) -> None:
    """Have them ask for pictures again and again, and take what comes."""
    end = time.monotonic() + SETTLED
    while time.monotonic() < end:
        for peer in peers:
            peer.send(bytes([3, 1]) + bytes(4) + (800).to_bytes(2, "big") + (600).to_bytes(2, "big"))
            peer.read()
        time.sleep(0.05)
