"""The pictures of docs/scientist.md, taken of a desktop that was just begun: they show what there is."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from PIL import Image
from selenium import webdriver

from tests.browser.desktop_browser import STRIP, browser, click, move, open_desktop, pixels
from tests.browser.pictures import AS_USER, check_picture, settled, windows
from tests.conftest import Demo
from tests.installation import wait_until

pytestmark = pytest.mark.machine

SIZE = (1600, 900 + STRIP)
"""The line above a desktop of 1600x900, which is not scaled then."""
SAVING = "/usr/local/share/cloudify-desktop/bin/saving"
STATUS = "/run/scipion-data/status.json"
CALM = f"""
import json
from datetime import UTC, datetime
said = json.load(open("{STATUS}"))
said |= {{"alarms": [], "questions": [], "unsaved": 0, "held": {{"files": 0, "bytes": 0}}}}
said |= {{"pulled": True, "saved": datetime.now(UTC).isoformat()}}
said["last"] = {{work: result for work, result in said["last"].items() if result["ok"]}}
json.dump(said, open("{STATUS}", "w"))
"""
"""As on a day on which nothing has gone wrong: tests before this one have made alarms."""
TIMERS = ("scipion-data-push.timer", "scipion-data-scan.timer")


@pytest.fixture(scope="module")
def begun(demo: Demo) -> Iterator[Demo]:
    """A desktop without windows of others, and an agent that has nothing to complain of."""
    said = demo.run(["cat", STATUS])
    demo.run(["systemctl", "stop", *TIMERS])
    demo.run(["python3", "-c", CALM])
    demo.run(["systemctl", "restart", "cloudify-desktop-vnc"])  # the session and Scipion's window follow it
    try:
        wait_until(lambda: any(title.startswith(f"{demo.project} (") for title in windows(demo)), 120)
        yield demo
    finally:
        demo.run(["sh", "-c", f'printf %s "$1" > {STATUS}', "sh", json.dumps(json.loads(said), indent=1)])
        demo.run(["systemctl", "start", *TIMERS])


@pytest.fixture(scope="module")
def shared_page(begun: Demo) -> Iterator[webdriver.Chrome]:
    with browser(width=SIZE[0], height=SIZE[1]) as driver:
        open_desktop(driver, begun.link())
        yield driver


def whole(page: webdriver.Chrome) -> io.BytesIO:
    return io.BytesIO(page.get_screenshot_as_png())


def test_the_pages_pictures(begun: Demo, shared_page: webdriver.Chrome, tmp_path: Path) -> None:
    page, desktop = shared_page, partial(pixels, shared_page)
    move(page, 800, 500)
    check_picture("page", settled(partial(whole, page)), tmp_path)
    page.find_element("id", "ask").click()
    check_picture("help", around(page, "help", settled(partial(whole, page))), tmp_path)
    page.execute_script("document.getElementById('help').close()")

    height = settled(desktop).height
    click(page, 20, height - 15)
    move(page, 800, 500)
    check_picture("menu", settled(desktop).crop((0, height - 320, 520, height)), tmp_path)
    click(page, 800, 500)

    begun.run(["systemd-run", "--quiet", "--unit=picture-of-saving", *AS_USER, SAVING, "status"])
    try:
        wait_until(lambda: "Saving" in windows(begun), 20)
        width, high, left, top = windows(begun)["Saving"]
        frame = (left - 16, top - 44, left + width + 16, top + high + 16)
        check_picture("saving", settled(desktop).crop(frame), tmp_path)
    finally:
        begun.run(["systemctl", "stop", "picture-of-saving"])


def around(page: webdriver.Chrome, id: str, image: Image.Image) -> Image.Image:
    box = page.execute_script(
        "const r = document.getElementById(arguments[0]).getBoundingClientRect();"
        "return [r.left - 16, r.top - 16, r.right + 16, r.bottom + 16].map(Math.round)",
        id,
    )
    return image.crop(tuple(box))
