"""What the desktop shows of saving: a question about files that are gone, asked in a window and answered in it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from selenium import webdriver

from tests.browser.desktop_browser import click, open_desktop, screenshot
from tests.browser.target import DISPLAY
from tests.conftest import Demo
from tests.infra.saved import AS_USER, Saved
from tests.installation import wait_until

pytestmark = pytest.mark.machine

RESTORE = (983, 377)
"""Where this button is on a desktop of 1600x900: the window is in the middle, a third from the top."""
FILES = 60
ON_DISPLAY = ("env", *DISPLAY)
SAVING = "/usr/local/share/cloudify-desktop/bin/saving"
PROGRESS = "/run/scipion-data/progress.json"
GONE = 4_000_000
"""No process has this number."""
WINDOWS = """
import ctypes, json
x = ctypes.CDLL("libX11.so.6")
Window, Windows = ctypes.c_ulong, ctypes.POINTER(ctypes.c_ulong)
x.XOpenDisplay.restype = ctypes.c_void_p
x.XDefaultRootWindow.argtypes, x.XDefaultRootWindow.restype = [ctypes.c_void_p], Window
x.XFetchName.argtypes = [ctypes.c_void_p, Window, ctypes.POINTER(ctypes.c_char_p)]
some = ctypes.POINTER(Window)
x.XQueryTree.argtypes = [ctypes.c_void_p, Window, some, some, ctypes.POINTER(Windows), ctypes.POINTER(ctypes.c_uint)]
display = x.XOpenDisplay(b":1")
def names(window):
    name, root, parent, inner, count = ctypes.c_char_p(), Window(), Window(), Windows(), ctypes.c_uint()
    if x.XFetchName(display, window, ctypes.byref(name)) and name.value:
        yield name.value.decode(errors="replace")
    x.XQueryTree(display, window, root, parent, ctypes.byref(inner), count)
    for place in range(count.value):
        yield from names(inner[place])
print(json.dumps(sorted(names(x.XDefaultRootWindow(display)))))
"""
"""The names of all windows of the desktop."""


@pytest.fixture
def saved(demo: Demo) -> Saved:
    return Saved(demo.installation, demo.project)


def windows(saved: Saved) -> list[str]:
    names: list[str] = json.loads(on_the_desktop(saved, "python3", "-c", WINDOWS))
    return names


def on_the_desktop(saved: Saved, *argv: str) -> str:
    return saved.run(*AS_USER, *ON_DISPLAY, *argv).stdout


def on_the_line(page: webdriver.Chrome) -> str:
    """What the page says of saving, looked at anew."""
    page.execute_script("document.dispatchEvent(new Event('visibilitychange'))")
    return str(page.execute_script("return document.getElementById('saving').textContent"))


def files(saved: Saved) -> int:
    return int(saved.user("ls many | wc -l").stdout) if saved.user("test -d many", (0, 1)).code == 0 else 0


def test_a_mass_deletion_is_asked_about_and_taken_back(
    saved: Saved, demo: Demo, page: webdriver.Chrome, tmp_path: Path
) -> None:
    saved.user(f"mkdir many; for n in $(seq {FILES}); do head -c 2000 /dev/urandom > many/$n; done")
    saved.push()
    open_desktop(page, demo.link())
    assert "Saving" not in windows(saved)
    saved.user("rm -r many")
    saved.push()
    try:
        assert [question["id"] for question in saved.status()["questions"]] == ["deletions"]
        assert len(list((saved.space / "many").iterdir())) == FILES
        wait_until(lambda: "Saving" in windows(saved), 60)
        wait_until(lambda: on_the_line(page) == "A question about your files waits for your answer")
        on_the_desktop(saved, "icesh", "-c", "Saving", "close")
        wait_until(lambda: "Saving" not in windows(saved), 60)
        saved.run("systemd-run", "--quiet", "--unit=is-it-saved", *AS_USER, *ON_DISPLAY, SAVING, "status")
        wait_until(lambda: windows(saved).count("Saving") == 2, 60)  # the window about saving, and the question again
        saved.run("systemctl", "stop", "is-it-saved")
        wait_until(lambda: windows(saved).count("Saving") == 1, 60)
        screenshot(page, tmp_path / "question.png")
        click(page, *RESTORE)
        wait_until(lambda: "Saving" not in windows(saved), 60)
        wait_until(lambda: files(saved) == FILES, 60)
        saved.push()
        assert saved.status()["questions"] == [] and saved.status()["unsaved"] == 0
        wait_until(lambda: on_the_line(page).startswith("All saved, "))
    finally:
        saved.user("rm -rf many")
        saved.push()
        saved.run("scipion-data", "answer", "deletions", "delete", expect=range(8))
        saved.push()
    assert not (saved.space / "many").exists()


def test_the_gateway_sees_in_its_sandbox_whether_the_agent_works(
    saved: Saved, demo: Demo, page: webdriver.Chrome
) -> None:
    open_desktop(page, demo.link())
    wait_until(lambda: on_the_line(page) != "")
    calm = on_the_line(page)
    try:
        for pid, words in ((1, "Saving: 12 files to go"), (GONE, calm)):
            going = {"work": "push", "phase": "saving", "files_done": 3, "files_total": 15, "pid": pid}
            saved.run("tee", PROGRESS, stdin=json.dumps(going).encode())
            wait_until(lambda: on_the_line(page) == words)  # noqa: B023
    finally:
        saved.run("rm", "-f", PROGRESS)
