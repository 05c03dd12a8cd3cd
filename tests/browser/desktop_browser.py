"""A real browser at a desktop: open a link, look at the screen, use the mouse. For tests and for pictures."""

from __future__ import annotations

import base64
import io
import shutil
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from selenium import webdriver
from selenium.webdriver.common import utils

STRIP = 36
"""Height of the page's line above the desktop: by default the desktop has 1600x900."""
CHROMIUM, DRIVER = "/usr/bin/chromium", "/usr/bin/chromedriver"
FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
)
COLOURS = """
const canvas = document.querySelector('#screen canvas');
if (!canvas || !canvas.width) return 0;
const small = document.createElement('canvas'); small.width = 64; small.height = 36;
const context = small.getContext('2d'); context.drawImage(canvas, 0, 0, 64, 36);
return new Set(new Uint32Array(context.getImageData(0, 0, 64, 36).data.buffer)).size;
"""


class LoopbackService(webdriver.ChromeService):
    """Finds its driver by address: a minimal Debian has no /etc/hosts, and no name `localhost`."""

    @property
    def service_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def is_connectable(self) -> bool:
        return bool(utils.is_connectable(self.port, "127.0.0.1"))


def without_localhost() -> list[str]:
    """The driver looks for the browser's port at `localhost`; where there is no such name, they talk by a pipe."""
    try:
        socket.getaddrinfo("localhost", None)
    except OSError:
        return ["--remote-debugging-pipe"]
    return []


@contextmanager
def browser(
    *flags: str, width: int = 1600, height: int = 900 + STRIP, insecure: bool = False
) -> Iterator[webdriver.Chrome]:
    """A fresh browser with a profile of its own. `insecure` accepts a self-signed certificate (check it yourself)."""
    profile = tempfile.mkdtemp(prefix="desktop-browser-")
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    options.accept_insecure_certs = insecure
    for flag in (*flags, *FLAGS, *without_localhost(), f"--user-data-dir={profile}", f"--window-size={width},{height}"):
        options.add_argument(flag)
    try:
        driver = webdriver.Chrome(options=options, service=LoopbackService(DRIVER))
        try:
            # The window's size includes the browser's own bars: this is the page's.
            driver.execute_cdp_cmd(
                "Emulation.setDeviceMetricsOverride",
                {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False},
            )
            yield driver
        finally:
            driver.quit()
    finally:
        shutil.rmtree(profile, ignore_errors=True)


def open_desktop(driver: webdriver.Chrome, link: str, timeout: float = 15.0) -> float:
    """Open a link and wait until the desktop is painted; the seconds until then."""
    start = time.monotonic()
    driver.get(link)
    wait_for_frame(driver, timeout)
    return time.monotonic() - start


def wait_for_frame(driver: webdriver.Chrome, timeout: float = 15.0) -> None:
    """Wait until the page is connected and its canvas shows more than one colour."""
    wait_for_state(driver, "connected", timeout)
    _wait(lambda: driver.execute_script(COLOURS) > 1, "the canvas stayed one colour", timeout)


def wait_for_state(driver: webdriver.Chrome, state: str, timeout: float = 15.0) -> None:
    """Wait until the page is `connecting`, `connected`, `waiting` or `ended`."""
    _wait(lambda: state_of(driver) == state, f"the page never was {state}", timeout)


def state_of(driver: webdriver.Chrome) -> str:
    """What the page says of itself."""
    return str(driver.execute_script("return document.body.dataset.state || ''"))


def message(driver: webdriver.Chrome) -> str:
    """The page's text, as the user reads it."""
    return str(driver.execute_script("return document.getElementById('card').innerText"))


def wait_for_message(driver: webdriver.Chrome, part: str, timeout: float = 15.0) -> None:
    """Wait until the page's text holds `part`."""
    _wait(lambda: part in message(driver), f"the page never said {part!r}", timeout)


def screenshot(driver: webdriver.Chrome, path: Path) -> None:
    """The whole page as a PNG."""
    path.write_bytes(base64.b64decode(driver.get_screenshot_as_base64()))


def pixels(driver: webdriver.Chrome) -> io.BytesIO:
    """The desktop's own picture, unscaled, as a PNG in memory."""
    url = driver.execute_script("return document.querySelector('#screen canvas').toDataURL('image/png')")
    return io.BytesIO(base64.b64decode(str(url).split(",", 1)[1]))


def move(driver: webdriver.Chrome, x: float, y: float) -> None:
    """Move the mouse to the desktop's own coordinates, whatever the scale."""
    _pointer(driver, x, y, clicks=0)


def click(driver: webdriver.Chrome, x: float, y: float, *, button: str = "left") -> None:
    """Click at the desktop's own coordinates. Buttons: left, middle, right."""
    _pointer(driver, x, y, clicks=1, button=button)


def double_click(driver: webdriver.Chrome, x: float, y: float) -> None:
    """Double click at the desktop's own coordinates."""
    _pointer(driver, x, y, clicks=2)


def _pointer(driver: webdriver.Chrome, x: float, y: float, *, clicks: int, button: str = "left") -> None:
    place = _place(driver, x, y)
    driver.execute_cdp_cmd("Input.dispatchMouseEvent", {"type": "mouseMoved", **place})
    for count in range(1, clicks + 1):
        for kind in ("mousePressed", "mouseReleased"):
            event = {"type": kind, "button": button, "clickCount": count, **place}
            driver.execute_cdp_cmd("Input.dispatchMouseEvent", event)


def _place(driver: webdriver.Chrome, x: float, y: float) -> dict[str, int]:
    """A place of the desktop as one of the page."""
    box = driver.execute_script(
        "const c = document.querySelector('#screen canvas'), r = c.getBoundingClientRect();"
        "return [r.left, r.top, r.width / c.width, r.height / c.height]"
    )
    return {"x": round(box[0] + x * box[2]), "y": round(box[1] + y * box[3])}


def _wait(done: Callable[[], bool], failure: str, timeout: float) -> None:
    deadline = time.monotonic() + timeout
    while not done():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{failure} within {timeout} s")
        time.sleep(0.05)


def drag(driver: webdriver.Chrome, start: tuple[float, float], end: tuple[float, float]) -> None:
    """Move what is at `start` to `end`, in the desktop's own coordinates, with the left button down."""
    _pointer(driver, *start, clicks=0)
    steps = 8
    places = [tuple(a + (b - a) * n / steps for a, b in zip(start, end, strict=True)) for n in range(steps + 1)]
    for number, (x, y) in enumerate(places):
        kind = "mousePressed" if number == 0 else "mouseReleased" if number == steps else "mouseMoved"
        event = {"type": kind, "button": "left", "buttons": 1, "clickCount": 1, **_place(driver, x, y)}
        driver.execute_cdp_cmd("Input.dispatchMouseEvent", event)
        time.sleep(0.03)
