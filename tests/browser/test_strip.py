"""The line above the desktop, in a real browser: what it says of saving and time, and that it hides nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from selenium import webdriver

from cloudify_scipion.agent import status as agent
from tests.browser.desktop_browser import browser, open_desktop, wait_for_state
from tests.unit.desktop.served import Served, wait_until, websocket

pytestmark = pytest.mark.long

SIZES = ((1366, 768), (1920, 1080))
SHOWN = """
const place = document.getElementById(arguments[0]);
return [place.dataset.mood, place.textContent, place.checkVisibility()];
"""
PLACES = """
const rect = (query) => document.querySelector(query).getBoundingClientRect();
const box = (query) => { const r = rect(query); return [r.x, r.y, r.right, r.bottom]; };
return {strip: box("#strip"), screen: box("#screen > div"), end: document.querySelector("#strip").scrollWidth};
"""


@pytest.fixture(scope="module", params=SIZES, ids=["1366x768", "1920x1080"])
def shared_page(request: pytest.FixtureRequest) -> Iterator[webdriver.Chrome]:
    """In another time zone than this host's, as readers are."""
    with browser(width=request.param[0], height=request.param[1]) as driver:
        driver.execute_cdp_cmd("Emulation.setTimezoneOverride", {"timezoneId": "Asia/Kathmandu"})
        yield driver


def say(served: Served, **changes: Any) -> None:
    """What the agent says of a working copy that was saved just now."""
    folder = Path(served.gateway.config.saving)
    folder.mkdir(exist_ok=True)
    now = datetime.now(UTC).isoformat()
    (folder / "status.json").write_text(json.dumps({**agent.empty(), "pulled": True, "saved": now, **changes}))


def shown(page: webdriver.Chrome, part: str) -> list[Any]:
    """Mood, words, and whether they are to be seen."""
    page.execute_script("document.dispatchEvent(new Event('visibilitychange'))")  # looks again at once
    found: list[Any] = page.execute_script(SHOWN, part)
    return found


def opened(served: Served, page: webdriver.Chrome) -> None:
    open_desktop(page, f"{served.url}#token={served.token()}")


def until(page: webdriver.Chrome, part: str, mood: str, words: str) -> None:
    def is_shown() -> bool:
        found = shown(page, part)
        return found[0] == mood and words in found[1] and found[2]

    wait_until(is_shown)


def test_who_works_sees_that_others_are_there(served: Served, page: webdriver.Chrome) -> None:
    opened(served, page)
    assert shown(page, "others")[2] is False
    with websocket(served, token=served.token(view_only=True)):
        wait_until(lambda: shown(page, "others")[1:] == ["1 other is connected", True])
        with websocket(served, token=served.token()):
            wait_until(lambda: shown(page, "others")[1:] == ["2 others are connected", True])
    wait_until(lambda: shown(page, "others")[2] is False)


def test_the_state_of_saving_is_told_by_the_readers_clock(served: Served, page: webdriver.Chrome) -> None:
    opened(served, page)
    until(page, "saving", "none", "No data space: copy what you need")
    saved = datetime.now(UTC)
    say(served, saved=saved.isoformat())
    there = saved + timedelta(hours=5, minutes=45)
    until(page, "saving", "good", f"All saved, {there:%H:%M}")
    say(served, unsaved=12)
    until(page, "saving", "busy", "12 files not saved yet")
    say(served, last={"push": {"ok": False, "message": "no room {at} there"}})
    until(page, "saving", "bad", "NOT SAVED: no room {at} there")


@pytest.mark.parametrize(
    ("left", "mood", "words"),
    [
        (timedelta(days=6, hours=23), "good", "6 days left"),
        (timedelta(days=1, minutes=1), "little", "1 day left"),
        (timedelta(hours=5, minutes=1), "bad", "5 hours left, until "),
        (timedelta(minutes=2, seconds=50), "bad", "2 minutes left, until "),
        (timedelta(seconds=-1), "bad", "Time is over: copy what you need"),
    ],
)
def test_the_time_left_is_told(served: Served, page: webdriver.Chrome, left: timedelta, mood: str, words: str) -> None:
    ends = (datetime.now(UTC) + left).isoformat()
    served.gateway.config = replace(served.gateway.config, ends_at=ends)
    opened(served, page)
    until(page, "left", mood, words)


def test_of_an_end_that_is_not_known_nothing_is_said(served: Served, page: webdriver.Chrome) -> None:
    opened(served, page)
    until(page, "saving", "none", "")
    assert not shown(page, "left")[2]


def test_a_stranger_is_told_nothing(served: Served, page: webdriver.Chrome) -> None:
    say(served)
    page.get(served.url)
    wait_for_state(page, "ended")
    assert not shown(page, "saving")[2]
    assert not {"saving", "ends"} & set(served.facts())


def test_nothing_of_the_desktop_is_covered_and_nothing_jumps(served: Served, page: webdriver.Chrome) -> None:
    opened(served, page)
    say(served, last={"push": {"ok": False, "message": "x" * 500}})
    long = replace(served.gateway.config, title="T" * 300, ends_at=datetime.now(UTC).isoformat())
    before = page.execute_script(PLACES)
    served.gateway.config = long
    page.refresh()
    until(page, "saving", "bad", "NOT SAVED")
    places = page.execute_script(PLACES)
    width, height = page.execute_script("return [innerWidth, innerHeight]")
    assert places["screen"] == before["screen"] == [0, places["strip"][3], width, height]
    assert places["strip"] == before["strip"] and places["end"] <= width


def test_full_screen_is_the_desktops_own(served: Served, page: webdriver.Chrome) -> None:
    opened(served, page)
    press = {"expression": "document.getElementById('full').click()", "userGesture": True}
    page.execute_cdp_cmd("Runtime.evaluate", press)
    wait_until(lambda: page.execute_script(PLACES)["screen"][1] == 0 and page.execute_script(PLACES)["strip"][3] <= 0)
    assert page.execute_script("return document.getElementById('full').textContent") == "Leave full screen"
    page.execute_cdp_cmd("Runtime.evaluate", press)
    wait_until(lambda: page.execute_script(PLACES)["screen"][1] == page.execute_script(PLACES)["strip"][3] > 0)


def test_help_fits_and_gives_the_keys_back(served: Served, page: webdriver.Chrome) -> None:
    opened(served, page)
    page.find_element("id", "ask").click()
    sizes = "const d = document.getElementById('help'); return [d.open, d.scrollHeight - d.clientHeight, d.innerText]"
    is_open, hidden, text = page.execute_script(sizes)
    assert is_open and hidden <= 0 and "Nothing stops" in text
    page.execute_script("document.querySelector('#help button').click()")
    wait_until(lambda: bool(page.execute_script("return document.activeElement.tagName === 'CANVAS'")))
