"""Keys as browsers send them: the events that Linux, Windows and macOS make of a keyboard's keys."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

from selenium import webdriver

ALT, CTRL, SHIFT = 1, 2, 8
PLATFORMS = {"linux": "Linux x86_64", "windows": "Win32", "mac": "MacIntel"}
ALTGR_OF_WINDOWS = """
const target = document.activeElement, common = { bubbles: true, cancelable: true, ctrlKey: true };
target.dispatchEvent(new KeyboardEvent("keydown", { key: "Control", code: "ControlLeft", location: 1, ...common }));
const altGr = { key: "AltGraph", code: "AltRight", location: 2, altKey: true, ...common };
target.dispatchEvent(new KeyboardEvent("keydown", altGr));
"""
"""Windows presses a Ctrl of its own at once before, and noVNC counts milliseconds: two commands take longer."""
NAMED = {"\n": ("Enter", "Enter"), " ": (" ", "Space")}


@dataclass(frozen=True)
class Key:
    """A letter, and where it is: `level` 0 plain, 1 with Shift, 2 with AltGr (macOS: Option), 3 with both.

    `dead` is the key that comes before it, if any.
    """

    letter: str
    code: str
    level: int = 0
    dead: Key | None = None


def keyboard(table: str) -> list[Key]:
    """Keys from a table: letter and place, then `+` (Shift) or `~` (AltGr) if need be, then `^PLACE` of a dead key."""
    keys = []
    for item in table.split():
        place, _, dead = item[1:].partition("^")
        key = _at(item[0], place)
        keys.append(replace(key, dead=_at("Dead", dead)) if dead else key)
    return keys


def letters(text: str) -> list[Key]:
    """Keys for a text, on whatever key."""
    return [Key(letter, NAMED[letter][1] if letter in NAMED else "KeyA") for letter in text]


def pretend(page: webdriver.Chrome, system: str) -> None:
    """Make the page believe that it runs there."""
    agent = page.execute_script("return navigator.userAgent")
    page.execute_cdp_cmd("Emulation.setUserAgentOverride", {"userAgent": agent, "platform": PLATFORMS[system]})


def press(page: webdriver.Chrome, keys: list[Key], system: str = "linux") -> None:
    """Type keys one after the other, as fast as the browser takes them."""
    for key in keys:
        if key.dead:
            _stroke(page, key.dead, system)
        _stroke(page, key, system)


def _at(letter: str, place: str) -> Key:
    return Key(letter, place.rstrip("+~"), ("+" in place) + 2 * ("~" in place))


def _stroke(page: webdriver.Chrome, key: Key, system: str) -> None:
    name, state, held = NAMED.get(key.letter, (key.letter, ""))[0], 0, list(_modifiers(key.level, system))
    at = time.time()
    for modifier, code, bit, location in held:
        state |= bit
        if system == "windows" and code == "AltRight":
            page.execute_script(ALTGR_OF_WINDOWS)
        elif not (system == "windows" and code == "ControlLeft"):
            _event(page, "rawKeyDown", modifier, code, state, location, at)
    _event(page, "rawKeyDown", name, key.code, state, 0, at)
    _event(page, "keyUp", name, key.code, state, 0, at)
    for modifier, code, bit, location in reversed(held):
        state &= ~bit
        _event(page, "keyUp", modifier, code, state, location, at)


def _modifiers(level: int, system: str) -> Iterator[tuple[str, str, int, int]]:
    if level & 1:
        yield "Shift", "ShiftLeft", SHIFT, 1
    if level & 2 and system == "mac":
        yield "Alt", "AltLeft", ALT, 1
    elif level & 2 and system == "windows":
        yield "Control", "ControlLeft", CTRL, 1
        yield "AltGraph", "AltRight", ALT, 2
    elif level & 2:
        yield "AltGraph", "AltRight", 0, 2


def _event(page: webdriver.Chrome, kind: str, key: str, code: str, modifiers: int, location: int, at: float) -> None:
    event = {"type": kind, "key": key, "code": code, "modifiers": modifiers, "location": location, "timestamp": at}
    page.execute_cdp_cmd("Input.dispatchKeyEvent", event)
