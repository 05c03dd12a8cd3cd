"""The desktop is as large as the browser's window, one to one; clicks hit, and all windows stay within reach."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from selenium import webdriver

from tests.browser.desktop_browser import STRIP, browser, double_click, move, open_desktop
from tests.browser.screen import Screen, as_user, close, look, open_project, program
from tests.browser.target import Desktop
from tests.conftest import Demo
from tests.installation import wait_until

pytestmark = pytest.mark.machine

USUAL = [1600, 900]
FORM = "Protocol Run"
CLASSIFICATION = (326, 325)
"""Where this box of Scipion's window is."""
WINDOW = """
import sys, tkinter
root = tkinter.Tk()
root.title("large")
root.geometry(sys.argv[1])
root.bind("<Configure>", lambda _: root.title(f"large {root.winfo_rootx()} {root.winfo_rooty()}"))
root.mainloop()
"""
"""A window whose title tells where the program believes it to be: there it would open its menus."""
CANVAS = """
const canvas = document.querySelector('#screen canvas'), box = canvas.getBoundingClientRect();
return [canvas.width, canvas.height, box.width / canvas.width, box.height / canvas.height];
"""


@pytest.fixture(scope="module")
def opened(desktop: Desktop, shared_page: webdriver.Chrome) -> Iterator[webdriver.Chrome]:
    open_desktop(shared_page, desktop.link())
    yield shared_page
    shared_page.get("about:blank")
    as_user(desktop, "/usr/local/share/cloudify-desktop/bin/size")
    wait_until(lambda: look(desktop).size == USUAL)


def resize(page: webdriver.Chrome, width: int, height: int, factor: float = 1) -> None:
    """Give the window another size, in CSS pixels, on a screen with `factor` pixels for each."""
    metrics = {"width": width, "height": height, "deviceScaleFactor": factor, "mobile": False}
    page.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)


def becomes(desktop: Desktop, page: webdriver.Chrome, size: list[int]) -> None:
    """Wait until the machine's screen and the browser's picture have this size."""
    wait_until(lambda: look(desktop).size == size, 60)
    wait_until(lambda: page.execute_script(CANVAS)[:2] == size, 60)


@pytest.mark.parametrize(
    ("width", "height", "factor"), [(1366, 768, 1), (1920, 1080, 1), (1366, 768, 2), (1093, 650, 1.25)]
)
def test_letters_are_one_to_one_and_clicks_hit(
    desktop: Desktop, opened: webdriver.Chrome, width: int, height: int, factor: float
) -> None:
    resize(opened, width, height, factor)
    size = [width, height - STRIP]
    becomes(desktop, opened, size)
    assert opened.execute_script(CANVAS)[2:] == [1, 1]
    for place in ([7, 5], [size[0] // 3, size[1] // 2], [size[0] - 2, size[1] - 2]):
        move(opened, *place)
        wait_until(lambda place=place: look(desktop).pointer == place, 60)


def test_in_a_tiny_window_the_picture_is_shrunk(desktop: Desktop, opened: webdriver.Chrome) -> None:
    resize(opened, 512, 300 + STRIP, 2)
    becomes(desktop, opened, [1024, 600])
    assert opened.execute_script(CANVAS)[2:] == pytest.approx([0.5, 0.5], abs=0.01)
    move(opened, 800, 500)
    wait_until(lambda: all(abs(a - b) <= 2 for a, b in zip(look(desktop).pointer, (800, 500), strict=True)), 60)


def test_of_two_browsers_the_last_one_decides_and_who_looks_never(desktop: Desktop, opened: webdriver.Chrome) -> None:
    resize(opened, 1500, 800 + STRIP)
    becomes(desktop, opened, [1500, 800])
    with browser(width=1280, height=700 + STRIP) as other:
        open_desktop(other, desktop.link())
        becomes(desktop, other, [1280, 700])
        opened.execute_script("dispatchEvent(new Event('focus'))")
        becomes(desktop, other, [1500, 800])
        other.get("about:blank")
        open_desktop(other, desktop.link(view_only=True))
        wait_until(lambda: other.execute_script("return document.body.dataset.viewOnly") == "true")
        resize(other, 1200, 650 + STRIP)
        time.sleep(1.5)  # noVNC waits for half a second after a window's last change
        becomes(desktop, other, [1500, 800])


def test_a_form_opens_with_its_last_button_on_the_screen(desktop: Demo, opened: webdriver.Chrome) -> None:
    open_project(desktop, desktop.project)
    for width, height in (USUAL, (1366, 768)):
        resize(opened, width, height + STRIP)
        becomes(desktop, opened, [width, height])
        move(opened, 900, 400)  # the tooltip of a box on which the pointer rests takes the second click
        time.sleep(1)
        double_click(opened, *CLASSIFICATION)
        try:
            wait_until(lambda: any(FORM in title for title in look(desktop).windows), 20)
            wait_until(lambda: look(desktop).seen(FORM), 60)
        finally:
            close(desktop, FORM)


def test_what_is_too_large_or_outside_comes_back_onto_the_screen(desktop: Desktop, opened: webdriver.Chrome) -> None:
    resize(opened, USUAL[0], USUAL[1] + STRIP)
    becomes(desktop, opened, USUAL)
    for geometry in ("3000x2000+0+50", "500x400+1500+700", "500x400-300-200"):
        with program(desktop, ["python3", "-c", WINDOW, geometry], "large"):
            wait_until(lambda: look(desktop).seen("large"), 60)


@pytest.mark.parametrize(("geometry", "kept"), [("400x300+200+100", True), ("400x300+1100+500", False)])
def test_windows_keep_their_places_on_a_smaller_screen_if_they_can_and_know_them(
    desktop: Desktop, opened: webdriver.Chrome, geometry: str, kept: bool
) -> None:
    resize(opened, USUAL[0], USUAL[1] + STRIP)
    becomes(desktop, opened, USUAL)
    with program(desktop, ["python3", "-c", WINDOW, geometry], "large"):
        before = look(desktop).box("large")
        resize(opened, 1024, 600 + STRIP)
        becomes(desktop, opened, [1024, 600])
        wait_until(lambda: knows_its_place(look(desktop)) and look(desktop).seen("large"), 60)
        assert (look(desktop).box("large") == before) is kept


def knows_its_place(screen: Screen) -> bool:
    title = next(title for title in screen.windows if "large " in title)
    (x, y), box = map(int, title.split()[1:]), screen.windows[title]
    return 0 <= x - box[0] < 10 and 20 < y - box[1] < 40  # within its frame


def test_another_geometry_closes_no_window(desktop: Desktop, opened: webdriver.Chrome) -> None:
    units = ("cloudify-desktop-vnc", "cloudify-desktop-session")
    before = desktop.run(["systemctl", "show", "--property=MainPID", *units])
    windows = set(look(desktop).windows)
    place = "/etc/cloudify-desktop/vnc.env"
    desktop.run(["sed", "-i", "s/=.*/=1280x720/", place])
    try:
        as_user(desktop, "/usr/local/share/cloudify-desktop/bin/size")
        wait_until(lambda: look(desktop).size == [1280, 720])
        assert set(look(desktop).windows) == windows
    finally:
        desktop.run(["sed", "-i", f"s/=.*/={USUAL[0]}x{USUAL[1]}/", place])
    assert desktop.run(["systemctl", "show", "--property=MainPID", *units]) == before
