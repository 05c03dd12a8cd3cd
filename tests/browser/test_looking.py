"""Who may only look, at a real desktop: nothing that such a browser does arrives, and it is not told what is copied."""

from __future__ import annotations

import json
import struct

import pytest

from tests.browser.screen import as_user, program, terminal, typed
from tests.browser.target import Desktop
from tests.browser.viewer import Viewer, viewer
from tests.conftest import Demo
from tests.unit.desktop.served import wait_until

pytestmark = pytest.mark.machine

STATE = """
import tkinter
root = tkinter.Tk()
root.withdraw()
try: copied = root.clipboard_get()
except tkinter.TclError: copied = None
print(root.winfo_pointerxy(), root.winfo_screenwidth(), root.winfo_screenheight(), copied)
"""
COPY = """
import sys, tkinter
root = tkinter.Tk()
root.withdraw()
root.clipboard_clear()
root.clipboard_append(sys.argv[1])
root.mainloop()
"""
SECRET = "nobody who only looks is told this"
EXTENDED = -0x3F5E1A32
CLIPBOARD_ENCODING = struct.pack(">BxHi", 2, 1, EXTENDED)
CAPABILITIES = struct.pack(">Bxxxi", 6, -8) + struct.pack(">II", 0x1F << 24 | 1, 1 << 20)
CAN, THERE_IS_TEXT, THERE_IS_NONE = 0x1F << 24 | 1, 1 << 27 | 1, 1 << 27
ASK_FOR_TEXT = struct.pack(">Bxxxi", 6, -4) + struct.pack(">I", 1 << 25 | 1)


def key(letter: str) -> bytes:
    return b"".join(struct.pack(">BBxxI", 4, down, ord(letter)) for down in (1, 0))


def acts(there: Viewer) -> bytes:
    """All that a browser can do, but for what ends it."""
    x, y = there.width - 20, there.height // 2
    clicks = b"".join(struct.pack(">BBHH", 5, buttons, x, y) for buttons in (0, 1, 0, 4, 0, 8, 0, 16, 0))
    extended_key = struct.pack(">BBHII", 255, 0, 1, ord("b"), 48)
    cut = struct.pack(">BxxxI", 6, 7) + b"planted"
    size = struct.pack(">BxHHBx", 251, 800, 600, 1) + struct.pack(">IHHHHI", 0, 0, 0, 800, 600, 0)
    return key("a") + clicks + extended_key + cut + size


def test_nothing_that_such_a_browser_does_arrives(desktop: Desktop) -> None:
    with terminal(desktop, raw=True), viewer(desktop, desktop.link(view_only=True)) as looks:
        before = as_user(desktop, "python3", "-c", STATE)
        looks.say(acts(looks))
        with viewer(desktop, desktop.link()) as works:
            works.say(key("o"))
            wait_until(lambda: bool(typed(desktop)))
        assert typed(desktop) == "o"
        assert as_user(desktop, "python3", "-c", STATE) == before
        looks.say(b"\x63")  # nobody knows what this is, nor how long
        assert looks.is_ended()


def test_such_a_browser_is_not_told_what_is_copied(desktop: Desktop) -> None:
    """It says that it knows the clipboard, or does not, and asks; the owner is told, as the cross-check."""
    links = [desktop.link(view_only=True), desktop.link(view_only=True), desktop.link()]
    with viewer(desktop, links[0]) as plain, viewer(desktop, links[1]) as asks, viewer(desktop, links[2]) as works:
        asks.say(CLIPBOARD_ENCODING, CAPABILITIES)
        for one, times in ((plain, 1), (asks, 2)):
            assert [clipboard_word(one) for _ in range(times)] == [CAN] * times
        with program(desktop, ["python3", "-c", COPY, SECRET]):
            assert works.cut_text() == (len(SECRET), SECRET.encode())
            assert (clipboard_word(plain), clipboard_word(asks)) == (THERE_IS_TEXT, THERE_IS_TEXT)
            asks.say(ASK_FOR_TEXT)
        assert (clipboard_word(plain), clipboard_word(asks)) == (THERE_IS_NONE, THERE_IS_NONE)


def clipboard_word(one: Viewer) -> int:
    """Of the extended clipboard, which holds no contents unless it says so."""
    length, word = one.cut_text()
    assert length < 0, word
    return int.from_bytes(word[:4], "big")


def test_the_owner_sees_who_is_there_and_ends_who_looks_alone(demo: Demo) -> None:
    link = json.loads(owner(demo, "--view-only"))
    with viewer(demo, demo.link()) as works, viewer(demo, link["url"]) as looks:
        there = {one["id"]: one for one in json.loads(owner(demo, "--who"))}
        assert there[link["id"]]["view_only"] and there[link["id"]]["address"]
        assert False in [one["view_only"] for one in there.values()]
        assert json.loads(owner(demo, "--revoke", "--id", link["id"])) == {"revoked": 1}
        assert looks.is_ended()
        assert link["id"] not in [one["id"] for one in json.loads(owner(demo, "--who"))]
        works.say(key("x"))


def owner(demo: Demo, *words: str) -> str:
    return demo.installation.run("cloudify-scipion", "open", demo.project, "--json", *words)
