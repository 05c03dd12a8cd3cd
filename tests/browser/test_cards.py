"""The page's cards in a real browser: each says what is, whose move it is and what comes next, and fits the screen."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from selenium import webdriver

from tests.browser.desktop_browser import browser, wait_for_state
from tests.unit.desktop.served import Served

pytestmark = pytest.mark.long

ANSWER = {"session": False, "link": "good", "desktop": "up"}
NOT_YET = {"connected": False, "failures": 0, "silent": False}
KNOWN = {"answer": ANSWER, "token": "t", "online": True, "secure": False, **NOT_YET}
LINKS = ("used", "expired", "revoked", "unknown")
CASES: dict[str, dict[str, Any]] = {
    **{link: {**KNOWN, "answer": {**ANSWER, "link": link}} for link in LINKS},
    "no link": {**KNOWN, "token": None},
    "session over": {**KNOWN, "token": None, "connected": True},
    "starting": {**KNOWN, "answer": {**ANSWER, "desktop": "down"}},
    "silent": {**KNOWN, "silent": True},
    "held back": {**KNOWN, "failures": 2},
    "held back, TLS": {**KNOWN, "failures": 2, "secure": True},
    "away": {**KNOWN, "answer": None},
    "cut, TLS": {**KNOWN, "answer": None, "connected": True, "secure": True},
    "too many": {"crowded": True},
    "offline": {**KNOWN, "answer": None, "connected": True, "online": False},
}
SHOW = """
const [known, done] = arguments;
Promise.all([import("/causes.js"), import("/card.js")]).then(([{ judge }, { show }]) => {
  show({ ...judge(known), state: "waiting" });
  const card = document.getElementById("card"), box = card.getBoundingClientRect();
  const inside = box.top >= 0 && box.left >= 0 && box.bottom <= innerHeight && box.right <= innerWidth;
  done([inside, card.innerText]);
});
"""
MOVES = (
    "Ask for a new link",
    "tell who gave you the link",
    "tell your IT support",
    "load the page again",
    "comes back with its network",
)


@pytest.fixture(scope="module", params=[(1366, 768), (1920, 1080)], ids=["1366x768", "1920x1080"])
def shared_page(request: pytest.FixtureRequest) -> Iterator[webdriver.Chrome]:
    with browser(width=request.param[0], height=request.param[1]) as driver:
        yield driver


def test_each_card_says_whose_move_it_is_and_fits(served: Served, page: webdriver.Chrome) -> None:
    page.get(served.url)
    wait_for_state(page, "ended")
    said = {}
    for name, known in CASES.items():
        inside, text = page.execute_async_script(SHOW, known)
        assert inside and any(move in text for move in MOVES), (name, text)
        said[name] = text
    assert len(set(said.values())) == len(CASES), "each cause has its own words"
