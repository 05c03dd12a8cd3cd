"""Keys that a cut lost: what of them is sent again, in a real browser."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from selenium import webdriver

from tests.browser.desktop_browser import browser, wait_for_state
from tests.unit.desktop.served import Served

pytestmark = pytest.mark.long

C, CTRL, SHIFT, ALTGR, CAPS = 0x63, 0xFFE3, 0xFFE1, 0xFE03, 0xFFE5
WHOLE = """
const [there, gone, done] = arguments, bytes = (keys) => keys.map((key) => Uint8Array.from(key));
import("/channel.js").then(({ whole }) => done(whole(bytes(there), bytes(gone)).map((key) => [...key])));
"""
KEYS = """
const [messages, done] = arguments;
import("/channel.js").then(({ isKey }) => done(messages.map((bytes) => isKey(Uint8Array.from(bytes)))));
"""


@pytest.fixture(scope="module")
def shared_page() -> Iterator[webdriver.Chrome]:
    with browser() as driver:
        yield driver


def plain(key: int, down: bool) -> list[int]:
    return [4, down, 0, 0, *key.to_bytes(4, "big")]


def extended(key: int, down: bool) -> list[int]:
    return [255, 0, 0, down, *key.to_bytes(4, "big"), 0, 0, 0, key & 0xFF]


CASES = (
    ("+c", "", ""),
    ("+C", "", ""),  # nothing is lost, nothing is said
    ("", "+c -c", "+c -c"),
    ("+C", "+c -c -C", "+C +c -c -C"),  # or a lone c would arrive
    ("+C", "+c", "+C +c -C -c"),
    ("", "+C", "+C -C"),  # what comes later does not let go of it
    ("+c", "-c", "-c"),  # typed once
    ("+C -C", "+c -c", "+c -c"),
    ("+S +A", "+c -c -A -S", "+S +A +c -c -A -S"),
    ("+L", "+c -c", "+c -c"),  # a lock would change
)
NUMBERS = {"c": C, "C": CTRL, "S": SHIFT, "A": ALTGR, "L": CAPS}


def test_keys_begin_with_what_was_held_and_end_with_nothing_held(served: Served, page: webdriver.Chrome) -> None:
    page.get(served.url)
    wait_for_state(page, "ended")
    for message in (plain, extended):
        for case in CASES:
            there, gone, again = ([message(NUMBERS[key], sign == "+") for sign, key in text.split()] for text in case)
            assert page.execute_async_script(WHOLE, there, gone) == again, case


def test_a_piece_of_a_long_text_is_no_key(served: Served, page: webdriver.Chrome) -> None:
    page.get(served.url)
    wait_for_state(page, "ended")
    pieces = [[kind, *[7] * 10239] for kind in (4, 255)]
    assert page.execute_async_script(KEYS, [plain(C, True), extended(C, True), *pieces]) == [True, True, False, False]
