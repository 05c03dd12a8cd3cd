"""The page in a real browser, before a real gateway and a stand-in for noVNC: says why, loses no link and no key."""

from __future__ import annotations

from collections.abc import Iterator

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
from tests.browser.way import Way
from tests.unit.desktop.served import Served, wait_until

pytestmark = pytest.mark.long
STATES = """
window.states = [];
new MutationObserver(() => states.push(document.body.dataset.state)).observe(document.body, {attributes: true});
"""


@pytest.fixture(scope="module")
def shared_page() -> Iterator[webdriver.Chrome]:
    with browser() as driver:
        yield driver


def link(served: Served, way: Way, *, view_only: bool = False) -> str:
    return f"http://127.0.0.1:{way.port}/#token={served.token(view_only=view_only)}"


def press(page: webdriver.Chrome, text: str) -> None:
    for letter in text:
        for kind in ("keyDown", "keyUp"):
            event = {"type": kind, "key": letter, "code": f"Key{letter.upper()}"}
            page.execute_cdp_cmd("Input.dispatchKeyEvent", event)


def test_a_cut_is_not_seen_and_loses_no_key(served: Served, way: Way, page: webdriver.Chrome) -> None:
    open_desktop(page, link(served, way))
    page.execute_script(STATES)
    press(page, "abc")
    way.cut()
    press(page, "defgh")
    wait_until(lambda: served.vnc.heard[7::8] == b"abcdefgh")
    press(page, "ij")
    wait_until(lambda: served.vnc.heard[7::8] == b"abcdefghij")
    assert set(page.execute_script("return states")) <= {"connected"}
    assert page.execute_script("return document.querySelectorAll('#screen canvas').length") == 1


def test_a_link_that_is_spent_is_said_to_be_so(served: Served, way: Way, page: webdriver.Chrome) -> None:
    used, late, ended = (link(served, way) for _ in range(3))
    access = served.gateway.access
    access.redeem(used.split("=")[1])
    late = late.split("=")[0] + "=" + access.issue(0.0).token
    wait_until(lambda: access.told(late.split("=")[1]) == "expired")
    access.revoke()
    causes = {used: "is used up", late: "has expired", ended: "was withdrawn", f"{used}x": "is not known"}
    for address, cause in causes.items():
        page.get("about:blank")
        page.get(address)
        wait_for_state(page, "ended")
        assert cause in message(page)
    page.refresh()
    wait_for_state(page, "ended")
    assert "opens with a link" in message(page)


def test_a_proxy_without_websockets_is_named_and_costs_no_link(
    served: Served, way: Way, page: webdriver.Chrome
) -> None:
    way.upgrades = False
    page.get(link(served, way))
    wait_for_message(page, "no WebSocket gets through")
    assert state_of(page) == "waiting"
    page.refresh()  # the link is no longer in the address
    wait_for_message(page, "no WebSocket gets through")
    way.upgrades = True
    wait_for_frame(page)
    assert page.execute_script("return sessionStorage.length") == 0


def test_a_machine_that_is_down_is_named_and_comes_back(served: Served, way: Way, page: webdriver.Chrome) -> None:
    open_desktop(page, link(served, way))
    way.close()
    wait_for_message(page, "the machine does not answer")
    assert page.execute_script("return document.getElementById('reload').hidden")
    way.open()
    wait_for_frame(page)


def test_who_looks_on_is_told_so(served: Served, way: Way, page: webdriver.Chrome) -> None:
    open_desktop(page, link(served, way, view_only=True))
    wait_until(lambda: page.execute_script("return document.body.dataset.viewOnly") == "true")
    shown = "return ['looks', 'paste'].map((id) => getComputedStyle(document.getElementById(id)).display)"
    assert page.execute_script(shown) == ["block", "none"]


def test_without_a_clipboard_a_field_takes_its_place(served: Served, way: Way, page: webdriver.Chrome) -> None:
    open_desktop(page, link(served, way))
    page.execute_script("Object.defineProperty(navigator, 'clipboard', {value: undefined})")
    page.execute_script("document.getElementById('paste').click()")
    wait_until(lambda: bool(page.execute_script("return document.getElementById('clipboard').open")))
    press(page, "x")
    page.execute_script("document.getElementById('text').value = 'by hand'")
    page.execute_script("document.querySelector('#clipboard [value=send]').click()")
    wait_until(lambda: served.vnc.heard == b"[by hand]")


def test_leaving_is_asked_about_and_full_screen_takes_the_keys(
    served: Served, way: Way, page: webdriver.Chrome
) -> None:
    leaves = "const event = new Event('beforeunload', {cancelable: true}); return !dispatchEvent(event)"
    page.get(f"http://127.0.0.1:{way.port}/")
    wait_for_state(page, "ended")
    assert page.execute_script(leaves) is False
    open_desktop(page, link(served, way))
    assert page.execute_script(leaves) is True
    page.execute_script("navigator.keyboard.lock = async () => { window.locked = true }")
    click = {"expression": "document.getElementById('full').click()", "userGesture": True}
    page.execute_cdp_cmd("Runtime.evaluate", click)
    wait_until(lambda: bool(page.execute_script("return window.locked")))
