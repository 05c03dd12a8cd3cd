"""The page in a real browser, before a real gateway and a stand-in for noVNC: says why, loses no link and no key."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from cloudify_desktop.connections import MADE_ROOM, Connection
from selenium import webdriver

from tests.browser.certificate import key_hash, self_signed
from tests.browser.desktop_browser import (
    browser,
    message,
    open_desktop,
    state_of,
    wait_for_frame,
    wait_for_message,
    wait_for_state,
)
from tests.browser.shown import ELSEWHERE, show, way_to
from tests.browser.target import VERSION, token_of
from tests.browser.way import DROPS, HANGS, Way, answers
from tests.unit.desktop.served import CALM, PINGS, Served, gateway, wait_until

pytestmark = pytest.mark.long
STATES = """
window.states = [];
new MutationObserver(() => states.push(document.body.dataset.state)).observe(document.body, {attributes: true});
"""


BUTTONS = """
const all = document.querySelectorAll('body > :not(#card, dialog) button');
return [...all].filter((button) => button.checkVisibility()).map((button) => button.id);
"""
SEEN = """
const dialogs = [...document.querySelectorAll('dialog[open]')].map((dialog) => dialog.id);
return JSON.stringify([Boolean(document.fullscreenElement), dialogs]);
"""
KEY_DOWN = """
const event = new KeyboardEvent("keydown", { key: arguments[0], bubbles: true, cancelable: true });
document.activeElement.dispatchEvent(event);
"""


@pytest.fixture(scope="module")
def shared_page() -> Iterator[webdriver.Chrome]:
    with browser() as driver:
        yield driver


def pressed(served: Served) -> list[int]:
    """The numbers of the keys that went down."""
    heard = served.vnc.heard.replace(VERSION, b"")
    messages = [heard[at : at + 8] for at in range(0, len(heard) - 7, 8)]
    return [int.from_bytes(message[6:]) for message in messages if message[1]]


def typed(served: Served) -> bytes:
    return bytes(number & 0xFF for number in pressed(served))


def link(served: Served, way: Way, *, view_only: bool = False) -> str:
    return f"{served.url.split(':')[0]}://127.0.0.1:{way.port}/#token={served.token(view_only=view_only)}"


def press(page: webdriver.Chrome, text: str) -> None:
    for letter in text:
        for kind in ("keyDown", "keyUp"):
            event = {"type": kind, "key": letter, "code": f"Key{letter.upper()}"}
            event |= {"text": letter} if kind == "keyDown" else {}
            page.execute_cdp_cmd("Input.dispatchKeyEvent", event)


def test_a_cut_is_not_seen_and_loses_no_key(served: Served, way: Way, page: webdriver.Chrome) -> None:
    open_desktop(page, link(served, way))
    page.execute_script(STATES)
    press(page, "abc")
    way.cut()
    press(page, "defgh")
    wait_until(lambda: typed(served) == b"abcdefgh")
    press(page, "ij")
    wait_until(lambda: typed(served) == b"abcdefghij")
    assert set(page.execute_script("return states")) <= {"connected"}
    assert page.execute_script("return document.querySelectorAll('#screen canvas').length") == 1


ASKS = """
const fetched = window.fetch;
window.fetch = () => {
  window.fetch = fetched;
  return new Promise((_, fails) => { window.fails = fails; });
};
document.dispatchEvent(new Event("visibilitychange"));
"""
FAILS = """
const close = WebSocket.prototype.close, done = arguments[0];
let closed = false;
WebSocket.prototype.close = function () { closed = true; return close.call(this); };
fails(new TypeError("no network"));
setTimeout(() => done(closed));
"""


def test_an_answer_that_a_cut_has_lost_cuts_nothing_else(served: Served, way: Way, page: webdriver.Chrome) -> None:
    open_desktop(page, link(served, way))
    for cut in (True, False):
        page.execute_script(ASKS)
        if cut:
            (before,) = served.gateway.connections.all
            way.cut()
            wait_until(partial(_has_come_back, served, before))
            press(page, "a")  # arrives when the page knows
            wait_until(lambda: typed(served) == b"a")
        assert page.execute_async_script(FAILS) is not cut


def _has_come_back(served: Served, before: Connection) -> bool:
    return [one for one in served.gateway.connections.all if one is not before] == served.gateway.connections.all != []


HELD = {"Control": "ControlLeft", "Shift": "ShiftRight"}


def turn(page: webdriver.Chrome, key: str, kind: str) -> None:
    page.execute_cdp_cmd("Input.dispatchKeyEvent", {"type": kind, "key": key, "code": HELD[key]})


CONTROL, SHIFT = "\xe3", "\xe1"


def held(served: Served, letter: str) -> str:
    """Which keys were down, for the connection by which this letter came last, when it did; the letter with them."""
    heard = served.vnc.heard.split(VERSION)[-1]
    down: list[str] = []
    for at in range(0, len(heard) - 7, 8):
        key = chr(heard[at + 7])
        down = [*down, key] if heard[at + 1] else [one for one in down if one != key]
        if key == letter and heard[at + 1]:
            return "".join(sorted(set(down)))
    return ""


# What the stand-in sends, by its last byte. Keys may leave before the page sees the cut, or wait for its end.
def test_modifiers_that_are_held_over_a_cut_are_held_after_it(served: Served, way: Way, page: webdriver.Chrome) -> None:
    open_desktop(page, link(served, way))
    turn(page, "Control", "keyDown")
    turn(page, "Shift", "keyDown")
    wait_until(lambda: typed(served) == (CONTROL + SHIFT).encode("latin-1"))
    way.cut()
    turn(page, "Shift", "keyUp")
    press(page, "c")
    wait_until(lambda: held(served, "c") == f"c{CONTROL}")
    way.cut()
    wait_until(lambda: held(served, CONTROL) == CONTROL)
    page.execute_script("dispatchEvent(new Event('blur'))")
    way.cut()
    press(page, "d")
    wait_until(lambda: held(served, "d") == "d")


# The stand-in's keys have the letter's number, here those that X has for Hebrew's.
def test_letters_that_are_paced_stay_in_order_and_a_cut_loses_none(
    served: Served, way: Way, page: webdriver.Chrome
) -> None:
    open_desktop(page, link(served, way))
    for letter in "\u0ce0\u0ce1a\u0ce2\u0ce3\u0ce4":
        page.execute_script(KEY_DOWN, letter)
    way.cut()
    for letter in "\u0ce5\u0ce6b\u0ce7":
        page.execute_script(KEY_DOWN, letter)
    wait_until(lambda: typed(served)[-1:] == b"\xe7")
    got = "".join(map(chr, pressed(served)))
    assert got == "\u0ce0\u0ce1a\u0ce2\u0ce3\u0ce4\u0ce5\u0ce6b\u0ce7"


@pytest.mark.parametrize("more", [")", ">.", "%20%E2%80%A6", '",'])
def test_what_a_mail_program_adds_to_a_link_is_no_part_of_it(
    served: Served, way: Way, page: webdriver.Chrome, more: str
) -> None:
    open_desktop(page, link(served, way) + more)


NO_STORAGE = "Object.defineProperty(window, 'sessionStorage', {get() { throw new DOMException('', 'SecurityError') }})"


@pytest.mark.parametrize("fault", ["a file is missing", "the browser keeps nothing"])
def test_a_page_that_cannot_run_says_so(served: Served, way: Way, page: webdriver.Chrome, fault: str) -> None:
    whole, script = served.gateway.config, ""
    if fault == "a file is missing":
        served.gateway.config = replace(whole, novnc=whole.page)
    else:
        added = page.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": NO_STORAGE})
        script = added["identifier"]
    page.get(link(served, way))
    wait_for_message(page, "did not load completely")
    assert state_of(page) == "ended"
    served.gateway.config = whole
    if script:
        page.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", {"identifier": script})
    click_as_a_user(page, "reload")
    wait_for_frame(page)


def test_a_window_that_had_to_go_for_another_does_not_come_back_by_itself(
    served: Served, way: Way, page: webdriver.Chrome
) -> None:
    open_desktop(page, link(served, way))
    (there,) = served.gateway.connections.all
    there.ended = MADE_ROOM
    wait_for_message(page, "too many windows")
    assert state_of(page) == "ended" and served.who() == []
    click_as_a_user(page, "reload")
    wait_for_frame(page)


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


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize(
    "refuses", [answers(200), answers(403), answers(502), DROPS, HANGS], ids=["200", "403", "502", "drops", "hangs"]
)
def test_a_proxy_without_websockets_is_named_and_costs_no_link(
    served: Served, way: Way, page: webdriver.Chrome, refuses: bytes, late: bool
) -> None:
    way.refuses, way.late = refuses, late
    address = link(served, way)
    page.get(address)
    wait_for_message(page, "no WebSocket gets through")
    assert state_of(page) == "waiting"
    wait_until(lambda: served.gateway.access.is_open(token_of(address)))
    page.refresh()  # the link is no longer in the address
    wait_for_message(page, "no WebSocket gets through")
    way.refuses = None
    wait_for_frame(page)
    assert page.execute_script("return sessionStorage.length") == 0


def test_a_desktop_that_says_nothing_is_no_proxys_fault(served: Served, way: Way, page: webdriver.Chrome) -> None:
    served.vnc.greeting = b""
    page.get(link(served, way))
    wait_for_message(page, "your desktop does not")
    served.vnc.greeting = b"a picture"
    wait_for_frame(page)


def test_an_idle_desktop_is_heard_of_from_both_sides(tmp_path: Path, page: webdriver.Chrome) -> None:
    with gateway(tmp_path, PINGS) as served, way_to(served.url) as way:
        show(served, tmp_path)
        open_desktop(page, link(served, way))
        there = list(served.gateway.connections.all)
        for _ in range(5):
            before = list(way.carried)
            wait_until(partial(_more_both_ways, way, before))
        assert served.gateway.connections.all == there and served.vnc.heard == VERSION


def _more_both_ways(way: Way, before: list[int]) -> bool:
    return all(now > then for now, then in zip(way.carried, before, strict=True))


def test_a_computer_that_is_offline_is_named_and_comes_back(served: Served, way: Way, page: webdriver.Chrome) -> None:
    open_desktop(page, link(served, way))
    nothing = {"latency": 0, "downloadThroughput": 0, "uploadThroughput": 0}
    page.execute_cdp_cmd("Network.enable", {})
    page.execute_cdp_cmd("Network.emulateNetworkConditions", {"offline": True, **nothing})
    way.cut()
    wait_for_message(page, "this computer is offline")
    page.execute_cdp_cmd("Network.emulateNetworkConditions", {"offline": False, **dict.fromkeys(nothing, -1)})
    wait_for_frame(page)


def test_a_certificate_that_the_browser_does_not_accept_is_named(tmp_path: Path) -> None:
    old, new = self_signed(tmp_path, "old"), self_signed(tmp_path, "new")
    accepts = f"--ignore-certificate-errors-spki-list={key_hash(old[0])}"
    with gateway(tmp_path / "one", CALM, old) as served, gateway(tmp_path / "two", CALM, new) as other:
        show(served, tmp_path)
        with way_to(served.url) as way, browser(accepts) as page:
            open_desktop(page, link(served, way))
            way.to = urlsplit(other.url).port or 0
            way.cut()
            wait_for_message(page, "If its certificate has changed")
            assert page.execute_script("return document.getElementById('reload').hidden") is False


def test_who_looks_on_is_told_so(served: Served, way: Way, page: webdriver.Chrome) -> None:
    open_desktop(page, link(served, way, view_only=True))
    wait_until(lambda: page.execute_script("return document.body.dataset.viewOnly") == "true")
    shown = "return ['looks', 'paste'].map((id) => getComputedStyle(document.getElementById(id)).display)"
    assert page.execute_script(shown) == ["block", "none"]


def test_over_plain_http_each_button_does_something(served: Served, way: Way) -> None:
    with browser(f"--host-resolver-rules=MAP {ELSEWHERE} 127.0.0.1") as page:
        open_desktop(page, link(served, way).replace("127.0.0.1", ELSEWHERE))
        assert page.execute_script("return isSecureContext") is False
        buttons = page.execute_script(BUTTONS)
        assert {"full", "paste"} <= set(buttons)
        for button in buttons:
            before = page.execute_script(SEEN)
            click_as_a_user(page, button)
            wait_until(partial(_differs, page, before))
            page.execute_script(
                "document.querySelector('dialog[open]')?.close(); document.exitFullscreen().catch(() => {})"
            )
            wait_until(partial(_is, page, before))
        click_as_a_user(page, "paste")
        page.execute_script("document.getElementById('text').focus()")
        press(page, "hand")
        page.execute_script("document.querySelector('#clipboard [value=send]').click()")
        wait_until(lambda: served.vnc.heard.endswith(b"[hand]"))


def click_as_a_user(page: webdriver.Chrome, button: str) -> None:
    click = {"expression": f"document.getElementById('{button}').click()", "userGesture": True}
    page.execute_cdp_cmd("Runtime.evaluate", click)


def _is(page: webdriver.Chrome, seen: str) -> bool:
    return bool(page.execute_script(SEEN) == seen)


def _differs(page: webdriver.Chrome, seen: str) -> bool:
    return not _is(page, seen)


LEAVES_IN_A_CUT = """
const fetched = window.fetch;
window.fetch = (address, options) => {  // the gateway is asked what it has received
  const event = new Event('beforeunload', {cancelable: true});
  if (options.headers["X-Desktop-Tab"]) (window.asked ??= []).push(!dispatchEvent(event));
  return fetched(address, options);
};
"""


def test_leaving_is_asked_about_and_full_screen_takes_the_keys(
    served: Served, way: Way, page: webdriver.Chrome
) -> None:
    leaves = "const event = new Event('beforeunload', {cancelable: true}); return !dispatchEvent(event)"
    page.get(f"http://127.0.0.1:{way.port}/")
    wait_for_state(page, "ended")
    assert page.execute_script(leaves) is False
    open_desktop(page, link(served, way))
    assert page.execute_script(leaves) is True
    page.execute_script(LEAVES_IN_A_CUT)
    way.cut()
    wait_until(lambda: bool(page.execute_script("return window.asked")))
    assert page.execute_script("return window.asked") == [True]
    wait_for_frame(page)
    page.execute_script("navigator.keyboard.lock = async () => { window.locked = true }")
    click_as_a_user(page, "full")
    wait_until(lambda: bool(page.execute_script("return window.locked")))
